/** Waiting for a change, as streams, queues of peers and links do. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"

import { Source } from "../../src/endpoint/transport/Source.ts"

/** A queue by hand: whoever takes waits for an item. */
const queue = () => {
  const items: Array<number> = []
  const source = new Source<number>({
    poll: () => {
      const item = items.shift()
      return item === undefined ? undefined : Exit.succeed(item)
    },
    isReady: () => items.length > 0
  })
  const give = (...more: ReadonlyArray<number>) => {
    items.push(...more)
    source.notify()
  }
  return { items, take: source.next, give }
}

const waiting = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(effect, { startImmediately: true })

it.effect("endpoint: those who wait are served in the order of coming, each item once", () =>
  Effect.gen(function* () {
    const { give, items, take } = queue()
    const takers = yield* Effect.forEach([1, 2, 3, 4], () => waiting(take))
    give(10, 20)
    give(30)
    assert.deepStrictEqual(yield* Effect.forEach(takers.slice(0, 3), Fiber.join), [10, 20, 30])
    assert.deepStrictEqual(items, [])
    give(40)
    assert.strictEqual(yield* Fiber.join(takers[3]!), 40)
    give(50)
    assert.strictEqual(yield* take, 50)
  })
)

it.effect("endpoint: nothing is taken for a waiter that was interrupted, before the change or by it", () =>
  Effect.gen(function* () {
    const { give, items, take } = queue()
    const first = yield* waiting(take)
    yield* Fiber.interrupt(first)
    give(1)
    assert.deepStrictEqual(items, [1])
    assert.strictEqual(yield* take, 1)

    const other = yield* waiting(Effect.andThen(take, () => Effect.sync(() => second.interruptUnsafe())))
    const second = yield* waiting(take)
    give(2, 3)
    yield* Fiber.join(other)
    assert.deepStrictEqual(items, [3])
  })
)

it.effect("endpoint: a waiter that waits again because of a change is notified of the next", () =>
  Effect.gen(function* () {
    const { give, take } = queue()
    const fiber = yield* waiting(Effect.all([take, take, take]))
    give(1)
    give(2, 3)
    assert.deepStrictEqual(yield* Fiber.join(fiber), [1, 2, 3])
  })
)

it.effect("endpoint: a waiter for whom there is nothing keeps its place", () =>
  Effect.gen(function* () {
    const items: Array<number> = []
    const take = (least: number) => () => (items[0]! >= least ? Exit.succeed(items.shift()!) : undefined)
    const source = new Source<number>({ poll: take(0), isReady: () => items.length > 0 })
    const first = yield* waiting(source.nextBy(take(5)))
    const second = yield* waiting(source.next)
    items.push(1)
    source.notify()
    assert.strictEqual(source.waiting, 2)
    items[0] = 7
    source.notify()
    assert.strictEqual(yield* Fiber.join(first), 7)
    items.push(2)
    source.notify()
    assert.strictEqual(yield* Fiber.join(second), 2)
    assert.strictEqual(source.waiting, 0)
  })
)

it.effect("endpoint: a value is kept in the step that takes it, also where its taker is interrupted in that step", () =>
  Effect.gen(function* () {
    const kept: Array<number> = []
    const items: Array<number> = []
    const source = new Source<number>({
      poll: () => (items.length > 0 ? Exit.succeed(items.shift()!) : undefined),
      isReady: () => items.length > 0
    })
    const taker = yield* waiting(
      source.take((value) => {
        kept.push(value)
        taker.interruptUnsafe()
      })
    )
    items.push(1, 2)
    source.notify()
    assert.isTrue(Exit.isFailure(yield* Fiber.await(taker)))
    assert.deepStrictEqual([kept, items, source.waiting], [[1], [2], 0])
  })
)
