/**
 * What carries a socket's frames: a WebSocket, or memory in tests. Internal to the channel part.
 *
 * A transport tells its connection of every frame (`receive`), of any sign of life (`touch`), and once of its end (`closed`).
 *
 * @since 0.1.0
 */
import type { Frame } from "../wire/Message.ts"

/** What a transport made of a frame, ready to be written to any socket of its kind. */
export type Prepared = Frame

/** What a connection asks of what carries it. Nothing here waits or throws. */
export interface Transport {
  /** Makes a frame ready: once for all sockets of this kind, so it must be one function. */
  readonly prepare: (frame: Frame) => Prepared
  /** Hands it to the peer, in order. */
  readonly write: (prepared: Prepared) => void
  /** Whether the peer takes what it is sent; if not, `onDrain` tells once when it does again. */
  readonly ready: () => boolean
  readonly onDrain: (listener: () => void) => void
  /** Stops and goes on with reading, so that a flood waits in the peer's own buffers. */
  readonly pause: () => void
  readonly resume: () => void
  /** Writes something that asks for no answer, so that a peer that is gone is noticed where nothing is read. */
  readonly ping?: () => void
  /** Says goodbye; after a while it ends in any case. */
  readonly close: (code: number, reason: string) => void
}

/** What a transport tells. */
export interface Receiver {
  readonly receive: (frame: Frame) => void
  readonly touch: () => void
  readonly closed: (code: number) => void
}
