/**
 * A connection as hooks and monitors see it. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

import type { Alpn } from "../Alpn.ts"
import type { CloseCode } from "../CloseCode.ts"
import type { ConnectionInfo, Path, Stats } from "../EndpointConnection.ts"
import type { EndpointId } from "../EndpointId.ts"
import type { DialInfo } from "../HookPoints.ts"
import type { TransportConnection } from "../transport/TransportConnection.ts"

/** Shows a transport's connection without handing it out. */
export class View implements ConnectionInfo {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: ConnectionInfo["side"]
  readonly #connection: TransportConnection
  readonly #dial: DialInfo | undefined

  constructor(connection: TransportConnection, dial: DialInfo | undefined) {
    this.remoteId = connection.remoteId
    this.alpn = connection.alpn
    this.side = connection.side
    this.#connection = connection
    this.#dial = dial
    Object.freeze(this)
  }

  /** The dial that a connection came of, as `beforeConnect` saw it. */
  static dialOf(connection: ConnectionInfo): DialInfo | undefined {
    return #dial in connection ? connection.#dial : undefined
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  get rtt(): Effect.Effect<Option.Option<Duration.Duration>> {
    const connection = this.#connection
    return Effect.sync(() => Option.fromUndefinedOr(connection.rtt()))
  }

  get paths(): Effect.Effect<ReadonlyArray<Path>> {
    const connection = this.#connection
    return Effect.sync(() => connection.paths())
  }

  get stats(): Effect.Effect<Stats> {
    const connection = this.#connection
    return Effect.sync(() => connection.stats())
  }

  get close(): (code: CloseCode, reason: string) => Effect.Effect<void> {
    const connection = this.#connection
    return (code, reason) => Effect.sync(() => connection.close(code, reason))
  }
}
