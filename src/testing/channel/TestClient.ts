/**
 * What a test does with a connected client.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Any, Params } from "../../channel/ApiTypes.ts"
import type { Frame, Payload } from "../../channel/wire/Message.ts"
import * as Reserved from "../../channel/wire/Reserved.ts"
import type { Message, Reply } from "./Frames.ts"
import type { ChannelEnded, MemorySocket, SocketClosed } from "./MemorySocket.ts"
import { typed } from "./TestTopic.ts"
import type { TestTopic } from "./TestTopic.ts"

type Unanswered = ChannelEnded | SocketClosed

/**
 * A connected client.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestClient {
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
   * Takes the first message that nobody took yet, or the first of an event; what is before it stays. It waits for one that has not come. Answers go to who waits
   * for them, and do not come here.
   */
  readonly next: (event?: string) => Effect.Effect<Message, SocketClosed>
  /** A channel by its definition: payloads are values, and declared errors are errors. */
  readonly channel: <C extends Any>(channel: C, params: Params<C>) => TestTopic<C>
  /** All messages that came, in order, answers too. */
  readonly received: ReadonlyArray<Message>
  /** Whether the server reads what is sent; `false` while too many messages wait for their handlers. */
  readonly heard: boolean
  /** Reads no more, as a client whose network is slow. */
  readonly stopReading: Effect.Effect<void>
  /** Goes on reading. */
  readonly startReading: Effect.Effect<void>
  /** Closes the socket. Default: 1000; a lost connection is 1006. */
  readonly close: (code?: number) => Effect.Effect<void>
  /** Ends when the socket is closed by either side, with the code and the reason. */
  readonly closed: Effect.Effect<SocketClosed>
  /** Ends when the server has let go of the socket: all channels have ended, all hooks have run, all scopes are closed. */
  readonly released: Effect.Effect<void>
}

/** The client over a socket. Internal to the testing kits. */
export const make = (
  socket: MemorySocket,
  closed: Effect.Effect<SocketClosed>,
  released: Effect.Effect<void>
): TestClient => ({
  join: (topic, payload = {}) => socket.push(topic, Reserved.join, payload),
  push: (topic, event, payload = {}) => socket.push(topic, event, payload),
  notify: (topic, event, payload = {}) => Effect.sync(() => socket.notify(topic, event, payload)),
  leave: (topic) => socket.push(topic, Reserved.leave, {}),
  heartbeat: socket.push(Reserved.phoenix, Reserved.heartbeat, {}),
  send: (frame) => Effect.sync(() => socket.send(frame)),
  next: (event) => socket.next((message) => event === undefined || message.event === event),
  channel: (channel, params) => typed(socket, channel, params),
  received: socket.received,
  get heard() {
    return socket.heard
  },
  stopReading: Effect.sync(() => socket.read(false)),
  startReading: Effect.sync(() => socket.read(true)),
  close: (code = 1000) =>
    Effect.andThen(
      Effect.sync(() => socket.close(code, "")),
      closed
    ).pipe(Effect.asVoid),
  closed,
  released
})
