/**
 * Runs a scenario under many seeds. A seed decides when fibers yield, which of them runs next, and every random number; time is simulated.
 *
 * **Example** (Two writers and a stale snapshot)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Simulation } from "fairlead/testing/simulation"
 *
 * const scenario = Effect.gen(function* () {
 *   let count = 0
 *   const increment = Effect.gen(function* () {
 *     const seen = yield* Effect.sync(() => count)
 *     yield* Effect.sync(() => (count = seen + 1))
 *   })
 *   yield* Effect.all([increment, increment], { concurrency: 2 })
 *   return count
 * })
 *
 * const program = Simulation.run({
 *   seeds: 50,
 *   scenario,
 *   invariants: { "both are counted": ({ value }) => value === 2 }
 * })
 * // Effect.map(program, Simulation.toText) prints the failing seed, its journal, and the yields that it needs
 * ```
 *
 * Rules
 *
 * 1. Tasks run one at a time. Among those of equal priority the seed chooses. Each seed also has a share of operations before which fibers yield.
 * 2. The clock is a `TestClock` that moves by itself to the next sleep when nothing else can run. `TestClock.adjust` waits for that time.
 * 3. `Random` is seeded, so the memory network's weather, jitter and back-off are part of the seed. Logs go into the journal.
 * 4. A run is broken when an invariant does not hold, when the scenario fails, dies or hangs, or when fibers still run after it.
 * 5. A broken seed is run again with fewer and fewer yields, until each of those left is needed.
 *
 * Limits: sockets, timers of JavaScript and worker threads are outside the simulation, and the seed does not order them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

import { Note } from "./Journal.ts"
import { faultOf, runOnce } from "./ScenarioRun.ts"
import type { Ran, Settings } from "./ScenarioRun.ts"
import type { YieldPoint } from "./Seeded.ts"
import { shrink } from "./Shrink.ts"

export type { YieldPoint } from "./Seeded.ts"

/**
 * A run that ended, as an invariant sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome<A, E> {
  readonly seed: number
  /** The scenario's result. */
  readonly value: A
  readonly exit: Exit.Exit<A, E>
  readonly journal: ReadonlyArray<string>
}

/**
 * A scenario and its invariants.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A, E, R> {
  /** How many seeds, from 1 on, or which. */
  readonly seeds: number | Iterable<number>
  /** Runs once for each seed, in a scope that closes at its end. */
  readonly scenario: Effect.Effect<A, E, R>
  /** The invariants of every run, by name. An invariant is broken when it returns `false` or throws. Default: nothing beyond the rules. */
  readonly invariants?: Readonly<Record<string, (outcome: Outcome<A, E>) => unknown>>
  /** How long a scenario may take in simulated time. Default: 1 hour. */
  readonly timeLimit?: Duration.Input
  /** How much simulated time goes on after its end until fibers that still run count as a leak. Default: 1 minute. */
  readonly drain?: Duration.Input
  /** How often a broken seed is run again to find the yields that it needs. Default: 200. */
  readonly shrinks?: number
}

/**
 * A seed under which something broke.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly seed: number
  readonly reason: string
  /** The journal of the run. */
  readonly journal: ReadonlyArray<string>
  /** How many yields the run had. */
  readonly yields: number
  /** The yields that it needs to break, as fiber and operation; pass them to `replay`. */
  readonly needed: ReadonlyArray<YieldPoint>
  /** The journal of the run with only these. */
  readonly shrunk: ReadonlyArray<string>
}

/**
 * The result of a simulation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly seeds: number
  readonly failures: ReadonlyArray<Failure>
}

/** After so many broken seeds the others would say the same. */
const mostFailures = 3

/**
 * Runs a scenario under each seed.
 *
 * @category simulations
 * @since 0.1.0
 */
export const run = <A, E, R = never>(
  options: Options<A, E, R>
): Effect.Effect<Report, never, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const failures: Array<Failure> = []
    const seeds = typeof options.seeds === "number" ? countTo(options.seeds) : [...options.seeds]
    let ran = 0
    for (const seed of seeds) {
      ran++
      const tried = yield* attempt(options, seed)
      if (tried.reason === undefined) continue
      failures.push(yield* failureOf(options, seed, tried))
      if (failures.length === mostFailures) break
    }
    return { seeds: ran, failures }
  }) as Effect.Effect<Report, never, any>

/**
 * Runs a scenario once: the journal of a seed, or of a seed with these yields only.
 *
 * @category simulations
 * @since 0.1.0
 */
export const replay = <A, E, R = never>(
  options: Omit<Options<A, E, R>, "seeds">,
  seed: number,
  yields?: ReadonlyArray<YieldPoint>
): Effect.Effect<
  { readonly reason: string | undefined; readonly journal: ReadonlyArray<string> },
  never,
  Exclude<R, Scope.Scope>
> => Effect.map(attempt(options, seed, yields), ({ ran, reason }) => ({ reason, journal: ran.journal }))

/**
 * Writes a line into the journal of the run; outside of a simulation it does nothing.
 *
 * @category simulations
 * @since 0.1.0
 */
export const note = (text: string): Effect.Effect<void> => Effect.map(Note, (write) => write(text))

/**
 * The report as text: each broken seed with its journal, and the yields that it needs.
 *
 * @category reports
 * @since 0.1.0
 */
export const toText = ({ failures, seeds }: Report): string =>
  failures.length === 0
    ? `${seeds} seeds, none broken`
    : [
        `${seeds} seeds, ${failures.length} broken`,
        ...failures.map(
          ({ needed, reason, seed, shrunk, yields }) =>
            `seed ${seed}: ${reason}\n  ${needed.length} of ${yields} yields are needed: ${needed.join(" ")}\n${shrunk.map((line) => `    ${line}`).join("\n")}`
        )
      ].join("\n")

interface Attempt<A, E> {
  readonly ran: Ran<A, E>
  readonly reason: string | undefined
}

const countTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index + 1)

const attempt = <A, E>(
  options: Omit<Options<A, E, any>, "seeds">,
  seed: number,
  yields?: ReadonlyArray<YieldPoint>
): Effect.Effect<Attempt<A, E>> => {
  const settings: Settings = {
    seed,
    ...(yields === undefined ? {} : { only: new Set(yields) }),
    timeLimit: Duration.toMillis(options.timeLimit ?? "1 hour"),
    drain: Duration.toMillis(options.drain ?? "1 minute")
  }
  return Effect.map(runOnce(options.scenario, settings), (ran) => ({
    ran,
    reason: faultOf(ran) ?? brokenInvariant(options.invariants ?? {}, seed, ran)
  }))
}

const brokenInvariant = <A, E>(
  invariants: NonNullable<Options<A, E, never>["invariants"]>,
  seed: number,
  { exit, journal }: Ran<A, E>
): string | undefined => {
  if (exit === undefined || Exit.isFailure(exit)) return undefined
  for (const [name, holds] of Object.entries(invariants)) {
    try {
      if (holds({ seed, value: exit.value, exit, journal }) === false) return `"${name}" does not hold`
    } catch (defect) {
      return `"${name}" does not hold: ${Cause.pretty(Cause.die(defect))}`
    }
  }
  return undefined
}

/** Runs a broken seed again with fewer yields. */
const failureOf = <A, E>(
  options: Options<A, E, any>,
  seed: number,
  { ran, reason = "" }: Attempt<A, E>
): Effect.Effect<Failure> =>
  Effect.gen(function* () {
    const needed = yield* shrink(ran.yields, options.shrinks ?? 200, (yields) =>
      Effect.map(attempt(options, seed, yields), (again) => again.reason !== undefined)
    )
    const last = yield* attempt(options, seed, needed)
    return {
      seed,
      reason: last.reason ?? reason,
      journal: ran.journal,
      yields: ran.yields.length,
      needed,
      shrunk: last.ran.journal
    }
  })
