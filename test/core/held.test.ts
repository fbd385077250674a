import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, References } from "effect"

import * as Held from "../../src/core/Held.ts"

class Slots {
  taken = 0
  readonly size: number
  constructor(size: number) {
    this.size = size
  }
  readonly take = (): Exit.Exit<number, string> =>
    this.taken < this.size ? Exit.succeed(++this.taken) : Exit.fail("full")
  readonly giveBack = (): void => void this.taken--
}

describe("a held slot", () => {
  it.effect("is taken until the scope ends, and not when there is nothing to take", () =>
    Effect.gen(function* () {
      const slots = new Slots(1)
      const take = Held.scoped(slots.take, slots.giveBack)
      yield* Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual(yield* take, 1)
          assert.strictEqual(yield* Effect.flip(take), "full")
        })
      )
      assert.strictEqual(slots.taken, 0)
    })
  )

  it.effect("returns with the exit of its use", () =>
    Effect.gen(function* () {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const use = (effect: Effect.Effect<string, string>) =>
        Held.during(
          () => Exit.succeed("trial"),
          () => effect,
          (_, exit) => void exits.push(exit)
        )
      yield* use(Effect.succeed("a"))
      yield* Effect.exit(use(Effect.fail("b")))
      yield* Fiber.interrupt(yield* Effect.forkChild(use(Effect.never), { startImmediately: true }))
      assert.deepStrictEqual(exits.slice(0, 2), [Exit.succeed("a"), Exit.fail("b")])
      assert.isTrue(Exit.hasInterrupts(exits[2]!))
    })
  )

  it.effect("returns wherever an interruption comes", () =>
    Effect.gen(function* () {
      for (let yields = 0; yields < 20; yields++) {
        const slots = new Slots(1)
        const inScope = Effect.scoped(Effect.andThen(Held.scoped(slots.take, slots.giveBack), Effect.never))
        const inUse = Held.during(slots.take, () => Effect.never, slots.giveBack)
        for (const call of [inScope, inUse]) {
          const yielding = Effect.provideService(call, References.MaxOpsBeforeYield, 5)
          const fiber = yield* Effect.forkChild(Effect.ignore(yielding))
          for (let step = 0; step < yields; step++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(slots.taken, 0, `after ${yields} yields`)
        }
      }
    })
  )
})

describe("a flight", () => {
  const setup = Effect.gen(function* () {
    const flights = new Held.Flights<string, number, string>()
    const landing = yield* Deferred.make<number, string>()
    let started = 0
    let ended = 0
    const work = Effect.suspend(() => {
      started++
      return Effect.onExit(Deferred.await(landing), () => Effect.sync(() => ended++))
    })
    const join = Effect.forkChild(flights.join("k", work), { startImmediately: true })
    return { flights, landing, work, join, counts: () => [started, ended, flights.size] }
  })

  it.effect("is one for all who wait, and is not remembered", () =>
    Effect.gen(function* () {
      const { counts, flights, join, landing } = yield* setup
      const [first, second] = [yield* join, yield* join]
      yield* Effect.yieldNow
      assert.deepStrictEqual(counts(), [1, 0, 1])
      yield* Deferred.succeed(landing, 7)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], [7, 7])
      assert.deepStrictEqual(counts(), [1, 1, 0])
      assert.strictEqual(yield* flights.join("k", Effect.succeed(8)), 8)
    })
  )

  it.effect("fails all who wait, and the next starts another", () =>
    Effect.gen(function* () {
      const { flights, join, landing } = yield* setup
      const fibers = [yield* join, yield* join]
      yield* Deferred.fail(landing, "down")
      for (const fiber of fibers) assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("down"))
      assert.strictEqual(yield* flights.join("k", Effect.succeed(1)), 1)
    })
  )

  it.effect("goes on while somebody waits, and ends with the last", () =>
    Effect.gen(function* () {
      const { counts, join } = yield* setup
      const [first, second] = [yield* join, yield* join]
      yield* Effect.yieldNow
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(counts(), [1, 0, 1])
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(counts(), [1, 1, 0])
    })
  )

  it.effect("leaves no trace wherever an interruption comes", () =>
    Effect.gen(function* () {
      for (let yields = 0; yields < 40; yields++) {
        const flights = new Held.Flights<string, number>()
        const call = Effect.provideService(
          flights.join("k", Effect.as(Effect.yieldNow, 1)),
          References.MaxOpsBeforeYield,
          5
        )
        const fiber = yield* Effect.forkChild(call)
        for (let step = 0; step < yields; step++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(flights.size, 0, `after ${yields} yields`)
        assert.strictEqual(yield* flights.join("k", Effect.succeed(2)), 2)
      }
    })
  )
})
