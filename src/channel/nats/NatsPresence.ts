/**
 * NATS as a broker of presence: each topic is a log of changes, and leases are keys of a bucket that expire. Internal to the NATS engine.
 *
 * The entries of a topic are what its changes add up to. Messages that later ones replace are removed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import type { Position } from "../broadcaster/Position.ts"
import type { HeldEntry, HeldSnapshot, PresenceBroker, PresenceMessage } from "../nodes/PresenceBroker.ts"
import { Codes, isCode } from "./JetStream.ts"
import type { JetStream } from "./JetStream.ts"
import type { Head, NumberedStream, NumberedTexts } from "./NumberedStream.ts"
import type { Subjects } from "./Subjects.ts"

/** How presence over NATS runs. */
export interface NatsPresenceSettings {
  readonly jetStream: JetStream
  readonly subjects: Subjects
  readonly changes: NumberedStream
  /** How long changes are kept, in milliseconds: entries are put again before. */
  readonly keepMillis: number
  readonly now: () => number
  readonly fork: (work: Effect.Effect<void>) => void
}

type Change =
  | { readonly _tag: "Put"; readonly entry: HeldEntry }
  | { readonly _tag: "Remove"; readonly ids: ReadonlyArray<string> }

const putText = ({ id, incarnation, key, meta, previousRef, ref }: HeldEntry): string =>
  JSON.stringify(["p", incarnation, ref, id, key, previousRef ?? null, meta])

const removeText = (ids: ReadonlyArray<string>): string => JSON.stringify(["d", ...ids])

/** The change of a text; nothing where it is not in our format. */
const changeOf = (text: string): Change | undefined => {
  let fields: unknown
  try {
    fields = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(fields)) return undefined
  const [kind, ...rest] = fields as ReadonlyArray<unknown>
  if (kind === "d") return { _tag: "Remove", ids: rest.filter((id) => typeof id === "string") }
  const [incarnation, ref, id, key, previousRef, meta] = rest
  if (typeof incarnation !== "string" || typeof ref !== "string" || typeof id !== "string") return undefined
  if (typeof key !== "string" || typeof meta !== "object" || meta === null) return undefined
  const entry = {
    id,
    key,
    ref,
    previousRef: typeof previousRef === "string" ? previousRef : undefined,
    meta: meta as Schema.JsonObject,
    incarnation
  }
  return { _tag: "Put", entry }
}

interface Folded {
  readonly entries: ReadonlyMap<string, HeldEntry>
  /** The messages that add nothing any more. */
  readonly obsolete: ReadonlyArray<number>
}

/** The entries that the changes of an epoch add up to. */
const fold = (messages: ReadonlyArray<NumberedTexts>, head: Head): Folded => {
  const entries = new Map<string, HeldEntry>()
  const holders = new Map<string, number>()
  const puts = new Map<number, number>()
  /** The ids that an earlier message of the log puts. */
  const seen = new Map<string, number>()
  const removals: Array<{ readonly sequence: number; readonly cancels: number }> = []
  const drop = (id: string) => {
    const holder = holders.get(id)
    if (holder !== undefined) puts.set(holder, puts.get(holder)! - 1)
    holders.delete(id)
  }
  for (const { epoch, sequence, texts } of messages) {
    puts.set(sequence, 0)
    let cancels = 0
    for (const change of texts.map(changeOf)) {
      if (change?._tag === "Put") {
        const { id } = change.entry
        drop(id)
        if (epoch !== head.epoch) continue
        entries.set(id, change.entry)
        holders.set(id, sequence)
        puts.set(sequence, puts.get(sequence)! + 1)
        seen.set(id, sequence)
      } else {
        for (const id of change?.ids ?? []) {
          if (seen.has(id)) cancels++
          drop(id)
          entries.delete(id)
        }
      }
    }
    removals.push({ sequence, cancels })
  }
  const obsolete = removals
    .filter(({ cancels, sequence }) => cancels === 0 && puts.get(sequence) === 0 && sequence < head.sequence)
    .map(({ sequence }) => sequence)
  return { entries, obsolete }
}

/** After so many changes of a topic by this node, it removes what they replaced. */
const sweepAfter = 200
const maxRefreshed = 200

/** NATS as a broker of presence. */
export class NatsPresence implements PresenceBroker {
  private readonly settings: NatsPresenceSettings
  /** The last revision of each lease of this node. */
  private readonly revisions = new Map<string, number>()
  /** The entries that this node holds, and when it put them. */
  private readonly held = new Map<string, Map<string, { readonly entry: HeldEntry; readonly atMillis: number }>>()
  private readonly changed = new Map<string, number>()

  constructor(settings: NatsPresenceSettings) {
    this.settings = settings
  }

  /** One lease holds a node's entries in all topics. */
  groupOf(): string {
    return ""
  }

  lease(incarnation: string): Effect.Effect<void, unknown> {
    const { jetStream, subjects } = this.settings
    return Effect.map(jetStream.store(subjects.lease(incarnation), "1", "", undefined), (revision) => {
      // A node has one lease.
      this.revisions.clear()
      this.held.clear()
      this.revisions.set(incarnation, revision)
    })
  }

  renew(incarnation: string): Effect.Effect<boolean, unknown> {
    const { jetStream, subjects } = this.settings
    const store = (revision: number) =>
      Effect.map(jetStream.store(subjects.lease(incarnation), "1", "", revision), (next) => {
        this.revisions.set(incarnation, next)
        return true
      })
    const again = Effect.flatMap(this.revisionOf(incarnation), (revision) =>
      revision === undefined ? Effect.succeed(false) : store(revision)
    )
    const renewed = Effect.suspend(() => {
      const revision = this.revisions.get(incarnation)
      if (revision === undefined) return again
      // The answer of the last time may have been lost.
      return Effect.catch(store(revision), (fault) =>
        isCode(fault, Codes.wrongLastSequence) ? again : Effect.fail(fault)
      )
    })
    return Effect.tap(renewed, (isAlive) => (isAlive ? this.refresh : Effect.void))
  }

  release(incarnation: string): Effect.Effect<void, unknown> {
    const { jetStream, subjects } = this.settings
    return jetStream.purge(`KV_${subjects.bucket}`, subjects.lease(incarnation), 0)
  }

  expired(incarnations: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, unknown> {
    const isExpired = (incarnation: string) =>
      Effect.map(this.revisionOf(incarnation), (revision) => revision === undefined)
    return Effect.filter(incarnations, isExpired, { concurrency: 20 })
  }

  put(topic: string, entry: HeldEntry): Effect.Effect<boolean, unknown> {
    const { incarnation } = entry
    const holds = Effect.map(this.revisionOf(incarnation), (revision) => revision !== undefined)
    const put = this.settings.changes.append(topic, putText(entry), { guard: { key: incarnation, holds } })
    return Effect.map(put, (position) => {
      if (position === "refused") return false
      const held = this.held.get(topic) ?? new Map<string, never>()
      this.held.set(topic, held.set(entry.id, { entry, atMillis: this.settings.now() }))
      this.noteChange(topic)
      return true
    })
  }

  remove(topic: string, ids: ReadonlyArray<string>): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      const held = this.held.get(topic)
      for (const id of ids) held?.delete(id)
      if (held?.size === 0) this.held.delete(topic)
      return Effect.map(this.settings.changes.append(topic, removeText(ids), {}), () => this.noteChange(topic))
    })
  }

  list(topic: string): Effect.Effect<HeldSnapshot, unknown> {
    const { changes } = this.settings
    return Effect.gen({ self: this }, function* () {
      for (;;) {
        const head = yield* changes.top(topic, "-", undefined)
        if (head === undefined) continue
        const { messages } = yield* changes.read(topic, undefined, head)
        const { entries, obsolete } = fold(messages, head)
        this.sweep(obsolete)
        const holders = new Set(Array.from(entries.values(), ({ incarnation }) => incarnation))
        const dead = new Set(yield* this.expired(Array.from(holders)))
        const gone = Array.from(entries.values()).filter(({ incarnation }) => dead.has(incarnation))
        let end = head
        if (gone.length > 0) {
          const removed = yield* Effect.result(changes.appendAt(topic, head, removeText(gone.map(({ id }) => id))))
          if (removed._tag === "Failure") {
            // Another change came first.
            if (isCode(removed.failure as never, Codes.wrongLastSequence)) continue
            return yield* Effect.fail(removed.failure)
          }
          end = removed.success
        }
        return {
          position: { epoch: end.epoch, offset: end.last },
          entries: Array.from(entries.values()).filter(({ incarnation }) => !dead.has(incarnation))
        }
      }
    })
  }

  position(topic: string): Effect.Effect<Position | undefined, unknown> {
    return Effect.map(this.settings.changes.head(topic), (head) =>
      head === undefined ? undefined : { epoch: head.epoch, offset: head.last }
    )
  }

  subscribe(topic: string, onMessage: (message: PresenceMessage) => void): Effect.Effect<void, unknown> {
    return this.settings.changes.subscribe(
      topic,
      ({ epoch, first, texts }) => {
        for (const [index, text] of texts.entries()) {
          const change = changeOf(text)
          const position = { epoch, offset: first + index }
          // A position without a change is a removal of nobody.
          onMessage(change === undefined ? { _tag: "Remove", position, ids: [] } : { ...change, position })
        }
      },
      () => {}
    )
  }

  unsubscribe(topic: string): Effect.Effect<void> {
    return this.settings.changes.unsubscribe(topic)
  }

  private revisionOf(incarnation: string): Effect.Effect<number | undefined, unknown> {
    const { jetStream, subjects } = this.settings
    return Effect.map(
      jetStream.last(`KV_${subjects.bucket}`, subjects.lease(incarnation)),
      (message) => message?.sequence
    )
  }

  /** Puts entries again whose changes would expire. */
  private get refresh(): Effect.Effect<void, unknown> {
    const { keepMillis, now } = this.settings
    return Effect.suspend(() => {
      const before = now() - keepMillis / 2
      const old = Array.from(this.held).flatMap(([topic, held]) =>
        Array.from(held.values()).flatMap(({ atMillis, entry }) => (atMillis < before ? [{ topic, entry }] : []))
      )
      return Effect.forEach(old.slice(0, maxRefreshed), ({ entry, topic }) => this.put(topic, entry), { discard: true })
    })
  }

  private noteChange(topic: string): void {
    const count = (this.changed.get(topic) ?? 0) + 1
    this.changed.set(topic, count)
    if (count < sweepAfter) return
    this.changed.delete(topic)
    this.settings.fork(Effect.ignoreCause(this.list(topic)))
  }

  private sweep(obsolete: ReadonlyArray<number>): void {
    if (obsolete.length === 0) return
    const { fork, jetStream, subjects } = this.settings
    const remove = (sequence: number) => Effect.ignoreCause(jetStream.remove(subjects.stream("presence"), sequence))
    fork(Effect.forEach(obsolete, remove, { concurrency: 10, discard: true }))
  }
}
