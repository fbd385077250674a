/**
 * The client of a test over its socket in memory. Internal to the testing kits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import * as Reserved from "../../channel/wire/Reserved.ts"
import type { MemorySocket } from "./MemorySocket.ts"
import type { SocketClosed } from "./SocketErrors.ts"
import type { TestSocket } from "./TestSocket.ts"
import { typed } from "./TypedTopic.ts"

/** The client over a socket. Internal to the testing kits. */
export const make = (
  socket: MemorySocket,
  closed: Effect.Effect<SocketClosed>,
  released: Effect.Effect<void>
): TestSocket => ({
  join: (topic, payload = {}) => socket.push(topic, Reserved.join, payload),
  push: (topic, event, payload = {}) => socket.push(topic, event, payload),
  notify: (topic, event, payload = {}) => Effect.sync(() => socket.notify(topic, event, payload)),
  leave: (topic) => socket.push(topic, Reserved.leave, {}),
  heartbeat: socket.push(Reserved.phoenix, Reserved.heartbeat, {}),
  send: (frame) => Effect.sync(() => socket.send(frame)),
  next: (event) => socket.next((message) => event === undefined || message.event === event),
  channel: (channel, params) => typed(socket, channel, params),
  received: socket.received,
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
