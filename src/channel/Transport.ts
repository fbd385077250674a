/**
 * The carrier of a socket's frames: a WebSocket, a long-poll session, or memory in tests. Internal to the channel part.
 *
 * A transport notifies its connection of every frame (`receive`), of any sign of life (`touch`), and once of its end (`closed`), at the first sign of it.
 *
 * @since 0.1.0
 */
import type { Frame } from "./Payload.ts"

/** A frame as a transport writes it, ready for any socket of its kind. */
export type Prepared = Frame

/** The transport as a connection uses it. Nothing here waits or throws. */
export interface Transport {
  /** Makes a frame ready: once for all sockets of this kind, so it must be one function. */
  readonly prepare: (frame: Frame) => Prepared
  /** Hands it to the peer, in order. It may leave at the end of the turn of the event loop, together with others. */
  readonly write: (prepared: Prepared) => void
  /** Whether the peer takes what it is sent; if not, `onDrain` notifies once when it does again. */
  readonly ready: () => boolean
  readonly onDrain: (listener: () => void) => void
  /** Sends what was written, and says goodbye; after a while it ends in any case. */
  readonly close: (code: number, reason: string) => void
}

/** The events of a transport. */
export interface Receiver {
  readonly receive: (frame: Frame) => void
  readonly touch: () => void
  readonly closed: (code: number) => void
}
