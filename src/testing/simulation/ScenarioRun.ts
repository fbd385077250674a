/**
 * One run of a scenario under one seed. Internal to the simulation kit.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"

import * as Probe from "../../core/Probe.ts"
import { Journal, Note } from "./Journal.ts"
import { operationsOf } from "./Operations.ts"
import { randomOf, SeededScheduler } from "./Seeded.ts"
import type { YieldPoint } from "./Seeded.ts"
import { SimulatedClock } from "./SimulatedClock.ts"

/** The result of a run. */
export interface Ran<A, E> {
  /** Undefined when the scenario hangs. */
  readonly exit: Exit.Exit<A, E> | undefined
  readonly journal: ReadonlyArray<string>
  readonly yields: ReadonlyArray<YieldPoint>
  /** Fibers that still run when the scenario has ended and time has gone on: their next operations. */
  readonly left: ReadonlyArray<string>
}

/** How a run is made. */
export interface Settings {
  readonly seed: number
  /** Yields at these points only. */
  readonly only?: ReadonlySet<YieldPoint>
  /** Milliseconds of simulated time that a scenario may take. */
  readonly timeLimit: number
  /** Milliseconds of simulated time that go on after its end, until fibers that still run count as a leak. */
  readonly drain: number
}

/** Turns of the event loop in which something from outside, such as a promise, may come before time goes on. */
const patientTurns = 3

/** Turns after which nothing comes any more. */
const lastTurns = 300

/** Tasks that run without the clock going on before a scenario counts as one that spins. */
const mostTasks = 200_000

/** A macrotask: `setImmediate` where there is one. */
const later: (run: () => void) => void =
  "setImmediate" in globalThis ? (run) => void globalThis.setImmediate(run) : (run) => void setTimeout(run, 0)

/** Runs a scenario in its own scope, to its end or until nothing moves. */
export const runOnce = <A, E>(scenario: Effect.Effect<A, E, any>, settings: Settings): Effect.Effect<Ran<A, E>> =>
  Effect.contextWith((outer: Context.Context<never>) =>
    Effect.callback<Ran<A, E>>((resume) => {
      const scheduler = new SeededScheduler(settings.seed, settings.only)
      const clock = new SimulatedClock(Context.get(outer, Clock.Clock))
      const journal = new Journal(clock)
      const context = outer.pipe(
        Context.add(Scheduler.Scheduler, scheduler as Scheduler.Scheduler),
        Context.add(Clock.Clock, clock as Clock.Clock),
        Context.add(Random.Random, randomOf(settings.seed)),
        Context.add(Probe.Probe, journal.probe),
        Context.add(Logger.CurrentLoggers, new Set([Logger.make(journal.logger)])),
        Context.add(Note, (text: string) => journal.write(text))
      )
      const scope = Scope.makeUnsafe()
      const scoped = Effect.onExit(Scope.provide(scenario, scope), (exit) => Scope.close(scope, exit))
      const fiber: Fiber.Fiber<A, E> = Effect.runForkWith(context as Context.Context<any>)(scoped)

      let limit = settings.timeLimit
      let ended = false
      let turns = 0
      let tasks = 0
      let stopped = false
      const finish = (): void => {
        const left = [...scheduler.fibers.keys()]
          .filter((each) => each.pollUnsafe() === undefined)
          .map((each) => operationsOf(each))
        resume(Effect.succeed({ exit: fiber.pollUnsafe(), journal: journal.lines, yields: scheduler.yields, left }))
      }
      const turn = (): void => {
        if (stopped) return
        if (scheduler.waiting > 0) {
          if (++tasks > mostTasks) return finish()
          turns = 0
          scheduler.step()
          // The microtasks of a task run before the next task.
          return queueMicrotask(turn)
        }
        if (turns++ < patientTurns) return later(turn)
        if (!ended && fiber.pollUnsafe() !== undefined) {
          ended = true
          limit = clock.currentTimeMillisUnsafe() + settings.drain
        }
        if (clock.advance(limit)) {
          turns = 0
          tasks = 0
          return queueMicrotask(turn)
        }
        if (ended || turns > lastTurns) return finish()
        later(turn)
      }
      turn()
      return Effect.sync(() => {
        stopped = true
      })
    })
  )

/** Why a run broke by itself, without any invariant. */
export const faultOf = <A, E>({ exit, left }: Ran<A, E>): string | undefined => {
  if (exit === undefined) return "the scenario hangs: nothing can run, its time is over, or it spins without waiting"
  if (Exit.isFailure(exit)) return `the scenario: ${Cause.pretty(exit.cause)}`
  return left.length > 0 ? `${left.length} fibers still run after the scenario:\n${left.join("\n")}` : undefined
}
