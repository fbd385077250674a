/**
 * A connection and its streams as a transport has them. Internal: see `EndpointTransport`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

import type { CloseCode } from "../CloseCode.ts"
import type { ConnectionInfo, EndpointConnection, Path, RecvStream, SendStream, Stats } from "../EndpointConnection.ts"
import type { StreamError } from "../EndpointError.ts"
import type { CloseReason } from "../error/CloseReason.ts"
import type { Source } from "./Source.ts"

/**
 * The sending side of a stream, as the transport has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportSend extends SendStream {
  /** Finishes it if it is still open, or resets it with the code. Nothing is waited for. */
  readonly end: (code: CloseCode | undefined) => void
}

/**
 * The receiving side of a stream, as the transport has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportRecv extends RecvStream {
  /** Stops it unless its end was read. Nothing is waited for. */
  readonly end: (code: CloseCode) => void
}

/**
 * A stream in both directions, as the transport has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportBi {
  readonly send: TransportSend
  readonly recv: TransportRecv
}

/**
 * A connection as the transport has it. Its streams belong to whoever takes them.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportConnection extends Pick<ConnectionInfo, "remoteId" | "alpn" | "side" | "remoteAddress"> {
  readonly openBi: Source<TransportBi, StreamError>
  readonly openUni: Source<TransportSend, StreamError>
  readonly acceptBi: Source<TransportBi, StreamError>
  readonly acceptUni: Source<TransportRecv, StreamError>
  readonly close: (code: CloseCode, reason: string) => void
  /** How it has ended; `undefined` while it is open. */
  readonly ended: CloseReason | undefined
  /** Calls back once when it has ended, at once if it has. The function that it returns forgets the listener. */
  readonly onEnd: (listener: (reason: CloseReason) => void) => () => void
  readonly stats: () => Stats
  readonly rtt: () => Duration.Duration | undefined
  readonly paths: () => ReadonlyArray<Path>
}

/** A connection that is built on one of a transport, which only this module can reach. */
export abstract class Carried {
  readonly #carrier: TransportConnection

  constructor(carrier: TransportConnection) {
    this.#carrier = carrier
  }

  /** The transport's connection of an endpoint's connection. */
  static carrierOf(connection: EndpointConnection): TransportConnection | undefined {
    return #carrier in connection ? connection.#carrier : undefined
  }
}
