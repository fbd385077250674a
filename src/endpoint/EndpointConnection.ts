/**
 * Connections between endpoints, and their streams.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

import type { Alpn } from "./Alpn.ts"
import type { CloseCode } from "./CloseCode.ts"
import type { StreamError } from "./EndpointError.ts"
import type { EndpointId } from "./EndpointId.ts"
import type { CloseReason } from "./error/CloseReason.ts"

export { CloseReason } from "./error/CloseReason.ts"

/**
 * The traffic of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly bytesSent: number
  readonly bytesReceived: number
}

/**
 * A way between the two endpoints.
 *
 * @category models
 * @since 0.1.0
 */
export interface Path {
  /** Where the peer is on it, in the transport's words. */
  readonly remoteAddress: string
  readonly kind: "direct" | "relay"
  /** Whether data takes it now. */
  readonly isSelected: boolean
}

/**
 * A connection as hooks and monitors see it: who it is with and how it fares. The peer's id is proven. It is frozen, and the same object each time, so that it can
 * be a key; holding it does not keep the connection open.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionInfo {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: "dialer" | "acceptor"
  /** Where the peer was when the handshake was done, in the transport's words. */
  readonly remoteAddress: string
  /** The round trip that was measured last; nothing where the transport measures none. */
  readonly rtt: Effect.Effect<Option.Option<Duration.Duration>>
  readonly paths: Effect.Effect<ReadonlyArray<Path>>
  readonly stats: Effect.Effect<Stats>
  /** Closes it, with code and reason to the peer. The first close wins. */
  readonly close: (code: CloseCode, reason: string) => Effect.Effect<void>
}

/**
 * The sending side of a stream. When the scope it was opened in ends in success it is finished; in failure or interruption it is reset, so that what was cut
 * off never looks whole to the peer. A scope that fails with `Reject` resets it with that code.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendStream {
  /** Sends bytes; waits while the peer takes no more. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, StreamError>
  /** Says that this was all. */
  readonly finish: Effect.Effect<void, StreamError>
  /** Aborts the stream with a code. */
  readonly reset: (code: CloseCode) => Effect.Effect<void>
  /** Waits until the peer stops it, with which code; or nothing, when the peer has received all. A transport may notice a stop only when something is written. */
  readonly stopped: Effect.Effect<Option.Option<CloseCode>, StreamError>
  /** Streams of a higher priority are sent first. Default: 0. */
  readonly setPriority: (priority: number) => Effect.Effect<void>
}

/**
 * The receiving side of a stream. When the scope it was opened in ends before its end was read, it is stopped: with the code of the `Reject` that the scope failed
 * with, or with 0.
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
export interface EndpointConnection extends ConnectionInfo {
  /** Opens a stream. The peer sees it with its first byte. */
  readonly openBi: Effect.Effect<BiStream, StreamError, Scope.Scope>
  readonly openUni: Effect.Effect<SendStream, StreamError, Scope.Scope>
  /** Waits for a stream that the peer opens. */
  readonly acceptBi: Effect.Effect<BiStream, StreamError, Scope.Scope>
  readonly acceptUni: Effect.Effect<RecvStream, StreamError, Scope.Scope>
  /** Waits for its end. Watching does not keep it open. */
  readonly closed: Effect.Effect<CloseReason>
}
