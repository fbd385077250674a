/** Time limits: `withinOrLeave` for effects that take long to end, and `answerWithin` for callbacks. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"

import { answerWithin, withinOrLeave } from "../../src/core/TimeBound.ts"

const limit = (millis: number) => ({ millis, onTimeout: () => "late" as const })

/** It ends long after its interruption, as a command to a database that hangs. */
const stubborn = Effect.uninterruptible(Effect.never)

const millisOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toMillis(duration))

describe("withinOrLeave", () => {
  it.live("passes the exit of an effect that ends in time: a value, a failure, a defect", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* withinOrLeave(Effect.succeed(1), limit(1000)), 1)
      assert.strictEqual(yield* withinOrLeave(Effect.delay(Effect.succeed(2), 5), limit(10_000)), 2)
      assert.strictEqual(yield* Effect.flip(withinOrLeave(Effect.delay(Effect.fail("no"), 5), limit(10_000))), "no")
      assert.isTrue(
        (yield* Effect.exit(withinOrLeave(Effect.andThen(Effect.sleep(1), Effect.die("bug")), limit(10_000))))._tag ===
          "Failure"
      )
    })
  )

  it.live("interrupts an effect that takes longer, and fails", () =>
    Effect.gen(function* () {
      let ended = false
      const slow = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (ended = true)))
      assert.strictEqual(yield* Effect.flip(withinOrLeave(slow, limit(20))), "late")
      assert.isTrue(ended)
    })
  )

  it.live("does not wait for an effect that cannot be interrupted, in an uninterruptible region either", () =>
    Effect.gen(function* () {
      const late = Effect.flip(withinOrLeave(stubborn, limit(50)))
      assert.strictEqual(yield* late, "late")
      assert.strictEqual(yield* Effect.uninterruptible(late), "late")
    })
  )

  it.effect("keeps the time of the test clock", () =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(Effect.flip(withinOrLeave(stubborn, limit(2000))), {
        startImmediately: true
      })
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(running), "late")
    })
  )

  it.live("an interruption waits for the end of the effect, but not longer than the limit", () =>
    Effect.gen(function* () {
      let ended = false
      const slow = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sleep(30),
          Effect.sync(() => void (ended = true))
        )
      )
      const first = yield* Effect.forkChild(withinOrLeave(slow, limit(60_000)), { startImmediately: true })
      yield* Fiber.interrupt(first)
      assert.isTrue(ended)
      const second = yield* Effect.forkChild(withinOrLeave(stubborn, limit(100)), { startImmediately: true })
      assert.isBelow(yield* millisOf(Fiber.interrupt(second)), 5000)
    })
  )
})

describe("answerWithin", () => {
  type Answer = (exit: Exit.Exit<number, string>) => void

  it.effect("passes an answer that comes at once or in time, once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* answerWithin<number, string, string>((answer) => answer(Exit.succeed(1)), limit(10)), 1)
      let answer: Answer = () => {}
      const asked = answerWithin<number, string, string>((given) => void (answer = given), limit(10))
      const running = yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
      yield* TestClock.adjust(9)
      answer(Exit.fail("no"))
      answer(Exit.succeed(2))
      assert.deepStrictEqual(yield* Fiber.join(running), Exit.fail("no"))
    })
  )

  it.effect("fails when the answer has not come in time, and takes no notice of it then", () =>
    Effect.gen(function* () {
      let answer: Answer = () => {}
      const asked = answerWithin<number, string, string>((given) => void (answer = given), limit(10))
      const running = yield* Effect.forkChild(Effect.exit(asked), { startImmediately: true })
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* Fiber.join(running), Exit.fail("late"))
      answer(Exit.succeed(1))
    })
  )

  it.live("ends at once when it is interrupted", () =>
    Effect.gen(function* () {
      const asked = answerWithin<number, string, string>(() => {}, limit(60_000))
      const running = yield* Effect.forkChild(asked, { startImmediately: true })
      assert.isBelow(yield* millisOf(Fiber.interrupt(running)), 1000)
    })
  )
})
