/**
 * Counts the operations of fibers, and yields before the one that a sweep names.
 */
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

/** A multiple of however many continuations Effect runs in a row. */
const endOfRow = 2 ** 20

/**
 * Whether a fiber is before its first operation after a resumption. Effect never yields there, and relies on it: a fiber interrupted before its start
 * would start nevertheless.
 *
 * Effect passes a success straight on to the next continuation and looks at the scheduler after a row of them only. It counts them in `currentOpCount`, so a row can end, and
 * the fiber be interrupted, after any of them. Here each row ends at once, so that the scheduler sees every one.
 */
export const isResumed = (fiber: Fiber.Fiber<unknown, unknown>): boolean => {
  const isFirst = fiber.currentOpCount === 1
  Reflect.set(fiber, "currentOpCount", endOfRow - 1)
  return isFirst
}

/** The counters that a scheduler keeps of a fiber. */
interface Progress {
  /** Checks that pass after a yield: that of the operation that was put off. */
  passes: number
  /** Operations since the last yield. */
  operations: number
}

/** Where a call was interrupted. */
export interface Place {
  readonly stack: string
}

/**
 * A scheduler that counts operations while a call runs. Before the armed operation it makes the fiber yield and calls `reached`.
 *
 * Unlike Effect's own scheduler it makes progress with any `MaxOpsBeforeYield`, 1 included: a fiber that yielded executes at least one operation before it
 * yields again.
 */
export class OperationScheduler extends Scheduler.MixedScheduler {
  /** Operations of all fibers, counted while a call runs. */
  operations = 0
  /** Operations of all fibers since the scheduler was made. A wait watches it to see whether anything moves. */
  activity = 0
  private readonly progress = new WeakMap<Fiber.Fiber<unknown, unknown>, Progress>()
  private isCounting = false
  private armed: number | undefined
  private isYielding = true
  private reached: (place: Place) => void = () => {}
  private readonly outer: Scheduler.Scheduler

  /** A `TestClock` has a scheduler, which sees the tasks that it wakes: they go on running there. */
  constructor(outer: Scheduler.Scheduler) {
    super()
    this.outer = outer
  }

  override makeDispatcher(): ReturnType<Scheduler.MixedScheduler["makeDispatcher"]> {
    return this.outer.makeDispatcher() as ReturnType<Scheduler.MixedScheduler["makeDispatcher"]>
  }

  /** Starts to count; `reached` is called before operation `operation`. With `yields` false the fiber goes on until it waits by itself. */
  arm(operation: number | undefined, yields: boolean, reached: (place: Place) => void): void {
    this.operations = 0
    this.isCounting = true
    this.armed = operation
    this.isYielding = yields
    this.reached = reached
  }

  disarm(): void {
    this.isCounting = false
    this.armed = undefined
  }

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.activity++
    if (isResumed(fiber)) return false
    const progress = this.progressOf(fiber)
    if (progress.passes > 0) {
      progress.passes--
      return false
    }
    progress.operations++
    const isDue = progress.operations > fiber.cache.maxOpsBeforeYield
    const yields = this.reaches(fiber) || isDue
    if (yields) {
      progress.passes = 1
      progress.operations = 0
    }
    return yields
  }

  /** Counts an operation; true when the fiber must yield before it. */
  private reaches(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (!this.isCounting || ++this.operations !== this.armed) return false
    this.armed = undefined
    this.reached({ stack: stackOf(fiber) })
    return this.isYielding
  }

  private progressOf(fiber: Fiber.Fiber<unknown, unknown>): Progress {
    let progress = this.progress.get(fiber)
    if (progress === undefined) this.progress.set(fiber, (progress = { passes: 0, operations: 0 }))
    return progress
  }
}

const shownContinuations = 4

/** Where a fiber is: the operations that come next, and the JavaScript stack. */
const stackOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const lines = [operationsOf(fiber), ...callersOf(new Error().stack ?? "")].filter((line) => line !== "")
  return lines.length === 0 ? "the last operation of its fiber" : lines.join("\n")
}

/** The operations that come next in a fiber: named spans and functions, and the source of its continuations. */
export const operationsOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const lines: Array<string> = []
  const { span, stackFrame } = fiber.cache
  if (span !== undefined && span._tag === "Span") lines.push(`in span ${span.name}`)
  for (let frame = stackFrame; frame !== undefined; frame = frame.parent) lines.push(`in ${frame.name}`)
  for (const source of continuationsOf(fiber)) lines.push(`then ${source}`)
  return lines.join("\n")
}

/** The frames of a JavaScript stack that belong to neither Effect nor this kit. */
const callersOf = (stack: string): ReadonlyArray<string> =>
  stack
    .split("\n")
    .slice(1)
    .filter((line) => !/node_modules|node:|simulation\/(?:Operations|Sweep)\./.test(line))
    .map((line) => line.trim())

// A fiber's continuations are not part of Effect's API: where a release renames them, a stack is shorter, and nothing else changes.
const continuationsOf = (fiber: object): ReadonlyArray<string> => {
  const stack: unknown = "_stack" in fiber ? fiber._stack : undefined
  if (!Array.isArray(stack)) return []
  const sources: Array<string> = []
  for (let index = stack.length - 1; index >= 0 && sources.length < shownContinuations; index--) {
    const primitive: unknown = stack[index]
    if (typeof primitive !== "object" || primitive === null) continue
    for (const value of [...Object.values(primitive), ...argumentsOf(primitive)]) {
      if (typeof value === "function") sources.push(shorten(String(value)))
    }
  }
  return sources.slice(0, shownContinuations)
}

const argumentsOf = (primitive: object): ReadonlyArray<unknown> =>
  Object.getOwnPropertySymbols(primitive).map((symbol): unknown => Reflect.get(primitive, symbol))

const shorten = (source: string): string => {
  const line = source.replaceAll(/\s+/g, " ")
  return line.length > 120 ? `${line.slice(0, 120)}…` : line
}
