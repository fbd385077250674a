/**
 * Subscriptions to the channels of topics, whose texts are read as messages. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { ConnectionFault } from "./Client.ts"
import type { Connection } from "./Connection.ts"

type Listener<M> = (message: M) => void

/** Reads the texts of channels for listeners. A text in another format is skipped. */
export class Subscriptions<M> {
  private readonly connection: Connection
  private readonly read: (text: string) => M | undefined
  private readonly readers = new Map<Listener<M>, (text: string) => void>()

  constructor(connection: Connection, read: (text: string) => M | undefined) {
    this.connection = connection
    this.read = read
  }

  add(channel: string, listener: Listener<M>): Effect.Effect<void, ConnectionFault> {
    return Effect.suspend(() => {
      const reader = (text: string) => {
        const message = this.read(text)
        if (message !== undefined) listener(message)
      }
      this.readers.set(listener, reader)
      return this.connection.subscribe(channel, reader)
    })
  }

  remove(channel: string, listener: Listener<M>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const reader = this.readers.get(listener)
      this.readers.delete(listener)
      return reader === undefined ? Effect.void : this.connection.unsubscribe(channel, reader)
    })
  }
}
