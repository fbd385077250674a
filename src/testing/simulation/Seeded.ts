/**
 * Numbers and a scheduler that depend on a seed alone. Internal to the simulation kit.
 */
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

import { isResumed } from "./Operations.ts"

/** A number from 0 to 1 for a seed and any further numbers: the same each time. */
const hash = (seed: number, ...more: ReadonlyArray<number>): number => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  for (const each of more) {
    state = Math.imul(state ^ (each + 0x7f4a7c15), 0x85ebca6b) >>> 0
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35) >>> 0
    state = (state ^ (state >>> 16)) >>> 0
  }
  return state / 2 ** 32
}

/** Random numbers of a seed, as the service `Random`. */
export const randomOf = (seed: number) => {
  let drawn = 0
  const nextDoubleUnsafe = (): number => hash(seed, 7, ++drawn)
  return {
    nextDoubleUnsafe,
    nextIntUnsafe: (): number => Math.floor((nextDoubleUnsafe() * 2 - 1) * Number.MAX_SAFE_INTEGER)
  }
}

/** Where a fiber yielded: its number in the order of appearance, and its operation. */
export type YieldPoint = `${number}:${number}`

/** How often a fiber yields; each seed has one of these shares. */
const shares = [0.3, 0.1, 0.03, 0.01, 0] as const

interface Seen {
  readonly number: number
  operations: number
  /** Operations since the last yield. */
  sinceYield: number
  /** Checks that pass after a yield: that of the operation that was put off. */
  passes: number
}

interface Task {
  readonly run: () => void
  readonly priority: number
}

/** A scheduler whose yields, and whose choice among tasks of equal priority, depend on the seed. Nothing runs until somebody calls `step`. */
export class SeededScheduler extends Scheduler.MixedScheduler {
  /** Where fibers yielded. */
  readonly yields: Array<YieldPoint> = []
  /** All fibers that ran. */
  readonly fibers = new Map<Fiber.Fiber<unknown, unknown>, Seen>()
  private readonly tasks: Array<Task> = []
  private readonly seed: number
  private readonly share: number
  private readonly only: ReadonlySet<YieldPoint> | undefined
  private steps = 0

  /** With `only` it yields at these points and nowhere else. */
  constructor(seed: number, only?: ReadonlySet<YieldPoint>) {
    super()
    this.seed = seed
    this.share = shares[Math.floor(hash(seed, 1) * shares.length)] ?? 0
    this.only = only
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.tasks.length
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const seen = this.seen(fiber)
    if (isResumed(fiber)) return false
    seen.operations++
    seen.sinceYield++
    if (seen.passes > 0) {
      seen.passes--
      return false
    }
    const point: YieldPoint = `${seen.number}:${seen.operations}`
    const isChosen =
      this.only === undefined ? hash(this.seed, 2, seen.number, seen.operations) < this.share : this.only.has(point)
    if (!isChosen && seen.sinceYield < fiber.cache.maxOpsBeforeYield) return false
    seen.passes = 1
    seen.sinceYield = 0
    if (isChosen) this.yields.push(point)
    return true
  }

  override makeDispatcher(): ReturnType<Scheduler.MixedScheduler["makeDispatcher"]> {
    const dispatcher: Scheduler.SchedulerDispatcher = {
      scheduleTask: (run, priority) => void this.tasks.push({ run, priority }),
      flush: () => {
        while (this.waiting > 0) this.step()
      }
    }
    return dispatcher as ReturnType<Scheduler.MixedScheduler["makeDispatcher"]>
  }

  /** Runs one of the tasks that come first. */
  step(): void {
    const first = Math.min(...this.tasks.map(({ priority }) => priority))
    const equals = this.tasks.filter(({ priority }) => priority === first)
    const chosen = equals[Math.floor(hash(this.seed, 3, ++this.steps) * equals.length)]!
    this.tasks.splice(this.tasks.indexOf(chosen), 1)
    chosen.run()
  }

  private seen(fiber: Fiber.Fiber<unknown, unknown>): Seen {
    let seen = this.fibers.get(fiber)
    if (seen === undefined)
      this.fibers.set(fiber, (seen = { number: this.fibers.size + 1, operations: 0, sinceYield: 0, passes: 0 }))
    return seen
  }
}
