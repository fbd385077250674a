/**
 * The runs of the servers that have the slots of a Redis Cluster. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import { slotCount } from "./KeySlot.ts"

/** Recovered slots. In the same run no acknowledged change was lost. */
export interface SlotsBack {
  readonly isSameRun: boolean
  readonly slots: ReadonlySet<number>
}

/** The run of each slot. */
export class SlotRuns {
  /** The last run of each slot, also where its server is away. */
  private readonly known = Array.from<string | undefined>({ length: slotCount })
  private current: ReadonlyArray<string | undefined> = []

  /** Whether no slot has a server that answers. */
  get areAllAway(): boolean {
    return this.current.every((run) => run === undefined)
  }

  /** Records the current runs, which are undefined for unavailable servers. Returns the recovered slots and those with another run. */
  become(runs: ReadonlyArray<string | undefined>): ReadonlyArray<SlotsBack> {
    const same = new Set<number>()
    const other = new Set<number>()
    for (const [slot, run] of runs.entries()) {
      const known = this.known[slot]
      if (run === undefined) continue
      if (known !== undefined && known !== run) other.add(slot)
      else if (known !== undefined && this.current[slot] === undefined) same.add(slot)
      this.known[slot] = run
    }
    this.current = runs
    return [
      { isSameRun: false, slots: other },
      { isSameRun: true, slots: same }
    ].filter(({ slots }) => slots.size > 0)
  }
}
