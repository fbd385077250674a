/**
 * The subscriptions of a node to a Redis Cluster: each at the server that has the slot of its channel. Internal to the Redis engine.
 *
 * A subscription ends when its slot moves, or when its server is gone. It is made again at the server that has the slot then; afterwards the owner is notified of
 * the channels with possible gaps.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { asked, ConnectionFault } from "../Client.ts"
import { redirectOf } from "./ClusterView.ts"
import type { Redirect } from "./ClusterView.ts"
import type { ShardOwner, ShardSubscriber } from "./ShardSubscriber.ts"

type Listener = (message: string) => void

/** The cluster as its subscriptions use it. */
export interface SubscriptionOwner {
  readonly masterOf: (channel: string) => string | undefined
  readonly open: (address: string, owner: ShardOwner) => ShardSubscriber
  /** Another server has the slot. */
  readonly redirected: (redirect: Redirect, from: string) => void
  /** Asks which server has which slot now. */
  readonly refresh: Effect.Effect<void>
  /** Limits how long a new connection may take. */
  readonly connecting: <A>(opened: Effect.Effect<A, ConnectionFault>) => Effect.Effect<A, ConnectionFault>
  /** Limits how long an answer may take. */
  readonly answering: <A>(answer: Effect.Effect<A, ConnectionFault>) => Effect.Effect<A, ConnectionFault>
  /** These channels are subscribed to again. */
  readonly back: (channels: ReadonlySet<string>) => void
  /** `waiting` has changed. */
  readonly changed: () => void
  readonly fork: (work: Effect.Effect<void>) => void
}

interface Channel {
  readonly name: string
  readonly listeners: Set<Listener>
  /** Where its subscription is active. */
  place: Place | undefined
}

interface Place {
  readonly subscriber: ShardSubscriber
  readonly dispatch: Listener
}

const maxRedirects = 16

/** How long the next attempt waits. */
const backoffMillis = (tries: number): number => Math.min(20 * 2 ** Math.min(tries, 5), 500)

/** The subscriptions of a node. */
export class ClusterSubscriptions implements ShardOwner {
  private readonly owner: SubscriptionOwner
  private readonly channels = new Map<string, Channel>()
  private readonly subscribers = new Map<string, ShardSubscriber>()
  /** The channels whose subscriptions have ended. */
  private readonly ended = new Set<string>()
  private isRestoring = false

  constructor(owner: SubscriptionOwner) {
    this.owner = owner
  }

  /** How many channels wait for a server. */
  get waiting(): number {
    return this.ended.size
  }

  /** The open connections. */
  get open(): ReadonlyArray<ShardSubscriber> {
    return Array.from(this.subscribers.values())
  }

  add(name: string, listener: Listener): Effect.Effect<void, ConnectionFault> {
    return Effect.suspend(() => {
      let channel = this.channels.get(name)
      if (channel === undefined) this.channels.set(name, (channel = { name, listeners: new Set(), place: undefined }))
      channel.listeners.add(listener)
      return channel.place === undefined ? this.place(channel) : Effect.void
    })
  }

  remove(name: string, listener: Listener): Effect.Effect<void> {
    return Effect.suspend(() => {
      const channel = this.channels.get(name)
      if (channel === undefined || !channel.listeners.delete(listener) || channel.listeners.size > 0) return Effect.void
      this.channels.delete(name)
      this.ended.delete(name)
      return this.leave(channel)
    })
  }

  /** Moves the subscriptions whose slots have moved, and closes the connections without any. */
  follow(): void {
    const used = new Set<ShardSubscriber>()
    for (const channel of this.channels.values()) {
      const { name, place } = channel
      if (place === undefined) continue
      if (place.subscriber.address === this.owner.masterOf(name)) used.add(place.subscriber)
      else {
        this.owner.fork(this.leave(channel))
        this.ended.add(name)
      }
    }
    const masters = new Set(Array.from(this.channels.keys(), (name) => this.owner.masterOf(name)))
    for (const subscriber of this.open) {
      if (used.has(subscriber) || masters.has(subscriber.address)) continue
      this.subscribers.delete(subscriber.address)
      subscriber.close()
    }
    this.restore()
  }

  close(): void {
    this.channels.clear()
    this.ended.clear()
    for (const subscriber of this.subscribers.values()) subscriber.close()
    this.subscribers.clear()
  }

  broken(subscriber: ShardSubscriber): void {
    if (this.subscribers.get(subscriber.address) === subscriber) this.subscribers.delete(subscriber.address)
    for (const channel of this.channels.values()) {
      if (channel.place?.subscriber !== subscriber) continue
      channel.place = undefined
      this.ended.add(channel.name)
    }
    this.owner.changed()
    this.restore()
  }

  moved(subscriber: ShardSubscriber, name: string): void {
    const channel = this.channels.get(name)
    if (channel?.place?.subscriber !== subscriber) return
    channel.place = undefined
    this.ended.add(name)
    this.restore()
  }

  /** Subscribes at the server that has the slot, wherever that is. */
  private place(channel: Channel): Effect.Effect<void, ConnectionFault> {
    const { name } = channel
    return Effect.gen({ self: this }, function* () {
      for (let tries = 0; ; tries++) {
        const address = this.owner.masterOf(name)
        if (address === undefined) {
          return yield* Effect.fail(new ConnectionFault({ message: `No server has the slot of ${name}` }))
        }
        const subscriber = this.subscriberAt(address)
        const dispatch = (message: string) => {
          // Where it has moved, the server that had the slot may still send.
          if (channel.place !== undefined && channel.place.subscriber !== subscriber) return
          for (const listener of channel.listeners) listener(message)
        }
        const { answering, connecting } = this.owner
        yield* connecting(asked(() => subscriber.opened))
        const placed = yield* Effect.result(answering(asked(() => subscriber.add(name, dispatch))))
        if (placed._tag === "Failure") {
          const redirect = redirectOf(placed.failure.message)
          if (redirect === undefined || tries === maxRedirects) return yield* Effect.fail(placed.failure)
          this.owner.redirected(redirect, address)
          continue
        }
        if (this.channels.get(name) !== channel) {
          yield* Effect.ignoreCause(asked(() => subscriber.remove(name, dispatch)))
          return undefined
        }
        // Its slot may have left in the meantime.
        if (!subscriber.has(name)) continue
        channel.place = { subscriber, dispatch }
        this.ended.delete(name)
        return undefined
      }
    })
  }

  private leave(channel: Channel): Effect.Effect<void> {
    const { name, place } = channel
    channel.place = undefined
    if (place === undefined) return Effect.void
    return Effect.ignoreCause(asked(() => place.subscriber.remove(name, place.dispatch)))
  }

  private subscriberAt(address: string): ShardSubscriber {
    let subscriber = this.subscribers.get(address)
    if (subscriber === undefined) this.subscribers.set(address, (subscriber = this.owner.open(address, this)))
    return subscriber
  }

  /** Makes the subscriptions again that have ended, until all are active. */
  private restore(): void {
    if (this.isRestoring || this.ended.size === 0) return
    this.isRestoring = true
    const { back, changed, fork, refresh } = this.owner
    const restoring = Effect.gen({ self: this }, function* () {
      for (let tries = 0; this.ended.size > 0; tries++) {
        if (tries > 0) yield* Effect.andThen(Effect.sleep(backoffMillis(tries)), refresh)
        const again = new Set<string>()
        const placing = (name: string) =>
          Effect.suspend(() => {
            const channel = this.channels.get(name)
            if (channel === undefined) return Effect.void
            return Effect.ignore(Effect.tap(this.place(channel), () => Effect.sync(() => again.add(name))))
          })
        yield* Effect.forEach(Array.from(this.ended), placing, { concurrency: 100, discard: true })
        if (again.size > 0) back(again)
        changed()
      }
    })
    fork(
      Effect.ensuring(
        restoring,
        Effect.sync(() => void (this.isRestoring = false))
      )
    )
  }
}
