/** A body on its way: its network and its readers wait for one another, and each misses nothing between its look and its wait. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, References, Stream } from "effect"

import { Fill } from "../../../../src/client/handlers/cache/Fill.ts"

const piece = new Uint8Array(64 * 1024)

const makeFill = () => {
  const fill = new Fill(
    () => true,
    () => {}
  )
  const cursor = fill.join()
  const read = Stream.runCollect(
    fill.stream(
      () => cursor,
      () => assert.fail("the cursor is there")
    )
  )
  return { fill, read }
}

describe("a body on its way", () => {
  it.effect("cache 6: the network goes on when readers have read between its check and its wait", () =>
    Effect.gen(function* () {
      const { fill, read } = makeFill()
      const pushed = fill.push(piece)
      const reader = yield* Effect.forkChild(read, { startImmediately: true })
      yield* pushed
      fill.finish(Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(reader), [piece])
    })
  )

  it.effect("cache 6: a reader learns of an end that comes between its check and its wait", () =>
    Effect.gen(function* () {
      // A fiber that yields after some operations can be overtaken between those two.
      for (let operations = 4; operations < 40; operations++) {
        const { fill, read } = makeFill()
        const reading = Effect.provideService(read, References.MaxOpsBeforeYield, operations)
        const reader = yield* Effect.forkChild(reading, { startImmediately: true })
        fill.finish(Exit.void)
        assert.deepStrictEqual(yield* Fiber.join(reader), [])
      }
    })
  )
})
