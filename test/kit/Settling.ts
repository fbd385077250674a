/**
 * Waits without a clock.
 */
import { Effect } from "effect"

/** Yields so often that every fiber reaches the place where it waits. */
export const settled: Effect.Effect<void> = Effect.replicateEffect(Effect.yieldNow, 50, { discard: true })
