/** What core offers for shared state survives an interruption at every operation. */
import { assert } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Shutdown } from "fairlead"

import * as Held from "../../src/core/Held.ts"
import { Keyed } from "../../src/core/Keyed.ts"
import { simulates, sweeps } from "../kit/Sweeping.ts"

/** Two slots, counted by key. */
const slots = Effect.sync(() => {
  const counts = new Keyed<string, { taken: number }>({ maxKeys: 10, inUse: ({ taken }) => taken > 0 })
  return {
    taken: () => counts.get("a")?.taken ?? 0,
    take: () => {
      const count = counts.getOrSet("a", () => ({ taken: 0 }))
      return count.taken < 2 ? Exit.succeed(void count.taken++) : Exit.fail("full" as const)
    },
    giveBack: () => void counts.get("a")!.taken--
  }
})

sweeps("core a slot held by a scope", {
  make: slots,
  call: ({ giveBack, take }) => Effect.andThen(Held.scoped(take, giveBack), Effect.yieldNow),
  after: ({ taken }) => Effect.sync(() => taken() === 0)
})

sweeps("core a slot held during a call", {
  make: slots,
  call: ({ giveBack, take }) => Held.during(take, () => Effect.yieldNow, giveBack),
  after: ({ taken }) => Effect.sync(() => taken() === 0)
})

/** A flight of two steps, and how often it began and was released. */
const flights = Effect.sync(() => {
  const made = new Held.Flights<string, number>()
  const counts = { began: 0, ended: 0 }
  const work = Effect.acquireUseRelease(
    Effect.sync(() => ++counts.began),
    (number) => Effect.as(Effect.yieldNow, number),
    () => Effect.sync(() => counts.ended++)
  )
  return { made, counts, join: made.join("a", work) }
})

sweeps("core a flight", {
  make: flights,
  call: ({ join }) => join,
  after: ({ counts, join, made }) =>
    Effect.gen(function* () {
      assert.isAtLeast(yield* join, 1)
      yield* Effect.yieldNow
      assert.strictEqual(made.size, 0)
      assert.strictEqual(counts.began, counts.ended)
    })
})

const flightsOfTwo = Effect.map(flights, (flights) => ({ ...flights, others: { begun: 0, served: 0 } }))

sweeps("core a flight that another caller waits for", {
  make: flightsOfTwo,
  call: ({ join, others }) =>
    Effect.gen(function* () {
      const other = Effect.suspend(() => {
        others.begun++
        return Effect.map(join, () => others.served++)
      })
      yield* Effect.forkDetach(other, { startImmediately: true })
      yield* join
    }),
  after: ({ counts, join, made, others }) =>
    Effect.gen(function* () {
      yield* join
      yield* Effect.yieldNow
      assert.strictEqual(made.size, 0)
      // The other caller is served, whoever else left.
      assert.strictEqual(others.served, others.begun)
      assert.strictEqual(counts.began, counts.ended)
    })
})

simulates("core, ten callers of two slots and one flight", {
  seeds: 100,
  scenario: Effect.gen(function* () {
    const { giveBack, take, taken } = yield* slots
    const { counts, join } = yield* flights
    let most = 0
    const noted = Effect.sync(() => (most = Math.max(most, taken())))
    const hold = Held.during(take, () => Effect.andThen(noted, Effect.sleep(10)), giveBack)
    const ten = Array.from({ length: 10 }, () => Effect.exit(hold))
    yield* Effect.all([...ten, ...Array.from({ length: 10 }, () => join)], { concurrency: "unbounded" })
    return { most, left: taken(), counts }
  }),
  invariants: {
    "two at most, and none is left": ({ value }) => value.most === 2 && value.left === 0,
    "each flight is released": ({ value: { counts } }) => counts.began === counts.ended
  }
})

sweeps("core shutdown", {
  make: Shutdown.make,
  call: (shutdown) => Effect.all([shutdown.await, shutdown.notify], { concurrency: 2 }),
  after: (shutdown) => Effect.andThen(shutdown.notify, shutdown.await)
})
