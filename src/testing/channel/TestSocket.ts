/**
 * A connected client, as a test drives it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Any, Params } from "../../channel/ApiTypes.ts"
import type { Frame, Payload } from "../../channel/Payload.ts"
import type { Message, Reply } from "./Frames.ts"
import type { ChannelEnded, SocketClosed } from "./SocketErrors.ts"
import type { TestTopic } from "./TestTopic.ts"

type Unanswered = ChannelEnded | SocketClosed

/**
 * A connected client.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestSocket {
  /** Joins a topic; the server's answer. Default payload: `{}`. */
  readonly join: (topic: string, payload?: Payload) => Effect.Effect<Reply, Unanswered>
  /** Sends an event to a topic; the server's answer. Default payload: `{}`. */
  readonly push: (topic: string, event: string, payload?: Payload) => Effect.Effect<Reply, Unanswered>
  /** Sends an event without waiting for an answer; its ref. Default payload: `{}`. */
  readonly notify: (topic: string, event: string, payload?: Payload) => Effect.Effect<string>
  /** Leaves a topic; the server's answer. */
  readonly leave: (topic: string) => Effect.Effect<Reply, Unanswered>
  /** Asks whether the server is there. */
  readonly heartbeat: Effect.Effect<Reply, Unanswered>
  /** Sends a frame as it is. */
  readonly send: (frame: Frame) => Effect.Effect<void>
  /**
   * Takes the first unread message, or the first of an event, and waits until there is one. Messages before it stay unread. Replies go to the `join`, `push` or
   * `leave` that waits for them, never here.
   */
  readonly next: (event?: string) => Effect.Effect<Message, SocketClosed>
  /** A channel by its definition: payloads are values, and declared errors are errors. */
  readonly channel: <C extends Any>(channel: C, params: Params<C>) => TestTopic<C>
  /** All messages that came, in order, answers too. */
  readonly received: ReadonlyArray<Message>
  /** Reads no more, as a client whose network is slow. */
  readonly stopReading: Effect.Effect<void>
  /** Goes on reading. */
  readonly startReading: Effect.Effect<void>
  /** Closes the socket. Default: 1000; a lost connection is 1006. */
  readonly close: (code?: number) => Effect.Effect<void>
  /** Ends when the socket is closed by either side, with the code and the reason. */
  readonly closed: Effect.Effect<SocketClosed>
  /** Returns when the server has released the socket: all channels have ended, all hooks have run, all scopes are closed. */
  readonly released: Effect.Effect<void>
}
