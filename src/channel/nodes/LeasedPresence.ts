/**
 * The presence of one of several nodes, over a broker with leases. Internal to the channel part; public through the engines.
 *
 * 1. Each node decides the entries of its members: where the broker disagrees after a failure, the node corrects it.
 * 2. A node whose lease has expired takes a new incarnation, and puts all its entries again. A paused node resurrects nobody.
 * 3. Every node that watches a topic removes the entries of expired leases from it, in one change.
 * 4. Where the broker may have lost changes, a node takes a new incarnation too: a removal that was lost leaves its entry under the old one.
 * 5. A node has a lease and an incarnation for each group of topics: what happens to one leaves the entries of the others.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as Held from "../../core/Held.ts"
import { BroadcasterUnavailable } from "../broadcaster/Contract.ts"
import type { Presence, PresenceEntry, PresenceWatcher } from "../presence/Contract.ts"
import { askAgain } from "./AskAgain.ts"
import type { PresenceBroker } from "./PresenceBroker.ts"
import { PresentTopic } from "./PresentTopic.ts"
import type { PresentOwner } from "./PresentTopic.ts"

/** How the presence of a node runs. */
export interface LeasedSettings {
  readonly broker: PresenceBroker
  /** An incarnation that no node has had, for a group of topics. */
  readonly incarnation: (group: string) => string
  /** Starts work that belongs to no caller, for as long as the node runs. */
  readonly fork: (work: Effect.Effect<void>) => void
  readonly reportDefect: (topic: string, defect: unknown) => void
}

/** A node's lease for a group of topics. */
interface Holding {
  readonly group: string
  incarnation: string
  /** Grows when the broker may have lost changes. */
  run: number
  /** The run in which this node took its lease. */
  registeredIn: number
  /** The topics in which this node has entries. */
  readonly topics: Set<string>
  /** Topics in which the broker may disagree with this node about its own entries. */
  readonly doubtful: Set<string>
}

const isRegistered = ({ registeredIn, run }: Holding): boolean => registeredIn === run

const everyTopic = (): boolean => true

/** Who is present, as this node knows it. */
export class LeasedPresence implements PresentOwner {
  private readonly settings: LeasedSettings
  /** The entries of this node's members, by topic and id. */
  private readonly own = new Map<string, Map<string, PresenceEntry>>()
  /** The leases of this node, by group. */
  private readonly holdings = new Map<string, Holding>()
  private readonly topics = new Map<string, PresentTopic>()
  private readonly openings = new Held.Flights<string, PresentTopic, BroadcasterUnavailable>()
  private readonly registering = new Held.Flights<string, void, unknown>()

  constructor(settings: LeasedSettings) {
    this.settings = settings
  }

  get service(): Presence["Service"] {
    return {
      put: (topic, entry) => this.put(topic, entry),
      remove: (topic, ids) => this.remove(topic, ids),
      list: (topic) => Effect.mapError(this.settings.broker.list(topic), (cause) => this.unavailable(topic, cause)),
      watch: (topic, watcher) => this.watch(topic, watcher)
    }
  }

  get reportDefect() {
    return this.settings.reportDefect
  }

  relist(topic: PresentTopic): void {
    this.settings.fork(
      Effect.matchCause(askAgain(this.settings.broker.list(topic.name)), {
        // The next check lists again.
        onFailure: () => topic.listed(undefined),
        onSuccess: (snapshot) => topic.listed(snapshot)
      })
    )
  }

  /** Renews the leases, repeats failed changes, and removes the entries of lost nodes. */
  get heartbeat(): Effect.Effect<void> {
    const renewed = Effect.suspend(() =>
      Effect.forEach(Array.from(this.holdings.values()), (holding) => Effect.ignoreCause(this.renew(holding)), {
        concurrency: "unbounded",
        discard: true
      })
    )
    return Effect.andThen(renewed, Effect.ignoreCause(this.reap))
  }

  private renew(holding: Holding): Effect.Effect<void, unknown> {
    const { broker } = this.settings
    return Effect.gen({ self: this }, function* () {
      if (holding.topics.size === 0 && holding.doubtful.size === 0) {
        // It takes a lease again with the next entry.
        if (holding.registeredIn === 0) return
        holding.registeredIn = 0
        yield* broker.release(holding.incarnation)
        return
      }
      const isAlive = isRegistered(holding) && (yield* broker.renew(holding.incarnation))
      if (!isAlive) yield* this.register(holding, holding.incarnation)
      for (const topic of Array.from(holding.doubtful)) yield* this.reconcile(holding, topic)
    })
  }

  /** Compares positions with the broker's, since the last change may be the one that was lost; and leaves the topics that nobody watched since the last time. */
  get check(): Effect.Effect<void> {
    const { broker } = this.settings
    const checkTopic = (topic: PresentTopic) => {
      const isIdle = topic.watchers.size === 0
      if (isIdle && topic.isIdle) {
        this.topics.delete(topic.name)
        return broker.unsubscribe(topic.name, topic.onMessage)
      }
      topic.isIdle = isIdle
      const { known, name } = topic
      return Effect.ignoreCause(Effect.map(broker.position(name), (position) => topic.checked(position, known)))
    }
    return Effect.suspend(() =>
      Effect.forEach(Array.from(this.topics.values()), checkTopic, { concurrency: 50, discard: true })
    )
  }

  /** How many topics this node watches. */
  get size(): number {
    return this.topics.size
  }

  /** The broker is back, or that of some topics: its messages of the meantime were lost. */
  reconnected(covers: (topic: string) => boolean = everyTopic): Effect.Effect<void> {
    return Effect.andThen(
      Effect.sync(() => {
        for (const topic of this.topics.values()) if (covers(topic.name)) topic.relist()
      }),
      this.heartbeat
    )
  }

  /** The broker is back, or that of some topics, and it may have lost changes that it had acknowledged. */
  restored(covers: (topic: string) => boolean = everyTopic): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const holding of this.holdings.values()) {
        if (Array.from(holding.topics).some(covers) || Array.from(holding.doubtful).some(covers)) holding.run++
      }
      return this.reconnected(covers)
    })
  }

  /** Releases all leases. */
  get release(): Effect.Effect<void> {
    const { broker } = this.settings
    return Effect.suspend(() =>
      Effect.forEach(
        Array.from(this.holdings.values()),
        ({ incarnation }) => Effect.ignoreCause(broker.release(incarnation)),
        { concurrency: "unbounded", discard: true }
      )
    )
  }

  private put(topic: string, entry: PresenceEntry): Effect.Effect<void, BroadcasterUnavailable> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        const holding = this.holdingOf(topic)
        const entries = this.entriesOf(holding, topic)
        const before = entries.get(entry.id)
        entries.set(entry.id, entry)
        return Effect.catch(this.hold(holding, topic, entry), (cause) => {
          // It may have been put: the next heartbeat compares.
          if (entries.get(entry.id) === entry) {
            if (before === undefined) this.forget(topic, entry.id)
            else entries.set(entry.id, before)
          }
          this.doubt(topic)
          return Effect.fail(this.unavailable(topic, cause))
        })
      })
    )
  }

  /** Puts an entry under this node's lease, which it takes again after it has expired. */
  private hold(holding: Holding, topic: string, entry: PresenceEntry): Effect.Effect<void, unknown> {
    const { broker } = this.settings
    return Effect.gen({ self: this }, function* () {
      const { incarnation } = holding
      if (isRegistered(holding) && (yield* broker.put(topic, { ...entry, incarnation }))) return
      // Registering puts this entry too.
      yield* this.register(holding, incarnation)
    })
  }

  private remove(topic: string, ids: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        for (const id of ids) this.forget(topic, id)
        return Effect.catch(this.settings.broker.remove(topic, ids), () => Effect.sync(() => this.doubt(topic)))
      })
    )
  }

  /** Takes a lease under a new incarnation, and puts all entries of this node in its group. */
  private register(holding: Holding, expired: string): Effect.Effect<void, unknown> {
    const registering = Effect.gen({ self: this }, function* () {
      // Another caller registered in the meantime.
      if (isRegistered(holding) && holding.incarnation !== expired) return
      const { broker } = this.settings
      const incarnation = this.settings.incarnation(holding.group)
      const { run } = holding
      yield* broker.lease(incarnation)
      holding.incarnation = incarnation
      holding.registeredIn = run
      for (const topic of Array.from(holding.topics)) {
        holding.doubtful.delete(topic)
        yield* this.putAll(topic, Array.from(this.own.get(topic)?.values() ?? []), incarnation)
      }
      // The entries that are left under it are removed.
      yield* Effect.ignoreCause(broker.release(expired))
    }).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          for (const topic of holding.topics) holding.doubtful.add(topic)
        })
      )
    )
    return this.registering.join(holding.group, registering)
  }

  /** Makes the broker's entries of this node those that it has. */
  private reconcile(holding: Holding, topic: string): Effect.Effect<void, unknown> {
    const { broker } = this.settings
    return Effect.gen({ self: this }, function* () {
      // First, since an operation that fails from now on is in doubt again.
      holding.doubtful.delete(topic)
      const { entries: found } = yield* broker.list(topic)
      const { incarnation } = holding
      const own = this.own.get(topic)
      const mine = new Map(found.filter((entry) => entry.incarnation === incarnation).map(({ id, ref }) => [id, ref]))
      const wrong = Array.from(mine.keys()).filter((id) => own?.has(id) !== true)
      if (wrong.length > 0) yield* broker.remove(topic, wrong)
      const missing = Array.from(own?.values() ?? []).filter(({ id, ref }) => mine.get(id) !== ref)
      yield* this.putAll(topic, missing, incarnation)
    }).pipe(Effect.tapError(() => Effect.sync(() => void holding.doubtful.add(topic))))
  }

  /** Puts entries under an incarnation, many at once: a broker may store together those that wait. */
  private putAll(
    topic: string,
    entries: ReadonlyArray<PresenceEntry>,
    incarnation: string
  ): Effect.Effect<void, unknown> {
    const put = (entry: PresenceEntry) =>
      Effect.suspend(() =>
        // It may have been removed or replaced in the meantime.
        this.own.get(topic)?.get(entry.id) === entry
          ? this.settings.broker.put(topic, { ...entry, incarnation })
          : Effect.void
      )
    return Effect.forEach(entries, put, { concurrency: 50, discard: true })
  }

  private get reap(): Effect.Effect<void, unknown> {
    const { broker } = this.settings
    return Effect.gen({ self: this }, function* () {
      const holders = new Set<string>()
      for (const topic of this.topics.values()) for (const holder of topic.holders) holders.add(holder)
      for (const { incarnation } of this.holdings.values()) holders.delete(incarnation)
      if (holders.size === 0) return
      const expired = new Set(yield* broker.expired(Array.from(holders)))
      if (expired.size === 0) return
      const left = Array.from(this.topics.values()).filter(({ holders: all }) =>
        Array.from(all).some((holder) => expired.has(holder))
      )
      yield* Effect.forEach(left, ({ name }) => Effect.ignoreCause(broker.list(name)), {
        concurrency: 50,
        discard: true
      })
    })
  }

  private watch(name: string, watcher: PresenceWatcher): Effect.Effect<() => void, BroadcasterUnavailable> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const present = this.topics.get(name)
        const ready =
          present === undefined ? restore(this.openings.join(name, this.open(name))) : Effect.succeed(present)
        return Effect.map(ready, (topic) => {
          topic.isIdle = false
          topic.watchers.add(watcher)
          watcher.onSnapshot(topic.snapshot)
          return () => void topic.watchers.delete(watcher)
        })
      })
    )
  }

  private open(name: string): Effect.Effect<PresentTopic, BroadcasterUnavailable> {
    const { broker } = this.settings
    return Effect.suspend(() => {
      const present = this.topics.get(name)
      if (present !== undefined) return Effect.succeed(present)
      const topic = new PresentTopic(name, this)
      const opening = Effect.gen({ self: this }, function* () {
        yield* broker.subscribe(name, topic.onMessage)
        const snapshot = yield* broker.list(name)
        topic.listed(snapshot)
        this.topics.set(name, topic)
        return topic
      }).pipe(Effect.mapError((cause) => this.unavailable(name, cause)))
      return Effect.onExit(opening, (exit) =>
        Exit.isSuccess(exit) ? Effect.void : broker.unsubscribe(name, topic.onMessage)
      )
    })
  }

  private holdingOf(topic: string): Holding {
    const group = this.settings.broker.groupOf(topic)
    let holding = this.holdings.get(group)
    if (holding === undefined) {
      const incarnation = this.settings.incarnation(group)
      holding = { group, incarnation, run: 1, registeredIn: 0, topics: new Set(), doubtful: new Set() }
      this.holdings.set(group, holding)
    }
    return holding
  }

  private doubt(topic: string): void {
    this.holdingOf(topic).doubtful.add(topic)
  }

  private entriesOf({ topics }: Holding, topic: string): Map<string, PresenceEntry> {
    let entries = this.own.get(topic)
    if (entries === undefined) {
      this.own.set(topic, (entries = new Map()))
      topics.add(topic)
    }
    return entries
  }

  private forget(topic: string, id: string): void {
    const entries = this.own.get(topic)
    if (entries?.delete(id) !== true || entries.size > 0) return
    this.own.delete(topic)
    this.holdingOf(topic).topics.delete(topic)
  }

  private unavailable(topic: string, cause: unknown): BroadcasterUnavailable {
    return new BroadcasterUnavailable({ topic, operation: "presence", cause })
  }
}
