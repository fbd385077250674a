/**
 * A connection for the subscriptions to one server of a Redis Cluster. Internal to the Redis engine.
 *
 * The client of `redis` takes an unasked `sunsubscribe`, which a server sends when a slot leaves it, for the reply to whatever command waits at that moment. Therefore:
 *
 * 1. Nothing is sent on this connection but subscriptions: whether it lives is seen by a message to its own channel, which comes back on it.
 * 2. A reply too many, or the end of a subscription that nobody has, shows that replies were confused: the connection is closed, and all its subscriptions are repeated on another one.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import { destroyClient } from "../Client.ts"
import type { Client, ConnectionFault } from "../Client.ts"

type Dispatch = (message: string) => void

/** After so many missed messages in a row the connection is closed. */
const maxMissed = 3

/** The owner of a connection for subscriptions. */
export interface ShardOwner {
  /** All its subscriptions have ended. */
  readonly broken: (subscriber: ShardSubscriber, description: string) => void
  /** The slot of a channel has left the server. */
  readonly moved: (subscriber: ShardSubscriber, channel: string) => void
}

/** A connection for subscriptions to one server. */
export class ShardSubscriber {
  readonly address: string
  /** The channel by which it is seen to live. */
  readonly echo: string
  private readonly client: Client
  private readonly owner: ShardOwner
  private readonly channels = new Map<string, Dispatch>()
  /** Ends when it has connected. */
  readonly opened: Promise<unknown>
  private readonly waiting = new Map<string, () => void>()
  private sent = 0
  private missed = 0
  private isOpen = false
  private isBroken = false

  constructor(address: string, echo: string, client: Client, owner: ShardOwner) {
    this.address = address
    this.echo = echo
    this.client = client
    this.owner = owner
    client.on("error", (problem) => this.end(problem instanceof Error ? problem.message : String(problem)))
    client.on("end", () => this.end("the connection has ended"))
    client.on("sharded-channel-moved", (channel) => this.left(String(channel)))
    this.channels.set(echo, this.echoed)
    this.opened = client.connect().then(() => client.sSubscribe(echo, this.echoed))
    this.opened.then(
      () => (this.isOpen = true),
      (problem) => this.end(String(problem))
    )
  }

  /** Whether it is subscribed to a channel, or about to be. */
  has(channel: string): boolean {
    return this.channels.has(channel)
  }

  /** Succeeds when the subscription is active. */
  async add(channel: string, dispatch: Dispatch): Promise<void> {
    await this.opened
    if (this.isBroken) return Promise.reject(new Error("the connection has ended"))
    this.channels.set(channel, dispatch)
    try {
      await this.client.sSubscribe(channel, dispatch)
    } catch (problem) {
      this.channels.delete(channel)
      throw problem
    }
  }

  async remove(channel: string, dispatch: Dispatch): Promise<void> {
    if (this.isBroken) return
    if (this.channels.get(channel) === dispatch) this.channels.delete(channel)
    await this.client.sUnsubscribe(channel, dispatch)
  }

  /**
   * Looks whether a message to its own channel comes back: `send` publishes it. A busy process reads its messages late, so that the connection is closed after
   * several misses only. A server that refuses the message proves nothing about the connection.
   */
  prove(
    send: (message: string) => Effect.Effect<unknown, ConnectionFault>,
    within: Duration.Duration
  ): Effect.Effect<void, ConnectionFault> {
    return Effect.gen({ self: this }, function* () {
      if (!this.isOpen) return
      const message = String(++this.sent)
      const arrived = Effect.callback<boolean>((resume) => {
        this.waiting.set(message, () => resume(Effect.succeed(true)))
      })
      const late = { duration: within, orElse: () => Effect.succeed(false) }
      // The message may be here before the answer of the server.
      const waiting = yield* Effect.forkChild(Effect.timeoutOrElse(arrived, late), { startImmediately: true })
      const proved = Effect.andThen(send(message), Fiber.join(waiting))
      const isHere = yield* Effect.ensuring(
        proved,
        Effect.sync(() => this.waiting.delete(message))
      )
      this.missed = isHere ? 0 : this.missed + 1
      if (this.missed === maxMissed) this.end("it does not deliver")
    })
  }

  /** Closes it, and notifies the owner once. */
  end(description: string): void {
    if (this.isBroken) return
    this.close()
    this.owner.broken(this, description)
  }

  close(): void {
    this.isBroken = true
    this.channels.clear()
    destroyClient(this.client)
  }

  private readonly echoed = (message: string): void => this.waiting.get(message)?.()

  private left(channel: string): void {
    if (channel === this.echo || !this.channels.delete(channel)) return this.end(`it lost the channel ${channel}`)
    this.owner.moved(this, channel)
  }
}
