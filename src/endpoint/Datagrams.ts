/**
 * Datagrams: bytes that may be lost, or overtake each other, and hold up nothing. A service of its own, which only transports that carry datagrams provide: a program
 * that needs them does not compile over one that does not.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import type { Connection } from "./Connection.ts"
import { carriedOf } from "./engine/Guard.ts"
import { ConnectionEnded } from "./Errors.ts"
import type { Carried } from "./Transport.ts"

/**
 * A datagram that is larger than the connection carries.
 *
 * @category reasons
 * @since 0.1.0
 */
export class DatagramTooLarge extends Schema.TaggedError<DatagramTooLarge>()("DatagramTooLarge", {
  size: Schema.Finite,
  maxSize: Schema.Finite
}) {
  override get message() {
    return `A datagram of ${this.size} bytes is too large, ${this.maxSize} are carried: split it, or open a stream`
  }
}

/**
 * A datagram that could not be sent or awaited.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatagramError extends Schema.TaggedError<DatagramError>()("DatagramError", {
  reason: Schema.Union([DatagramTooLarge, ConnectionEnded])
}) {
  override get message() {
    return this.reason.message
  }
}

/**
 * The datagrams of a connection. The hooks have let the connection pass; there is no point for each datagram.
 *
 * @category models
 * @since 0.1.0
 */
export interface Channel {
  /** The most bytes that a datagram may have. */
  readonly maxSize: number
  /** Sends one. That it succeeds does not say that it arrives. */
  readonly send: (bytes: Uint8Array) => Effect.Effect<void, DatagramError>
  /** Waits for one. Those that nobody waits for are kept up to a bound; then the oldest are lost. */
  readonly receive: Effect.Effect<Uint8Array, DatagramError>
}

/**
 * Gives the datagrams of a connection.
 *
 * **Example** (Telling a position)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Datagrams } from "fairlead/endpoint"
 * import type { Connection } from "fairlead/endpoint"
 *
 * const tell = (connection: Connection.Connection, x: number, y: number) =>
 *   Effect.flatMap(Datagrams.Datagrams, ({ of }) => of(connection).send(Uint8Array.of(x, y)))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Datagrams extends Context.Service<
  Datagrams,
  {
    /** Throws when the connection is one of another transport. */
    readonly of: (connection: Connection) => Channel
  }
>()("fairlead/endpoint/Datagrams") {}

/**
 * The service of a transport, by how it finds the datagrams of what it carries: for those who write transports.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromTransport = (find: (carried: Carried) => Channel | undefined): Datagrams["Service"] => ({
  of(connection) {
    const carried = carriedOf(connection)
    const channel = carried && find(carried)
    if (channel === undefined) throw new TypeError("Datagrams: the connection is one of another transport")
    return channel
  }
})
