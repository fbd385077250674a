/** Waiting for a change, as streams, queues of peers and links do. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"

import { Signal } from "../../src/endpoint/engine/Signal.ts"

/** A queue by hand: whoever takes waits for an item. */
const queue = () => {
  const signal = new Signal()
  const items: Array<number> = []
  let tries = 0
  const take = signal.until(() => {
    tries++
    const item = items.shift()
    return item === undefined ? undefined : Exit.succeed(item)
  })
  const give = (...more: ReadonlyArray<number>) => {
    items.push(...more)
    signal.notify()
  }
  return { signal, items, take, give, tries: () => tries }
}

const waiting = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })

it.effect("endpoint: those who wait are served in the order of coming, each item once", () =>
  Effect.gen(function* () {
    const { give, items, take, tries } = queue()
    const takers = yield* Effect.forEach([1, 2, 3, 4], () => waiting(take))
    give(10, 20)
    give(30)
    assert.deepStrictEqual(yield* Effect.forEach(takers.slice(0, 3), Fiber.join), [10, 20, 30])
    assert.deepStrictEqual(items, [])
    assert.strictEqual(tries(), 4 + 4 + 2)
    give(40)
    assert.strictEqual(yield* Fiber.join(takers[3]!), 40)
    give(50)
    assert.strictEqual(yield* take, 50)
  })
)

it.effect("endpoint: nothing is taken for a waiter that was interrupted, before the change or by it", () =>
  Effect.gen(function* () {
    const { give, items, signal, take } = queue()
    const first = yield* waiting(take)
    yield* Fiber.interrupt(first)
    give(1)
    assert.deepStrictEqual(items, [1])
    assert.strictEqual(yield* take, 1)

    let change = false
    const other = yield* waiting(
      signal
        .until(() => (change ? Exit.void : undefined))
        .pipe(Effect.andThen(Effect.sync(() => second.interruptUnsafe())))
    )
    const second = yield* waiting(take)
    change = true
    give(2)
    yield* Fiber.join(other)
    assert.deepStrictEqual(items, [2])
  })
)

it.effect("endpoint: a change that an attempt makes is tried again, not within itself", () =>
  Effect.gen(function* () {
    const signal = new Signal()
    let [depth, tries, open] = [0, 0, false]
    const fiber = yield* waiting(
      signal.until(() => {
        assert.strictEqual(++depth, 1)
        const done = tries++ === 2 ? Exit.succeed(tries) : undefined
        if (open && done === undefined) signal.notify()
        depth--
        return done
      })
    )
    assert.strictEqual(tries, 1)
    open = true
    signal.notify()
    assert.strictEqual(yield* Fiber.join(fiber), 3)
  })
)

it.effect("endpoint: who waits anew because of a change is told of the next", () =>
  Effect.gen(function* () {
    const { give, take } = queue()
    const fiber = yield* waiting(Effect.all([take, take, take]))
    give(1)
    give(2, 3)
    assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 2, 3])
  })
)
