/**
 * Waits without a clock of Effect.
 */
import { Effect } from "effect"

/** Yields so often that every fiber reaches the place where it waits. */
export const settled: Effect.Effect<void> = Effect.replicateEffect(Effect.yieldNow, 50, { discard: true })

/** One turn of the event loop. */
export const turn: Effect.Effect<void> = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Asks until it holds, for some seconds. */
export const until = (holds: Effect.Effect<boolean>, tries = 2000): Effect.Effect<void> =>
  Effect.flatMap(holds, (isDone) =>
    isDone || tries === 0 ? Effect.void : Effect.andThen(Effect.sleep("1 millis"), until(holds, tries - 1))
  )
