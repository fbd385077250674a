/**
 * Who is present in one topic, and the states and diffs for its members on this node. Internal to the channel part.
 *
 * 1. The first change after a silence is sent at the end of its turn. Later ones are collected for the interval, and sent as one diff.
 * 2. A state is pushed right after a diff: it is true at the diff's position, so that no earlier change follows it.
 * 3. Fields of the application are fetched once for each diff, and diffs keep their order.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"

import { Delivery } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import * as Reserved from "../wire/Reserved.ts"
import type { PresenceChange, PresenceEntry, PresenceSnapshot, PresenceWatcher } from "./Contract.ts"
import { PendingDiff } from "./PendingDiff.ts"
import type { Diff } from "./PendingDiff.ts"
import { keysOf, noFields, stateOf } from "./Rendering.ts"
import type { FieldsByKey } from "./Rendering.ts"

/** A joined channel as presence uses it. */
export interface PresenceMember {
  readonly deliverDiff: (delivery: Delivery) => void
  readonly pushState: (state: Schema.JsonObject) => void
}

/** What a topic's presence needs of its channel and node. */
export interface TopicSettings {
  readonly clock: Clock.Clock
  /** The shortest time between two diffs, in milliseconds. */
  readonly intervalMillis: number
  /** The fields of keys; nothing where the channel adds none. */
  readonly fetch: ((topic: string, keys: ReadonlySet<string>) => Effect.Effect<FieldsByKey>) | undefined
  readonly reportDefect: (topic: string, defect: unknown) => void
}

/** The members of a topic, and who is present. */
export class TopicPresence implements PresenceWatcher {
  readonly topic: string
  readonly members = new Set<PresenceMember>()
  private readonly settings: TopicSettings
  private readonly entries = new Map<string, PresenceEntry>()
  private position: Position = { epoch: "", offset: 0 }
  private readonly pending = new PendingDiff()
  /** Those who wait for the state. */
  private awaiting = new Set<PresenceMember>()
  private sentAtMillis = -Infinity
  private phase: "idle" | "scheduled" | "sending" = "idle"
  private timer: Fiber.Fiber<void> | undefined = undefined
  private unwatch: (() => void) | undefined = undefined
  private closed = false

  constructor(topic: string, settings: TopicSettings) {
    this.topic = topic
    this.settings = settings
  }

  get snapshot(): PresenceSnapshot {
    return { position: this.position, entries: Array.from(this.entries.values()) }
  }

  watched(unwatch: () => void): void {
    this.unwatch = unwatch
  }

  close(): void {
    this.closed = true
    this.unwatch?.()
    this.timer?.interruptUnsafe()
  }

  onSnapshot({ entries, position }: PresenceSnapshot): void {
    this.position = position
    for (const entry of entries) this.entries.set(entry.id, entry)
  }

  onChange(change: PresenceChange): void {
    this.position = change.position
    for (const { id, ref } of change.leaves) if (this.entries.get(id)?.ref === ref) this.entries.delete(id)
    for (const entry of change.joins) this.entries.set(entry.id, entry)
    this.pending.add(change)
    this.schedule()
  }

  /** Pushes the state to a member, after the changes that were not sent yet. */
  show(member: PresenceMember): void {
    this.awaiting.add(member)
    if (this.phase === "idle") this.flush()
  }

  leave(member: PresenceMember): void {
    this.members.delete(member)
    this.awaiting.delete(member)
  }

  /** The state as it is on the wire. */
  get state(): Effect.Effect<Schema.JsonObject> {
    return Effect.suspend(() => {
      const { entries } = this.snapshot
      return Effect.map(this.fetch(keysOf(entries)), (fields) => stateOf(entries, fields))
    })
  }

  private schedule(): void {
    if (this.phase !== "idle" || this.closed) return
    this.phase = "scheduled"
    const { clock, intervalMillis } = this.settings
    const wait = this.sentAtMillis + intervalMillis - clock.currentTimeMillisUnsafe()
    if (wait <= 0) return queueMicrotask(() => this.flush())
    const flush = Effect.sync(() => {
      this.timer = undefined
      this.flush()
    })
    this.timer = Effect.runFork(Effect.andThen(clock.sleep(Duration.millis(wait)), flush))
  }

  private flush(): void {
    if (this.closed) return
    const { awaiting, settings } = this
    const diff = this.pending.take()
    const states = awaiting.size === 0 ? [] : this.snapshot.entries
    this.awaiting = new Set()
    if (diff !== undefined) this.sentAtMillis = settings.clock.currentTimeMillisUnsafe()
    this.phase = "sending"
    const send = (fields: FieldsByKey) => this.send(diff, awaiting, states, fields)
    if (settings.fetch === undefined) return send(noFields)
    const keys = keysOf([...(diff?.joins ?? []), ...(diff?.leaves ?? []), ...states])
    Effect.runFork(Effect.map(this.fetch(keys), send))
  }

  private fetch(keys: ReadonlySet<string>): Effect.Effect<FieldsByKey> {
    const { fetch } = this.settings
    return fetch === undefined || keys.size === 0 ? Effect.succeed(noFields) : fetch(this.topic, keys)
  }

  private send(
    diff: Diff | undefined,
    awaiting: ReadonlySet<PresenceMember>,
    states: ReadonlyArray<PresenceEntry>,
    fields: FieldsByKey
  ): void {
    const { topic } = this
    if (diff !== undefined) {
      const payload = { joins: stateOf(diff.joins, fields), leaves: stateOf(diff.leaves, fields) }
      const delivery = new Delivery({ topic, event: Reserved.presenceDiff, payload })
      for (const member of this.members) this.guarded(() => member.deliverDiff(delivery))
    }
    if (awaiting.size > 0) {
      const state = stateOf(states, fields)
      for (const member of awaiting) if (this.members.has(member)) this.guarded(() => member.pushState(state))
    }
    this.phase = "idle"
    if (!this.pending.isEmpty) this.schedule()
    else if (this.awaiting.size > 0) this.flush()
  }

  private guarded(send: () => void): void {
    try {
      send()
    } catch (defect) {
      this.settings.reportDefect(this.topic, defect)
    }
  }
}
