/**
 * Bounds in time: an effect that is interrupted, and a timer for work outside of effects. Internal to Fairlead.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

// Every call of `defaultValue` makes a new clock; a context keeps one.
const liveClock = Context.get(Context.empty(), Clock.Clock)

// Longer timers of the runtime fire at once.
const longestTimer = 2 ** 31 - 1

const always = () => true

/** How long an effect may take, and its failure when it takes longer. */
export interface TimeLimit<E> {
  /** Whether the limit still holds when it is reached, such as not for a request that became a socket. Default: always. */
  readonly holds?: () => boolean
  readonly millis: number
  readonly onTimeout: () => E
}

/**
 * The effect, interrupted when it has not ended within the limit that holds when it begins; it has then ended before the failure is reported. With the live clock it costs
 * a fiber, and a timer where it waits; with any other clock it races with `Effect.sleep`.
 */
export const within = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  limitAt: (now: number) => TimeLimit<E2>
): Effect.Effect<A, E | E2, R> =>
  // The fiber begins in the same step in which its interruption is registered.
  Effect.callback<A, E | E2, R>((resume) => {
    const fiber = Fiber.getCurrent()!
    const clock = fiber.getRef(Clock.Clock)
    const { holds = always, millis, onTimeout } = limitAt(clock.currentTimeMillisUnsafe())
    if (millis <= 0) return resume(Effect.suspend(() => Effect.fail(onTimeout())))
    if (millis > longestTimer) return resume(effect)
    if (clock !== liveClock) {
      const late = Effect.suspend(() => (holds() ? Effect.fail(onTimeout()) : Effect.never))
      return resume(Effect.raceFirst(effect, Effect.delay(late, millis)))
    }
    const running = Effect.runForkWith(fiber.context as Context.Context<R>)(effect)
    const exit = running.pollUnsafe()
    if (exit !== undefined) return resume(exit)
    let isLate = false
    const timer = setTimeout(() => {
      if (!holds()) return
      isLate = true
      running.interruptUnsafe()
    }, millis)
    running.addObserver((exit) => {
      clearTimeout(timer)
      // An effect that cannot be interrupted may still have its response, which nobody would release.
      resume(isLate && Exit.isFailure(exit) ? Effect.suspend(() => Effect.fail(onTimeout())) : exit)
    })
    return Effect.suspend(() => {
      clearTimeout(timer)
      return Fiber.interrupt(running)
    })
  })

/**
 * The effect, interrupted when it has not ended within the time; the failure does not wait for its end. A command to a store that hangs may need long to
 * end after its interruption. An interruption of the caller waits for the end, for the rest of the time.
 */
export const withinOrLeave = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  { millis, onTimeout }: TimeLimit<E2>
): Effect.Effect<A, E | E2, R> =>
  Exit.isExit(effect)
    ? effect
    : // The fiber begins in the same step in which its interruption is registered.
      Effect.callback<A, E | E2, R>((resume) => {
        const fiber = Fiber.getCurrent()!
        const running = Effect.runForkWith(fiber.context as Context.Context<R>)(effect)
        const exit = running.pollUnsafe()
        if (exit !== undefined) return resume(exit)
        let isLate = false
        let onLate = () => resume(Effect.suspend(() => Effect.fail(onTimeout())))
        const cancel = startTimer(fiber, millis, () => {
          isLate = true
          running.interruptUnsafe()
          onLate()
        })
        running.addObserver((exit) => {
          cancel()
          if (!isLate) resume(exit)
        })
        return Effect.callback<void>((ended) => {
          // It may have ended since the caller was interrupted: the observer is then called at once.
          running.addObserver(() => ended(Effect.void))
          if (isLate) return ended(Effect.void)
          onLate = () => ended(Effect.void)
          running.interruptUnsafe()
        })
      })

/**
 * Waits for the answer of a callback; fails when it has not come within the time. A later answer is ignored. It costs a timer.
 */
export const answerWithin = <A, E, E2>(
  ask: (answer: (exit: Exit.Exit<A, E>) => void) => void,
  { millis, onTimeout }: TimeLimit<E2>
): Effect.Effect<A, E | E2> =>
  Effect.callback<A, E | E2>((resume) => {
    const cancel = startTimer(Fiber.getCurrent()!, millis, () => resume(Effect.suspend(() => Effect.fail(onTimeout()))))
    ask((exit) => {
      cancel()
      resume(exit)
    })
    return Effect.sync(cancel)
  })

/**
 * Calls `onTime` once, when so much time has passed on the clock of the fiber, and returns a function that cancels it. With the live clock it costs a timer of the runtime; with any
 * other clock a fiber sleeps.
 */
export const startTimer = (fiber: Fiber.Fiber<unknown, unknown>, millis: number, onTime: () => void): (() => void) => {
  if (millis > longestTimer) return () => {}
  const clock = fiber.getRef(Clock.Clock)
  if (clock === liveClock) {
    const timer = setTimeout(onTime, millis)
    return () => clearTimeout(timer)
  }
  const sleeping = Effect.runForkWith(fiber.context as never)(clock.sleep(Duration.millis(millis)))
  sleeping.addObserver((exit) => {
    if (Exit.isSuccess(exit)) onTime()
  })
  return () => sleeping.interruptUnsafe()
}
