/**
 * The broadcaster of one of several nodes, over a broker. Internal to the channel part; public through the engines.
 *
 * 1. A topic is subscribed to while it has members on this node; there is no stream of all messages.
 * 2. The last message may be the lost one: positions are compared with the broker's after each reconnect, and in every check.
 * 3. While the broker is away, publishing and subscribing fail. The messages of that time are fetched afterwards, or reported as a discontinuity.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

import * as Held from "../../core/Held.ts"
import { BroadcasterUnavailable } from "../broadcaster/Contract.ts"
import type { Broadcaster, Health, Since, Subscriber } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import type { Retention } from "../broadcaster/Retention.ts"
import { askAgain } from "./AskAgain.ts"
import type { Broker, BrokerRange, BrokerStatus } from "./Broker.ts"
import { open, seal } from "./Envelope.ts"
import { NodeTopic } from "./NodeTopic.ts"
import type { Counts, TopicOwner } from "./NodeTopic.ts"

/** How the engine of a node runs. */
export interface NodeSettings {
  readonly broker: Broker
  readonly clock: Clock.Clock
  readonly health: SubscriptionRef.SubscriptionRef<Health>
  /** How often positions are compared, and topics without members are left. */
  readonly checkIntervalMillis: number
  /** Starts work that belongs to no caller, for as long as the node runs. */
  readonly fork: (work: Effect.Effect<void>) => void
  readonly reportDefect: (topic: string, defect: unknown) => void
}

/** Which topics are compared, and whether those are asked again whose broker does not answer. */
interface Comparison {
  readonly covers?: ((topic: string) => boolean) | undefined
  readonly again?: boolean
}

type Operation = BroadcasterUnavailable["operation"]

/** The topics of a node. */
export class NodeEngine implements TopicOwner {
  readonly counts: Counts = { delivered: 0, doubled: 0, fetched: 0, discontinuities: 0 }
  private readonly settings: NodeSettings
  private readonly topics = new Map<string, NodeTopic>()
  private readonly openings = new Held.Flights<string, NodeTopic, BroadcasterUnavailable>()
  private isUp = true
  /** Grows with each change of the connection: a check that began before is not finished by it. */
  private connections = 0

  constructor(settings: NodeSettings) {
    this.settings = settings
    settings.broker.listen((status) => this.changed(status))
  }

  get service(): Omit<Broadcaster["Service"], "survey"> {
    return {
      publish: (message, { except, publisher, retention } = {}) =>
        this.asked(message.topic, "publish", () => {
          const present = this.topics.get(message.topic)
          const body = seal(message, publisher, except)
          return this.settings.broker.publish(message.topic, body, retention ?? present?.retention, present?.known)
        }),
      subscribe: (topic, subscriber, retention) => this.subscribe(topic, subscriber, retention),
      since: (topic, position, limit) =>
        Effect.map(
          this.asked(topic, "since", () => this.settings.broker.range(topic, position, limit + 1)),
          (range) => sinceOf(topic, range, position, limit)
        ),
      subscribers: (topic) => this.topics.get(topic)?.subscribers ?? [],
      health: SubscriptionRef.changes(this.settings.health).pipe(Stream.changes)
    }
  }

  get reportDefect() {
    return this.settings.reportDefect
  }

  /** How many topics this node is subscribed to. */
  get size(): number {
    return this.topics.size
  }

  fetch(topic: NodeTopic, after: Position, count: number): void {
    const { broker, fork } = this.settings
    const fetching = Effect.matchCause(askAgain(broker.range(topic.name, after, count)), {
      // The check after the reconnect fetches again.
      onFailure: () => topic.fetched(undefined),
      onSuccess: (range) => topic.fetched(range)
    })
    fork(fetching)
  }

  /** Compares positions, and leaves the topics that had no members since the last time. */
  get check(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.isUp) return Effect.void
      const now = this.settings.clock.currentTimeMillisUnsafe()
      const all = Array.from(this.topics.values())
      const idle = all.filter(
        ({ idleSinceMillis, subscribers }) =>
          subscribers.size === 0 && now - idleSinceMillis >= this.settings.checkIntervalMillis
      )
      for (const topic of idle) this.topics.delete(topic.name)
      const leaving = Effect.forEach(idle, (topic) => this.settings.broker.unsubscribe(topic.name, topic.onMessage), {
        discard: true
      })
      return Effect.andThen(leaving, this.compare())
    })
  }

  private subscribe(
    name: string,
    subscriber: Subscriber,
    retention: Retention | undefined
  ): Effect.Effect<() => void, BroadcasterUnavailable> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (!this.isUp) return Effect.fail(this.unavailable(name, "subscribe"))
        const present = this.topics.get(name)
        const ready =
          present === undefined
            ? restore(this.openings.join(name, this.open(name, retention)))
            : restore(this.kept(present, retention))
        return Effect.map(ready, (topic) => {
          topic.subscribers.add(subscriber)
          return () => {
            if (!topic.subscribers.delete(subscriber) || topic.subscribers.size > 0) return
            topic.idleSinceMillis = this.settings.clock.currentTimeMillisUnsafe()
          }
        })
      })
    )
  }

  private open(name: string, retention: Retention | undefined): Effect.Effect<NodeTopic, BroadcasterUnavailable> {
    const { broker, clock } = this.settings
    return Effect.suspend(() => {
      // One that was opened in the meantime.
      const present = this.topics.get(name)
      if (present !== undefined) return this.kept(present, retention)
      const topic = new NodeTopic(name, retention, this, clock.currentTimeMillisUnsafe())
      const opening = Effect.gen({ self: this }, function* () {
        yield* this.asked(name, "subscribe", () => broker.subscribe(name, topic.onMessage))
        const top = yield* this.asked(name, "subscribe", () => broker.top(name, retention, undefined))
        this.topics.set(name, topic)
        topic.opened(top)
        return topic
      })
      return Effect.onExit(opening, (exit) =>
        Exit.isSuccess(exit) ? Effect.void : broker.unsubscribe(name, topic.onMessage)
      )
    })
  }

  /** A topic that is open, with the log that a retention asks for. */
  private kept(topic: NodeTopic, retention: Retention | undefined): Effect.Effect<NodeTopic, BroadcasterUnavailable> {
    if (retention === undefined || topic.known !== undefined) return Effect.succeed(topic)
    topic.retention ??= retention
    return Effect.map(
      this.asked(topic.name, "subscribe", () => this.settings.broker.top(topic.name, retention, undefined)),
      (top) => {
        topic.checked(top, undefined)
        return topic
      }
    )
  }

  private asked<A>(
    topic: string,
    operation: Operation,
    ask: () => Effect.Effect<A, unknown>
  ): Effect.Effect<A, BroadcasterUnavailable> {
    return Effect.suspend(() =>
      this.isUp
        ? Effect.mapError(ask(), (cause) => this.unavailable(topic, operation, cause))
        : Effect.fail(this.unavailable(topic, operation))
    )
  }

  private unavailable(topic: string, operation: Operation, cause?: unknown): BroadcasterUnavailable {
    return new BroadcasterUnavailable({ topic, operation, ...(cause === undefined ? {} : { cause }) })
  }

  private changed(status: BrokerStatus): void {
    const { clock, fork, health } = this.settings
    const connection = ++this.connections
    // Where a part is away, the operations on its topics fail by themselves.
    this.isUp = status._tag === "Up" || status.isPartial === true
    if (status._tag === "Down") {
      const { description } = status
      const now = clock.currentTimeMillisUnsafe()
      return fork(
        SubscriptionRef.update(health, (before): Health => ({
          _tag: "Suspended",
          sinceMillis: before._tag === "Suspended" ? before.sinceMillis : now,
          description
        }))
      )
    }
    const connected = Effect.suspend(() =>
      connection === this.connections ? SubscriptionRef.set(health, { _tag: "Connected" }) : Effect.void
    )
    fork(Effect.andThen(this.compare({ covers: status.covers, again: true }), connected))
  }

  /** Compares positions; after a reconnect again where the broker does not answer, since the next check may be far away. */
  private compare({ again = false, covers }: Comparison = {}): Effect.Effect<void> {
    return Effect.suspend(() => {
      const topics = Array.from(this.topics.values()).filter(({ name }) => covers?.(name) ?? true)
      return Effect.forEach(topics, (topic) => this.compareTopic(topic, again), { concurrency: 50, discard: true })
    })
  }

  private compareTopic(topic: NodeTopic, again: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { known, name, retention } = topic
      const asked = this.settings.broker.top(name, retention, known)
      const top = again ? askAgain(asked, () => this.isUp) : asked
      return Effect.map(top, (top) => topic.checked(top, known))
    }).pipe(Effect.ignoreCause)
  }
}

const sinceOf = (
  topic: string,
  range: BrokerRange | undefined,
  position: Position | undefined,
  limit: number
): Since => {
  if (range === undefined) return { complete: position === undefined, top: undefined, deliveries: [] }
  const { messages, mode, nowMillis, recoveryId, timeToLiveMillis, top } = range
  const incomplete: Since = { complete: false, top, deliveries: [] }
  const isSeen = position?.epoch === top.epoch && position.offset === top.offset
  if (mode === "recoverable" && position === undefined) return { complete: true, top, deliveries: [] }
  if (mode === "recoverable" && (position?.epoch !== top.epoch || position.offset > top.offset)) return incomplete
  const young = messages.filter(({ atMillis }) => atMillis > nowMillis - timeToLiveMillis)
  const wanted = mode === "cache" ? (isSeen ? [] : young.slice(-1)) : young
  if (mode === "recoverable" && (young.length !== top.offset - position!.offset || young.length > limit)) {
    return incomplete
  }
  const opened = wanted.map(({ body, offset }) => open(topic, body, { epoch: top.epoch, offset }, recoveryId)?.delivery)
  const deliveries = opened.flatMap((delivery) =>
    // No position fits into a binary frame, so that it is unknown whether a member has seen it.
    delivery === undefined || delivery.payload instanceof Uint8Array ? [] : [delivery]
  )
  return deliveries.length === wanted.length ? { complete: true, top, deliveries } : incomplete
}
