/**
 * Runs an Effect once, whoever waits for it. Internal to the app part.
 *
 * `Effect.cached` ends its run when the last waiter is interrupted, and a waiter that comes between two operations may wait for ever. Here the run has a fiber of its
 * own, which is started in the same step in which it is noted, and which no waiter interrupts.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** An Effect that runs `effect` when it is first awaited, with the services of the first waiter. Internal to the app part. */
export const once = <A, R>(effect: Effect.Effect<A, never, R>): Effect.Effect<A, never, R> => {
  let running: Fiber.Fiber<A> | undefined
  return Effect.withFiber((fiber) =>
    Fiber.join((running ??= Effect.runForkWith(fiber.context)(effect as Effect.Effect<A>)))
  )
}
