/**
 * Connections between endpoints, and their streams.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

import type { CloseReason, StreamError } from "./Errors.ts"
import type { Alpn, CloseCode, EndpointId } from "./Identity.ts"

/**
 * What is known of a connection when the handshake is done: the peer's id is proven. The hooks are given the same object each time, so that it can be a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Info {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: "dialer" | "acceptor"
  /** Where the peer is, in the transport's words. */
  readonly remoteAddress: string
}

/**
 * What a connection has carried.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly bytesSent: number
  readonly bytesReceived: number
}

/**
 * The sending side of a stream. When the scope it was opened in ends in success it is finished; in failure or interruption it is reset, so that what was cut
 * off never looks whole to the peer.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendStream {
  /** Sends bytes; waits while the peer takes no more. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, StreamError>
  /** Says that this was all. */
  readonly finish: Effect.Effect<void, StreamError>
  /** Gives the stream up. */
  readonly reset: (code: CloseCode) => Effect.Effect<void>
}

/**
 * The receiving side of a stream. When the scope it was opened in ends before its end was read, it is stopped.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecvStream {
  /** The next bytes, at most `limit`; none when the peer has finished. Default limit: 64 KiB. */
  readonly read: (limit?: number) => Effect.Effect<Option.Option<Uint8Array>, StreamError>
  /** Asks the peer to send no more. */
  readonly stop: (code: CloseCode) => Effect.Effect<void>
}

/**
 * A stream in both directions.
 *
 * @category models
 * @since 0.1.0
 */
export interface BiStream {
  readonly send: SendStream
  readonly recv: RecvStream
}

/**
 * A connection: both sides know each other's id and the protocol they speak. Its hooks have let it pass.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection extends Info {
  /** Opens a stream. The peer sees it with its first byte. */
  readonly openBi: Effect.Effect<BiStream, StreamError, Scope.Scope>
  readonly openUni: Effect.Effect<SendStream, StreamError, Scope.Scope>
  /** Waits for a stream that the peer opens. */
  readonly acceptBi: Effect.Effect<BiStream, StreamError, Scope.Scope>
  readonly acceptUni: Effect.Effect<RecvStream, StreamError, Scope.Scope>
  /** Closes it: the peer is told. The first close wins. */
  readonly close: (code: CloseCode, reason: string) => Effect.Effect<void>
  /** Waits for its end. Watching does not keep it open. */
  readonly closed: Effect.Effect<CloseReason>
  readonly stats: Effect.Effect<Stats>
}
