/**
 * The open connections of an endpoint, as data and as a stream of changes. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

import type { ConnectionInfo } from "../EndpointConnection.ts"
import type { ConnectionChange, Connections } from "../EndpointConnections.ts"
import type { EndpointId } from "../EndpointId.ts"
import type { CloseInfo } from "../HookPoints.ts"
import { Connected } from "./Connected.ts"

/** Knows which connections are open. */
export class Registry {
  private readonly open = new Set<Connected>()
  private readonly pubsub: PubSub.PubSub<ConnectionChange>
  private subscribers = 0

  constructor(pubsub: PubSub.PubSub<ConnectionChange>) {
    this.pubsub = pubsub
  }

  static make(capacity: number): Effect.Effect<Registry> {
    return Effect.map(PubSub.sliding<ConnectionChange>(capacity), (pubsub) => new Registry(pubsub))
  }

  add(connection: Connected): void {
    this.open.add(connection)
    if (this.subscribers > 0) this.tell({ _tag: "Opened", connection: Connected.viewOf(connection) })
  }

  remove(connection: Connected, close: () => CloseInfo): void {
    if (this.open.delete(connection) && this.subscribers > 0) {
      this.tell({ _tag: "Closed", connection: Connected.viewOf(connection), ...close() })
    }
  }

  get connections(): Connections {
    const views = (keep: (connection: Connected) => boolean) =>
      Effect.sync(() => {
        const kept: Array<ConnectionInfo> = []
        for (const connection of this.open) if (keep(connection)) kept.push(Connected.viewOf(connection))
        return kept
      })
    const subscription = Effect.acquireRelease(
      Effect.sync(() => {
        this.subscribers++
      }),
      () =>
        Effect.sync(() => {
          this.subscribers--
        })
    )
    return {
      list: views(() => true),
      of: (id: EndpointId) => views(({ remoteId }) => remoteId === id),
      changes: Stream.unwrap(
        Effect.andThen(
          subscription,
          Effect.map(PubSub.subscribe(this.pubsub), (changes) => Stream.fromSubscription(changes))
        )
      )
    }
  }

  private tell(change: ConnectionChange): void {
    PubSub.publishUnsafe(this.pubsub, change)
  }
}
