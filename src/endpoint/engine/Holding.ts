/**
 * Finalizers that are added to a scope, and removed from it, in the step in which something is taken: `Scope.addFinalizer` is an Effect, and an interruption could come
 * before it. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

type Finalizer = (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>

/** Adds a finalizer under a key; returns the exit of a scope that is closed, which runs no more finalizers. */
export const hold = (
  scope: Scope.Scope,
  key: object,
  finalizer: Finalizer
): Exit.Exit<unknown, unknown> | undefined => {
  const { state } = scope
  if (state._tag === "Closed") return state.exit
  if (state._tag === "Empty") {
    scope.state = { _tag: "Open", finalizerKey: key, finalizer, finalizers: undefined }
  } else if (state.finalizers !== undefined) state.finalizers.set(key, finalizer)
  else {
    const finalizers = new Map<object, Finalizer>()
    if (state.finalizer !== undefined) finalizers.set(state.finalizerKey ?? {}, state.finalizer)
    scope.state = {
      _tag: "Open",
      finalizerKey: undefined,
      finalizer: undefined,
      finalizers: finalizers.set(key, finalizer)
    }
  }
  return undefined
}

/** Removes the finalizer of a key. */
export const release = (scope: Scope.Scope, key: object): void => {
  const { state } = scope
  if (state._tag !== "Open") return
  if (state.finalizerKey === key) scope.state = { _tag: "Empty" }
  else if (state.finalizers?.delete(key) === true && state.finalizers.size === 0) scope.state = { _tag: "Empty" }
}
