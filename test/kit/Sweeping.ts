/**
 * Sweeps as tests: each runs with Effect's own yields and with a yield after every 3 operations, prints its points, and fails on broken ones. With
 * `FAIRLEAD_SWEEPS=all`, as in `npm run test:long`, it also runs with one after every 1, 2, 5 and 8.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"
import { Simulation, Sweep } from "fairlead/testing/simulation"

import { yields } from "./Yields.ts"

/** The points of one sweep, for the table at the end of the tests. */
export interface SweptPoints {
  /** In the order of `yields`. */
  readonly points: ReadonlyArray<number>
  readonly broken: number
}

declare module "vitest" {
  interface TaskMeta {
    swept?: SweptPoints
  }
}

/** For injected faults, one broken point is enough: `FAIRLEAD_SWEEPS_BROKEN` limits them. */
const maxBroken = Number(process.env["FAIRLEAD_SWEEPS_BROKEN"] ?? Infinity)

type Swept = (maxOpsBeforeYield: number) => Effect.Effect<Sweep.Report>

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)

/** Runs a sweep with every number of operations between yields, prints the points, and fails with the broken ones. */
const sweepEach = (name: string, sweep: Swept): Effect.Effect<SweptPoints> =>
  Effect.gen(function* () {
    const reports: Array<readonly [number, Sweep.Report]> = []
    for (const each of yields) {
      const report = yield* sweep(each)
      reports.push([each, report])
      if (report.broken.length >= maxBroken) break
    }
    const swept = {
      points: reports.map(([, { points }]) => points),
      broken: sum(reports.map(([, { broken }]) => broken.length))
    }
    console.log(`swept ${name}: ${swept.points.join(", ")} points, ${swept.broken} broken`)
    const faults = reports.filter(([, { broken }]) => broken.length > 0)
    assert.isEmpty(faults, faults.map(([each, report]) => `yields every ${each}: ${Sweep.toText(report)}`).join("\n"))
    assert.isAbove(reports[0]![1].points, 0, `${name}: the call has no operation`)
    return swept
  })

/**
 * A test that interrupts one call at each point. The inventory of mutable state refers to a sweep by this name.
 *
 * ```ts
 * sweeps("refresh", {
 *   make: Effect.sync(() => client()),
 *   call: (client) => client.get("https://api.com/"),
 *   after: (client) => client.get("https://api.com/") // it answers
 * })
 * ```
 */
export const sweeps = <S, A, E, E1, E2>(
  name: string,
  options: Sweep.InterruptOptions<S, A, E, E1, E2, Scope.Scope, Scope.Scope, Scope.Scope>
): void => {
  it.effect(`sweep: ${name} survives an interruption at every operation`, ({ task }) =>
    Effect.map(
      sweepEach(name, (maxOpsBeforeYield) => Sweep.interrupt({ ...options, maxOpsBeforeYield, maxBroken })),
      (swept) => {
        task.meta.swept = swept
      }
    )
  )
}

/** A test that runs a scenario under many seeds, prints how many and the CPU time, and fails with the first broken ones. */
export const simulates = <A, E>(name: string, options: Simulation.Options<A, E, Scope.Scope>): void => {
  it.effect(`simulation: ${name} holds under every seed`, () =>
    Effect.gen(function* () {
      const before = process.cpuUsage()
      const report = yield* Simulation.run(options)
      const { system, user } = process.cpuUsage(before)
      console.log(`simulated ${name}: ${report.seeds} seeds in ${((system + user) / 1e6).toFixed(1)} s of CPU`)
      assert.isEmpty(report.failures, Simulation.toText(report))
    })
  )
}
