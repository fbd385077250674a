/**
 * Waits for a fiber, or until nothing has moved for too long. Internal to the simulation kit.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

/** The end of a fiber, or the note that it hangs. */
export type Settled<A, E> =
  | { readonly _tag: "Ends"; readonly exit: Exit.Exit<A, E> }
  | { readonly _tag: "Hangs"; readonly reason: string }

/** The longest that one look at the event loop counts: a process that the machine did not run has not waited. */
const longestTurn = 10

/**
 * Watches a fiber: calls `ended` with its exit, or `hanging` when `activity` has not changed for `hangAfter` milliseconds. The returned function ends the watch.
 */
const watch = <A, E>(
  fiber: Fiber.Fiber<A, E>,
  activity: () => number,
  hangAfter: number,
  ended: (exit: Exit.Exit<A, E>) => void,
  hanging: () => void
): (() => void) => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = fiber.addObserver((exit) => {
    clearTimeout(timer)
    ended(exit)
  })
  let seen = activity()
  let quiet = 0
  let looked = performance.now()
  const look = (): void => {
    const now = performance.now()
    quiet = activity() === seen ? quiet + Math.min(now - looked, longestTurn) : 0
    seen = activity()
    looked = now
    if (quiet < hangAfter) {
      timer = setTimeout(look, longestTurn / 2)
      return
    }
    stop()
    hanging()
  }
  if (fiber.pollUnsafe() === undefined) timer = setTimeout(look, longestTurn / 2)
  return () => {
    clearTimeout(timer)
    stop()
  }
}

/**
 * Starts a fiber and waits until it ends, or until `activity` has not changed for `hangAfter` milliseconds. An interruption waits no longer than that either: the fiber
 * may be uninterruptible.
 */
export const settle = <A, E>(
  what: string,
  activity: () => number,
  hangAfter: number,
  start: () => Fiber.Fiber<A, E>
): Effect.Effect<Settled<A, E>> =>
  Effect.callback((resume) => {
    const fiber = start()
    const stop = watch(
      fiber,
      activity,
      hangAfter,
      (exit) => resume(Effect.succeed({ _tag: "Ends", exit })),
      () => {
        fiber.interruptUnsafe()
        resume(Effect.succeed({ _tag: "Hangs", reason: `${what} hangs: nothing has moved for ${hangAfter} ms` }))
      }
    )
    return Effect.callback<void>((done) => {
      stop()
      fiber.interruptUnsafe()
      const over = (): void => done(Effect.void)
      watch(fiber, activity, hangAfter, over, over)
    })
  })
