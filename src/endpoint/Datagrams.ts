/**
 * Datagrams: bytes that may be lost, or overtake each other, and hold up nothing. A separate service, which only transports that carry datagrams provide: a program
 * that needs them does not compile over one that does not.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import type { EndpointConnection } from "./EndpointConnection.ts"
import { ConnectionEnded } from "./EndpointError.ts"

/**
 * A datagram larger than the connection carries.
 *
 * @category reasons
 * @since 0.1.0
 */
export class DatagramTooLarge extends Schema.TaggedError<DatagramTooLarge>("fairlead/endpoint/DatagramTooLarge")(
  "DatagramTooLarge",
  {
    size: Schema.Finite,
    maxSize: Schema.Finite
  }
) {
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
export class DatagramError extends Schema.TaggedError<DatagramError>("fairlead/endpoint/DatagramError")(
  "DatagramError",
  {
    reason: Schema.Union([DatagramTooLarge, ConnectionEnded])
  }
) {
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
export interface DatagramChannel {
  /** The most bytes that a datagram may have. */
  readonly maxSize: number
  /** Sends one. That it succeeds does not say that it arrives. */
  readonly send: (bytes: Uint8Array) => Effect.Effect<void, DatagramError>
  /** Waits for one. Those that nobody waits for are kept up to a bound; then the oldest are lost. */
  readonly receive: Effect.Effect<Uint8Array, DatagramError>
}

/**
 * Returns the datagrams of a connection.
 *
 * **Example** (Telling a position)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Datagrams } from "fairlead/endpoint"
 * import type { EndpointConnection } from "fairlead/endpoint"
 *
 * const tell = (connection: EndpointConnection.EndpointConnection, x: number, y: number) =>
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
    readonly of: (connection: EndpointConnection) => DatagramChannel
  }
>()("fairlead/endpoint/Datagrams") {}
