/**
 * Tests for Effects on the hot path of interpreters. Internal to Fairlead.
 *
 * `Effect.isEffect` and `Exit.isExit` ask by `in`, which walks the prototypes of every plain value each time; a property read is cached by the engine, on objects.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/** Whether the result of a method is an Effect, which has to be run. */
export const isEffect = (out: any): out is Effect.Effect<unknown, unknown> =>
  (typeof out === "object" ? out !== null : typeof out === "function") && out[Effect.TypeId] !== undefined

/** Whether an Effect has already ended. */
export const isExit = (out: any): out is Exit.Exit<unknown, unknown> => out["~effect/Exit"] !== undefined
