/**
 * Interrupts one call at each of its operations and checks the state afterwards; `fail` and `die` do the same to each call of a service.
 *
 * Effect's scheduler makes a fiber yield at every 2,048th operation, so in production an interruption can arrive between any two operations. A sweep makes it arrive
 * at all of them.
 *
 * **Example** (A slot that an interruption loses)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Sweep } from "fairlead/testing/simulation"
 *
 * const swept = Sweep.interrupt({
 *   make: Effect.sync(() => ({ taken: 0 })),
 *   call: (slots) =>
 *     Effect.scoped(
 *       Effect.andThen(
 *         Effect.sync(() => slots.taken++),
 *         Effect.addFinalizer(() => Effect.sync(() => slots.taken--))
 *       )
 *     ),
 *   after: (slots) => Effect.sync(() => slots.taken === 0)
 * })
 *
 * const program = Effect.map(swept, ({ broken }) => broken.length) // more than 0: count and finalizer are two operations
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { checkOptions } from "../../core/Options.ts"
import { CountedCalls } from "./Services.ts"
import type { Failing } from "./Services.ts"
import { attempt } from "./Trial.ts"
import type { BrokenPoint, Subject, Trial } from "./Trial.ts"

export type { Failing } from "./Services.ts"
export type { BrokenPoint, Subject } from "./Trial.ts"

/**
 * The subject of a sweep, the call to interrupt and the check.
 *
 * @category models
 * @since 0.1.0
 */
export interface InterruptOptions<S, A, E, E1, E2, R1, R2, R3> extends Subject<S, A, E, E2, R2, R3> {
  /** Builds a fresh subject, for one point. Its scope closes after `after`. */
  readonly make: Effect.Effect<S, E1, R1>
}

/**
 * The subject of a sweep, the call to make fail and the check.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailOptions<S, A, E, E1, E2, F, R1, R2, R3> extends Subject<S, A, E, E2, R2, R3> {
  /** Builds a fresh subject, for one point, with services wrapped by `failing`. Its scope closes after `after`. */
  readonly make: (failing: Failing<F>) => Effect.Effect<S, E1, R1>
  /** The error of the chosen call. */
  readonly error: () => F
}

/**
 * The subject of a sweep, the call to make die and the check.
 *
 * @category models
 * @since 0.1.0
 */
export interface DieOptions<S, A, E, E1, E2, R1, R2, R3> extends Subject<S, A, E, E2, R2, R3> {
  /** Builds a fresh subject, for one point, with services wrapped by `failing`. Its scope closes after `after`. */
  readonly make: (failing: Failing<never>) => Effect.Effect<S, E1, R1>
}

/**
 * The result of a sweep.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** How many points there are: operations, waits and calls. */
  readonly points: number
  readonly operations: number
  readonly waits: number
  /** Calls of services that were made to fail. */
  readonly calls: number
  readonly broken: ReadonlyArray<BrokenPoint>
}

/** More points than any call has: a call that goes on for ever ends its sweep here. */
const mostPoints = 100_000

/**
 * Interrupts a call at each of its operations, and at each of its waits.
 *
 * **Details**
 *
 * For operation 1, 2, 3, … it builds a fresh subject, runs the call, makes the fiber that reaches this operation yield, and interrupts the call. When the call has ended,
 * `after` must hold. The operations of every fiber count that the call or the subject runs meanwhile. It ends with the first number that the call does not reach. Then it does
 * the same for each moment at which all of these fibers wait.
 *
 * **Gotchas**
 *
 * `make` must build all that the call changes, and the call must do the same each time. Time is that of the context: a call that sleeps needs a `TestClock` that somebody moves.
 *
 * @category sweeps
 * @since 0.1.0
 */
export const interrupt = <S, A, E, E1, E2, R1 = never, R2 = never, R3 = never>(
  options: InterruptOptions<S, A, E, E1, E2, R1, R2, R3>
): Effect.Effect<Report, never, Exclude<R1 | R2 | R3, Scope.Scope>> => {
  const limits = limitsOf("Sweep.interrupt", options)
  return Effect.gen(function* () {
    const found = new Findings(limits)
    let operations = 0
    for (let at = 1; at < mostPoints && !found.areEnough; at++) {
      const trial = yield* attempt(options, options.make, { at, yields: true })
      found.note("operation", at, trial)
      if (trial.place === undefined) break
      operations++
    }
    let waits = 0
    for (let at = 1; at <= operations && !found.areEnough;) {
      const trial = yield* attempt(options, options.make, { at, yields: false })
      if (trial.place === undefined) break
      waits++
      found.note("wait", at, trial)
      at = Math.max(at, trial.until) + 1
    }
    return found.report({ operations, waits, calls: 0 })
  }) as Effect.Effect<Report, never, any>
}

/**
 * Makes each call of an injected service fail, one at a time.
 *
 * **Example** (A store that fails)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Sweep } from "fairlead/testing/simulation"
 *
 * const store = { get: Effect.succeed(1), set: (_: number): Effect.Effect<void, "down"> => Effect.void }
 *
 * const swept = Sweep.fail({
 *   error: () => "down" as const,
 *   make: (failing) => Effect.succeed({ busy: false, store: failing.service(store) }),
 *   call: (counter) =>
 *     Effect.gen(function* () {
 *       counter.busy = true
 *       yield* counter.store.set((yield* counter.store.get) + 1)
 *       counter.busy = false
 *     }),
 *   after: (counter) => Effect.sync(() => !counter.busy) // broken: the error leaves it busy
 * })
 * ```
 *
 * @category sweeps
 * @since 0.1.0
 */
export const fail = <S, A, E, E1, E2, F, R1 = never, R2 = never, R3 = never>(
  options: FailOptions<S, A, E, E1, E2, F, R1, R2, R3>
): Effect.Effect<Report, never, Exclude<R1 | R2 | R3, Scope.Scope>> =>
  eachCall(limitsOf("Sweep.fail", options), options, options.make, () => Effect.fail(options.error()))

/**
 * Makes each call of an injected service die, one at a time.
 *
 * @category sweeps
 * @since 0.1.0
 */
export const die = <S, A, E, E1, E2, R1 = never, R2 = never, R3 = never>(
  options: DieOptions<S, A, E, E1, E2, R1, R2, R3>
): Effect.Effect<Report, never, Exclude<R1 | R2 | R3, Scope.Scope>> =>
  eachCall(limitsOf("Sweep.die", options), options, options.make, () => Effect.die(new Error("a defect of the sweep")))

const eachCall = <S, A, E, E1, E2, F, R>(
  limits: Limits,
  subject: Subject<S, A, E, E2, any, any>,
  make: (failing: Failing<F>) => Effect.Effect<S, E1, any>,
  fault: () => Effect.Effect<never, F>
): Effect.Effect<Report, never, R> =>
  Effect.gen(function* () {
    const found = new Findings(limits)
    let calls = 0
    for (let at = 1; at < mostPoints && !found.areEnough; at++) {
      let stack: string | undefined
      const counted = new CountedCalls(fault, () => (stack = new Error().stack))
      const arming = { at: undefined, arm: () => counted.arm(at), disarm: () => counted.disarm() }
      const trial = yield* attempt(subject, make(counted), arming)
      found.note("call", at, { ...trial, place: stack === undefined ? undefined : { stack } })
      if (stack === undefined) break
      calls++
    }
    return found.report({ operations: 0, waits: 0, calls })
  }) as Effect.Effect<Report, never, any>

/** When a sweep ends before its last point. */
interface Limits {
  readonly maxBroken: number
  readonly maxHangs: number
}

const limitsOf = (
  sweep: string,
  { maxBroken = Infinity, maxHangs = 3 }: Pick<Subject<never, never, never, never, never, never>, keyof Limits>
): Limits => {
  const check = checkOptions(sweep)
  return { maxBroken: check.maximum("maxBroken", maxBroken), maxHangs: check.maximum("maxHangs", maxHangs) }
}

/** The broken points of a sweep. */
class Findings {
  private readonly broken: Array<BrokenPoint> = []
  private readonly limits: Limits
  private hangs = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** Whether the sweep ends here. */
  get areEnough(): boolean {
    return this.broken.length >= this.limits.maxBroken || this.hangs >= this.limits.maxHangs
  }

  note(kind: BrokenPoint["kind"], at: number, { hangs, place, reason }: Trial): void {
    if (reason === undefined) return
    if (hangs) this.hangs++
    this.broken.push(
      place === undefined ? { kind: "end", at, stack: "", reason } : { kind, at, stack: place.stack, reason }
    )
  }

  report(counts: Pick<Report, "operations" | "waits" | "calls">): Report {
    return { points: counts.operations + counts.waits + counts.calls, ...counts, broken: this.broken }
  }
}

/**
 * The report as text: one paragraph for each broken point.
 *
 * @category reports
 * @since 0.1.0
 */
export const toText = ({ broken, points }: Report): string =>
  broken.length === 0
    ? `${points} points, none broken`
    : [
        `${points} points, ${broken.length} broken`,
        ...broken.map(({ at, kind, reason, stack }) => `${kind} ${at}: ${reason}\n${stack.replaceAll(/^/gm, "    ")}`)
      ].join("\n")
