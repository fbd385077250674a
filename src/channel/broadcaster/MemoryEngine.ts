/**
 * The broadcaster of one process. Internal to the channel part; public through `Broadcaster`.
 *
 * 1. Publishing is not re-entrant: a message published during a delivery waits until all subscribers have the earlier one.
 * 2. Its offset is assigned when it enters the queue, in the order of delivery.
 * 3. An error that a subscriber throws is reported, and stops no other subscriber.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Exit from "effect/Exit"

import { Delivery } from "./Contract.ts"
import type { Message, PublishOptions, Since, Subscriber } from "./Contract.ts"
import type { Position } from "./Position.ts"
import type { Retention } from "./Retention.ts"
import { TopicLog } from "./TopicLog.ts"

/** The limits of kept messages, over all topics. */
export interface MemoryLimits {
  readonly maxTopics: number
  readonly maxBytes: number
}

interface Publication {
  readonly delivery: Delivery
  readonly except: string | undefined
}

const unpositioned: Exit.Exit<Position | undefined> = Exit.succeed(undefined)

/** One process's topics: their subscribers and kept events. */
export class MemoryEngine {
  private readonly limits: MemoryLimits
  private readonly clock: Clock.Clock
  private readonly reportDefect: (topic: string, defect: unknown) => void
  private readonly epoch: string
  private epochs = 0
  private readonly subscribers = new Map<string, Set<Subscriber>>()
  /** The topic that was silent for the longest is the first. */
  private readonly logs = new Map<string, TopicLog>()
  private bytes = 0
  private queue: Array<Publication> = []
  private delivering = false

  constructor(
    limits: MemoryLimits,
    clock: Clock.Clock,
    epoch: string,
    reportDefect: (topic: string, defect: unknown) => void
  ) {
    this.limits = limits
    this.clock = clock
    this.epoch = epoch
    this.reportDefect = reportDefect
  }

  publish(message: Message, { except, publisher, retention }: PublishOptions = {}): Exit.Exit<Position | undefined> {
    const log = this.logOf(message.topic, retention)
    if (log === undefined) {
      if (this.subscribers.has(message.topic)) this.enqueue(new Delivery(message, undefined, publisher), except)
      return unpositioned
    }
    const { bytes, delivery } = log.append(message, publisher, this.clock.currentTimeMillisUnsafe())
    this.bytes += bytes
    this.logs.delete(message.topic)
    this.logs.set(message.topic, log)
    this.forgetBytes()
    this.enqueue(delivery, except)
    return Exit.succeed(delivery.position)
  }

  subscribe(topic: string, subscriber: Subscriber, retention?: Retention): Exit.Exit<() => void> {
    this.logOf(topic, retention)
    let subscribers = this.subscribers.get(topic)
    if (subscribers === undefined) this.subscribers.set(topic, (subscribers = new Set()))
    subscribers.add(subscriber)
    return Exit.succeed(() => {
      // The topic may have been emptied and made again in the meantime.
      const present = this.subscribers.get(topic)
      if (present?.delete(subscriber) === true && present.size === 0) this.subscribers.delete(topic)
    })
  }

  subscribersOf(topic: string): Iterable<Subscriber> {
    return this.subscribers.get(topic) ?? []
  }

  since(topic: string, position: Position | undefined, limit: number): Exit.Exit<Since> {
    const log = this.logs.get(topic)
    if (log === undefined) return Exit.succeed({ complete: position === undefined, top: undefined, deliveries: [] })
    const now = this.clock.currentTimeMillisUnsafe()
    this.bytes -= log.trim(now)
    return Exit.succeed(log.since(position, limit, now))
  }

  private enqueue(delivery: Delivery, except: string | undefined): void {
    if (this.delivering) {
      this.queue.push({ delivery, except })
      return
    }
    this.delivering = true
    this.deliver(delivery, except)
    for (let next = 0; next < this.queue.length; next++) {
      const { delivery, except } = this.queue[next]!
      this.deliver(delivery, except)
    }
    if (this.queue.length > 0) this.queue = []
    this.delivering = false
  }

  private deliver(delivery: Delivery, except: string | undefined): void {
    const subscribers = this.subscribers.get(delivery.topic)
    if (subscribers === undefined) return
    for (const subscriber of subscribers) {
      try {
        if (except !== undefined && subscriber.id === except) {
          if (delivery.position !== undefined) subscriber.passed?.(delivery.position)
        } else subscriber.deliver(delivery)
      } catch (defect) {
        this.reportDefect(delivery.topic, defect)
      }
    }
  }

  private logOf(topic: string, retention: Retention | undefined): TopicLog | undefined {
    const present = this.logs.get(topic)
    if (present !== undefined || retention === undefined) return present
    const log = new TopicLog(`${this.epoch}${(++this.epochs).toString(36)}`, retention)
    this.logs.set(topic, log)
    this.forgetTopics()
    return log
  }

  private forgetTopics(): void {
    let excess = this.logs.size - this.limits.maxTopics
    for (const [topic, log] of this.logs) {
      if (excess-- <= 0) return
      this.forget(topic, log)
    }
  }

  private forgetBytes(): void {
    if (this.bytes <= this.limits.maxBytes) return
    for (const [topic, log] of this.logs) {
      this.forget(topic, log)
      if (this.bytes <= this.limits.maxBytes) return
    }
  }

  // A topic that has subscribers keeps its count, so that their positions stay true.
  private forget(topic: string, log: TopicLog): void {
    this.bytes -= log.forget()
    if (!this.subscribers.has(topic)) this.logs.delete(topic)
  }
}
