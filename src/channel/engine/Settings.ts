/**
 * The limits of each socket, and the answers beyond them. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { AddedSerializer, Limits } from "../Serializer.ts"

/** What happens to a slow reader. */
export interface SlowReader {
  /** How many messages wait. */
  readonly maxMessages: number
  /** How many bytes wait; of a text its length. */
  readonly maxBytes: number
  readonly onOverflow: "close" | "drop-oldest" | "drop-newest"
  /** Counts dropped messages, and those of a closed socket. */
  readonly count: (dropped: number, closes: boolean) => void
}

/** The limits of each socket. */
export interface Settings {
  readonly maxChannels: number
  readonly joinTimeoutMillis: number
  readonly handlerTimeoutMillis: number | undefined
  /** How many messages of one channel wait for its handlers. */
  readonly maxPendingMessages: number
  /** How many bytes of messages of one channel wait for its handlers. */
  readonly maxPendingBytes: number
  /** The same, over all channels of one socket. */
  readonly maxSocketPendingBytes: number
  /** How many bytes wait for slow readers, over all sockets. */
  readonly maxOutgoingBytes: number
  /** The treatment of a message beyond the limits of pending ones. */
  readonly onBusy: "reply" | "crash"
  /** The treatment of an event without a handler. */
  readonly onUnknownEvent: "reply" | "crash"
  readonly wire: Limits
  /** Those that the mount adds to Phoenix's. */
  readonly serializers: ReadonlyArray<AddedSerializer>
  readonly slowReader: SlowReader
}
