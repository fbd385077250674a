/** Native calls that cannot be aborted, and those who wait for what they give. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"

import { outstanding } from "../../../src/endpoint/iroh/Outstanding.ts"
import { turn } from "../../kit/Settling.ts"

/** Calls that end when the test says so, with how many there were before. */
const calls = (most: "one" | "each") => {
  const ends: Array<() => void> = []
  let made = 0
  const source = outstanding<number, never>((done) => {
    const number = made++
    ends.push(() => done(Exit.succeed(number)))
  }, most)
  return { take: source.next, made: () => made, end: (index: number) => ends[index]!() }
}

const taking = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })

it.effect("endpoint iroh: of calls with ordered results one is outstanding, however many wait", () =>
  Effect.gen(function* () {
    const { end, made, take } = calls("one")
    const takers = yield* Effect.forEach([1, 2, 3], () => taking(take))
    for (const index of [0, 1, 2]) {
      yield* turn
      assert.strictEqual(made(), index + 1)
      end(index)
      assert.strictEqual(yield* Fiber.join(takers[index]!), index)
    }
    assert.strictEqual(made(), 3)
  })
)

it.effect("endpoint iroh: of the others one is for each waiter, and the first result goes to the first", () =>
  Effect.gen(function* () {
    const { end, made, take } = calls("each")
    const takers = yield* Effect.forEach([1, 2, 3], () => taking(take))
    assert.strictEqual(made(), 3)
    for (const index of [2, 0, 1]) end(index)
    assert.deepStrictEqual(yield* Effect.forEach(takers, Fiber.join), [2, 0, 1])
    assert.strictEqual(made(), 3)
  })
)

it.effect("endpoint iroh: the result of an interrupted waiter is kept, and saves the next a call", () =>
  Effect.gen(function* () {
    const { end, made, take } = calls("each")
    const [first, second] = [yield* taking(take), yield* taking(take)]
    yield* Fiber.interrupt(first)
    const third = yield* taking(take)
    assert.strictEqual(made(), 2)
    end(0)
    assert.strictEqual(yield* Fiber.join(second), 0)
    yield* Fiber.interrupt(third)
    end(1)
    yield* turn
    assert.strictEqual(yield* take, 1)
    assert.strictEqual(made(), 2)
  })
)
