/** Simulated runs: order, time and chance depend on the seed alone; broken seeds are found, printed, replayed and shrunk. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Random } from "effect"
import { Simulation } from "fairlead/testing/simulation"

/** Two writers; each writes back what it saw an operation ago. */
const lostUpdate = Effect.gen(function* () {
  let count = 0
  const increment = Effect.gen(function* () {
    const seen = yield* Effect.sync(() => count)
    yield* Effect.void
    yield* Effect.sync(() => (count = seen + 1))
  })
  yield* Effect.all([increment, increment], { concurrency: 2 })
  yield* Simulation.note(`counted ${count}`)
  return count
})
const bothCounted = { "both are counted": ({ value }: { readonly value: number }) => value === 2 }

/** Much happens: forks, sleeps, random numbers, logs. */
const busy = Effect.gen(function* () {
  const worker = (name: number) =>
    Effect.gen(function* () {
      for (let round = 0; round < 5; round++) {
        yield* Effect.sleep(yield* Random.nextIntBetween(1, 100))
        yield* Effect.log(`worker ${name} at ${yield* Clock.currentTimeMillis}`)
        yield* Effect.yieldNow
      }
    })
  yield* Effect.forEach([1, 2, 3, 4], worker, { concurrency: "unbounded" })
})

describe("a simulation", () => {
  it.effect("simulation 2: finds a lost update, and says which yields it needs", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({ seeds: 100, scenario: lostUpdate, invariants: bothCounted })
      assert.isNotEmpty(report.failures)
      for (const { needed, reason, seed, shrunk, yields } of report.failures) {
        assert.strictEqual(reason, '"both are counted" does not hold')
        assert.isAtLeast(yields, needed.length)
        const replay = (points: typeof needed) =>
          Simulation.replay({ scenario: lostUpdate, invariants: bothCounted }, seed, points)
        assert.deepStrictEqual(yield* replay(needed), { reason, journal: shrunk })
        for (const point of needed) {
          const { reason: without } = yield* replay(needed.filter((other) => other !== point))
          assert.isUndefined(without, `${point} is not needed`)
        }
      }
      const text = Simulation.toText(report)
      assert.match(text, /seed \d+: "both are counted" does not hold/)
      assert.include(text, "counted 1")
    })
  )

  it.effect("simulation 2: finds a lost update between a map and its continuation", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        let count = 0
        const seen = Effect.map(Effect.void, () => count)
        const increment = Effect.map(seen, (seen) => (count = seen + 1))
        yield* Effect.all([increment, increment], { concurrency: 2 })
        return count
      })
      const report = yield* Simulation.run({ seeds: 100, scenario, invariants: bothCounted })
      assert.isNotEmpty(report.failures)
    })
  )

  it.effect("simulation 2: the milliseconds of the clock are whole, whatever the time of a sleep", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        yield* Effect.sleep(0.4)
        const first = yield* Clock.currentTimeMillis
        yield* Effect.sleep(0.7)
        return [first, yield* Clock.currentTimeMillis]
      })
      const report = yield* Simulation.run({
        seeds: 1,
        scenario,
        invariants: { "0, then 1": ({ value }) => value.join() === "0,1" }
      })
      assert.deepStrictEqual(report.failures, [])
    })
  )

  it.effect("simulation 2: finds nothing where the update is one step", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        let count = 0
        const increment = Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => count++)
        )
        yield* Effect.all([increment, increment], { concurrency: 2 })
        return count
      })
      const report = yield* Simulation.run({ seeds: 100, scenario, invariants: bothCounted })
      assert.deepStrictEqual(report, { seeds: 100, failures: [] })
      assert.strictEqual(Simulation.toText(report), "100 seeds, none broken")
    })
  )

  it.effect("simulation 2: the same seed has the same journal 100 times of 100, and another seed another", () =>
    Effect.gen(function* () {
      const journals = new Set<string>()
      for (let time = 0; time < 100; time++) {
        journals.add((yield* Simulation.replay({ scenario: busy }, 7)).journal.join("\n"))
      }
      assert.strictEqual(journals.size, 1)
      const [journal] = journals
      assert.lengthOf(journal!.split("\n"), 20)
      const other = yield* Simulation.replay({ scenario: busy }, 8)
      assert.notStrictEqual(other.journal.join("\n"), journal)
    })
  )

  it.effect("simulation 2: time moves only when nothing else can run", () =>
    Effect.gen(function* () {
      const scenario = Effect.gen(function* () {
        const sleeper = yield* Effect.forkChild(Effect.sleep("1 day"))
        const began = yield* Clock.currentTimeMillis
        for (let time = 0; time < 50; time++) yield* Effect.yieldNow
        const same = yield* Clock.currentTimeMillis
        yield* Fiber.interrupt(sleeper)
        yield* Effect.sleep("1 hour")
        return [began, same, yield* Clock.currentTimeMillis]
      })
      const invariants = {
        "an hour has gone": ({ value }: { readonly value: ReadonlyArray<number> }) =>
          assert.deepStrictEqual(value, [0, 0, 3_600_000])
      }
      const report = yield* Simulation.run({ seeds: 10, scenario, invariants, timeLimit: "2 hours" })
      assert.isEmpty(report.failures, Simulation.toText(report))
    })
  )

  it.effect("simulation 2: a scenario that fails, hangs or leaks a fiber is broken", () =>
    Effect.gen(function* () {
      const reasonOf = <A, E>(scenario: Effect.Effect<A, E>) =>
        Effect.map(Simulation.run({ seeds: 1, scenario }), ({ failures: [failure] }) => failure?.reason ?? "")
      assert.match(yield* reasonOf(Effect.fail("no")), /the scenario: .*no/)
      assert.match(yield* reasonOf(Effect.flatMap(Deferred.make(), Deferred.await)), /hangs/)
      assert.match(yield* reasonOf(Effect.sleep("1 day")), /time is over/)
      assert.match(yield* reasonOf(Effect.forkDetach(Effect.never)), /1 fibers still run/)
      assert.strictEqual(yield* reasonOf(Effect.forkDetach(Effect.sleep("1 second"))), "")
    })
  )
})
