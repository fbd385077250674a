/**
 * Effects on the hot path of interpreters. Internal to Fairlead.
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

/** `Effect.flatMap`. Where the effect has succeeded already, `f` is called at once, in the fiber that runs. */
export const flatMapNow = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> =>
  isExit(effect) && effect._tag === "Success" ? f(effect.value as A) : Effect.flatMap(effect, f)
