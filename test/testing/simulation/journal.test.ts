/** What a simulated run writes down, and its clock. */
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Simulation } from "fairlead/testing/simulation"

import { Watch } from "../../../src/core/Watch.ts"

const once = <A, E>(scenario: Effect.Effect<A, E>) => Simulation.replay({ scenario }, 1)

it.effect("simulation 2: the journal has the events of interceptors, with flows counted from 1, and the logs", () =>
  Effect.gen(function* () {
    const flow = Effect.withFiber((fiber) =>
      Watch.of(fiber, "client", "api", () => ({ "url.path": "/" }))!.run(Effect.sleep("5 millis"))
    )
    const scenario = Effect.gen(function* () {
      yield* flow
      yield* flow
      yield* Effect.logWarning(new Error("the store is down"), { bytes: 3n }, "again")
    })
    const { journal, reason } = yield* once(scenario)
    assert.isUndefined(reason)
    const numbers = journal.flatMap((line) => /flow (\d+)/.exec(line)?.[1] ?? [])
    assert.deepStrictEqual(numbers, ["1", "1", "2", "2"])
    assert.match(journal[1] ?? "", /^5 ms client "api" type end flow 1 .*outcome success .*"url.path":"\/"/)
    assert.strictEqual(journal.at(-1), '10 ms log Warn: the store is down {"bytes":3} again')
    assert.deepStrictEqual((yield* once(scenario)).journal, journal)
  })
)

it.live("simulation 2: a test clock in a scenario waits until its time has come, and knows the time outside", () =>
  Effect.gen(function* () {
    const scenario = Effect.gen(function* () {
      const times: Array<number> = []
      const noted = Effect.map(Clock.currentTimeMillis, (now) => times.push(now))
      const sleeper = yield* Effect.forkChild(Effect.andThen(Effect.sleep("1 second"), noted))
      yield* TestClock.adjust("2 seconds")
      yield* noted
      yield* TestClock.setTime(5000)
      yield* noted
      // A sleep that is interrupted wakes nobody, and one of no time does not wait.
      const never = yield* Effect.forkChild(Effect.sleep("1 minute"))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(never)
      yield* Effect.sleep(0)
      yield* noted
      yield* Fiber.join(sleeper)
      const outside = yield* TestClock.withLive(Clock.currentTimeMillis)
      const nanos = yield* Clock.currentTimeNanos
      return { times, nanos, isLive: outside > 1e12 }
    })
    const report = yield* Simulation.run({
      seeds: 1,
      scenario,
      invariants: {
        time: ({ value }) => {
          assert.deepStrictEqual(value, { times: [1000, 2000, 5000, 5000], nanos: 5_000_000_000n, isLive: true })
        }
      }
    })
    assert.deepStrictEqual(report.failures, [])
  })
)

it.effect("simulation 2: an interrupted run stops where it is", () =>
  Effect.gen(function* () {
    let turns = 0
    const scenario = Effect.forever(
      Effect.andThen(
        Effect.sync(() => turns++),
        Effect.sleep("1 millis")
      )
    )
    const running = yield* Effect.forkChild(Simulation.run({ seeds: 1, scenario, timeLimit: "1 day" }))
    for (let turn = 0; turn < 20; turn++) yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
    assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.andThen(Fiber.interrupt(running), Fiber.join(running)))))
    const before = turns
    for (let turn = 0; turn < 20; turn++) yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
    assert.isAtMost(turns, before + 1)
  })
)
