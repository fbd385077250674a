/**
 * The changes of a topic that were not sent to its members yet. Internal to the channel part.
 *
 * A change that is undone before it was sent is not sent: neither a join that left, nor a leave that joined again under its ref, as after a gap. Clients apply the joins of a
 * diff before its leaves, so that a ref in both would be gone.
 *
 * @since 0.1.0
 */
import type { PresenceChange, PresenceEntry } from "./Contract.ts"

/** The changes of one diff. */
export interface Diff {
  readonly joins: ReadonlyArray<PresenceEntry>
  readonly leaves: ReadonlyArray<PresenceEntry>
}

/** Joins and leaves by ref. */
export class PendingDiff {
  private joins = new Map<string, PresenceEntry>()
  private leaves = new Map<string, PresenceEntry>()

  get isEmpty(): boolean {
    return this.joins.size === 0 && this.leaves.size === 0
  }

  add({ joins, leaves }: PresenceChange): void {
    // Members know the ref before the one that was not sent.
    const unsent = new Map<string, string | undefined>()
    for (const entry of leaves) {
      const join = this.joins.get(entry.ref)
      if (join === undefined) this.leaves.set(entry.ref, entry)
      else {
        this.joins.delete(entry.ref)
        unsent.set(entry.ref, join.previousRef)
      }
    }
    for (const entry of joins) {
      const { previousRef, ref } = entry
      if (this.leaves.delete(ref)) continue
      const isUnsent = previousRef !== undefined && unsent.has(previousRef)
      this.joins.set(ref, isUnsent ? { ...entry, previousRef: unsent.get(previousRef) } : entry)
    }
  }

  /** Takes all changes; nothing where there is no change. */
  take(): Diff | undefined {
    if (this.isEmpty) return undefined
    const diff = { joins: Array.from(this.joins.values()), leaves: Array.from(this.leaves.values()) }
    this.joins = new Map()
    this.leaves = new Map()
    return diff
  }
}
