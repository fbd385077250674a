/**
 * The entries of one topic, with the number of members under each key. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { Position } from "../broadcaster/Position.ts"
import type { PresenceChange, PresenceEntry } from "./Contract.ts"

/** Who is present in a topic. */
export class Entries {
  private readonly byId = new Map<string, PresenceEntry>()
  private readonly counts = new Map<string, number>()

  get size(): number {
    return this.byId.size
  }

  get all(): ReadonlyArray<PresenceEntry> {
    return Array.from(this.byId.values())
  }

  get(id: string): PresenceEntry | undefined {
    return this.byId.get(id)
  }

  /** Adds an entry, or replaces the one with its id. */
  put(position: Position, entry: PresenceEntry): PresenceChange {
    const old = this.byId.get(entry.id)
    this.byId.set(entry.id, entry)
    const before = new Map<string, boolean>()
    this.count(entry.key, 1, before)
    if (old !== undefined) this.count(old.key, -1, before)
    return this.changed(position, [entry], old === undefined ? [] : [old], before)
  }

  /** Removes entries; nothing where none of them was there. */
  remove(position: () => Position, ids: Iterable<string>): PresenceChange | undefined {
    const leaves: Array<PresenceEntry> = []
    const before = new Map<string, boolean>()
    for (const id of ids) {
      const entry = this.byId.get(id)
      if (entry === undefined) continue
      this.byId.delete(id)
      this.count(entry.key, -1, before)
      leaves.push(entry)
    }
    return leaves.length === 0 ? undefined : this.changed(position(), [], leaves, before)
  }

  /** Becomes these entries; the difference, or nothing where there is none. */
  become(position: Position, entries: ReadonlyArray<PresenceEntry>): PresenceChange | undefined {
    const joins = entries.filter(({ id, ref }) => this.byId.get(id)?.ref !== ref)
    const ids = new Set(entries.map(({ id }) => id))
    const replaced = new Set(joins.map(({ id }) => id))
    const leaves = this.all.filter(({ id }) => !ids.has(id) || replaced.has(id))
    if (joins.length === 0 && leaves.length === 0) return undefined
    const before = new Map<string, boolean>()
    for (const { id, key } of leaves) {
      this.byId.delete(id)
      this.count(key, -1, before)
    }
    for (const entry of joins) {
      this.byId.set(entry.id, entry)
      this.count(entry.key, 1, before)
    }
    return this.changed(position, joins, leaves, before)
  }

  private count(key: string, by: number, before: Map<string, boolean>): void {
    const count = this.counts.get(key) ?? 0
    if (!before.has(key)) before.set(key, count > 0)
    if (count + by === 0) this.counts.delete(key)
    else this.counts.set(key, count + by)
  }

  private changed(
    position: Position,
    joins: ReadonlyArray<PresenceEntry>,
    leaves: ReadonlyArray<PresenceEntry>,
    before: ReadonlyMap<string, boolean>
  ): PresenceChange {
    const arrived: Array<string> = []
    const departed: Array<string> = []
    for (const [key, wasPresent] of before) {
      const isPresent = this.counts.has(key)
      if (isPresent && !wasPresent) arrived.push(key)
      if (!isPresent && wasPresent) departed.push(key)
    }
    return { position, joins, leaves, arrived, departed }
  }
}
