/**
 * How interpreters tell Effects from plain values on the hot path, and give them the services of a layer. Internal to Fairlead.
 *
 * `Effect.isEffect` and `Exit.isExit` ask by `in`, which walks the prototypes of every plain value anew; a property read is cached by the engine, on objects.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/** Whether what a method gave has to be run. */
export const isEffect = (out: any): out is Effect.Effect<unknown, unknown> =>
  (typeof out === "object" ? out !== null : typeof out === "function") && out[Effect.TypeId] !== undefined

/** Whether an Effect has already ended. */
export const isExit = (out: any): out is Exit.Exit<unknown, unknown> => out["~effect/Exit"] !== undefined

/** Provides what a layer's build had, below what the request has: a request's own services always win. */
export const provideBelow = <A, E, R>(effect: Effect.Effect<A, E, R>, built: Context.Context<never>) =>
  Effect.updateContext(effect, (now: Context.Context<R>) => Context.merge(built, now))
