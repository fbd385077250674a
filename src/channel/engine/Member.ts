/**
 * A joined channel of one socket, as its handlers see it. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

import { isExit } from "../../core/Effects.ts"
import type { Message, Subscriber } from "../Broadcaster.ts"
import type { Handlers } from "../Definition.ts"
import type { Payload, Ref } from "../wire/Message.ts"
import type { Connection } from "./Connection.ts"
import type { Lane } from "./Lane.ts"

/** A joined channel. */
export class Member implements Subscriber {
  readonly lane: Lane
  // Beside the lane and not behind it, and the handlers too: of a thousand members that are delivered to, each step to another object is a miss of the cache.
  private readonly connection: Connection
  private readonly intercept: Handlers["intercept"]
  readonly joinRef: Ref
  readonly params: Readonly<Record<string, unknown>>
  readonly state: unknown
  readonly scope: Scope.Closeable
  detach: () => void = () => {}

  constructor(
    lane: Lane,
    joinRef: Ref,
    params: Readonly<Record<string, unknown>>,
    state: unknown,
    scope: Scope.Closeable
  ) {
    this.lane = lane
    this.connection = lane.connection
    this.intercept = lane.implementation.handlers.intercept
    this.joinRef = joinRef
    this.params = params
    this.state = state
    this.scope = scope
  }

  get topic(): string {
    return this.lane.topic
  }

  /** From now on it gets what is broadcast to its topic. */
  attach(): void {
    this.detach = this.connection.hub.broadcaster.attach(this.topic, this)
  }

  deliver(message: Message): void {
    if (this.intercept !== undefined && Object.hasOwn(this.intercept, message.event)) this.lane.intercept(this, message)
    else this.connection.broadcast(message)
  }

  push(event: string, payload: unknown): Effect.Effect<void> {
    return this.encoded(event, payload, (encoded) => this.connection.push(this.joinRef, this.topic, event, encoded))
  }

  broadcast(event: string, payload: unknown): Effect.Effect<void> {
    return this.publish(event, payload, undefined)
  }

  broadcastFrom(event: string, payload: unknown): Effect.Effect<void> {
    return this.publish(event, payload, this)
  }

  get stop(): Effect.Effect<void> {
    return Effect.sync(() => this.lane.stop(this))
  }

  private publish(event: string, payload: unknown, except: Subscriber | undefined): Effect.Effect<void> {
    return this.encoded(event, payload, (encoded) =>
      this.connection.hub.broadcaster.publish({ topic: this.topic, event, payload: encoded }, except)
    )
  }

  private encoded(event: string, payload: unknown, use: (encoded: Payload) => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { built, compiled } = this.lane.implementation
      const encoded = compiled.encode(event, payload)
      if (isExit(encoded)) {
        const exit = encoded as Exit.Exit<Payload>
        if (exit._tag === "Failure") return exit
        use(exit.value)
        return Effect.void
      }
      return Effect.provideContext(Effect.map(encoded, use), built as Context.Context<any>)
    })
  }
}
