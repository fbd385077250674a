/**
 * Gives the hooks of a class-tagged fairing what its layer was built with, and nobody else. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import type { Value } from "./Fairing.ts"

/**
 * The fairing with hooks that see the services its layer was built with, in place of those of the application. What belongs to one request, and what the
 * fairing itself provides, comes before both.
 */
export const withLayerServices = (
  fairing: Value,
  built: Context.Context<never>,
  outside: Context.Context<never>,
  ofApp: () => Context.Context<never>
): Value => {
  const own = new Map(built.mapUnsafe)
  for (const [key, value] of outside.mapUnsafe) if (own.get(key) === value) own.delete(key)
  // The layer's life and build are not the application's.
  own.delete(Scope.Scope.key)
  own.delete(Layer.CurrentMemoMap.key)

  const merge = (now: Context.Context<never>): Context.Context<never> => {
    const app = ofApp().mapUnsafe
    const merged = new Map(now.mapUnsafe)
    for (const [key, value] of own) if (merged.get(key) === app.get(key)) merged.set(key, value)
    return Context.makeUnsafe(merged)
  }
  const over =
    <Args extends ReadonlyArray<any>>(hook: (...args: Args) => unknown) =>
    (...args: Args): unknown => {
      const given = hook(...args)
      return Effect.isEffect(given) && !Exit.isExit(given)
        ? Effect.updateContext(given as Effect.Effect<unknown>, merge)
        : given
    }
  const { onIgnite, onLiftoff, onRequest, onResponse, onShutdown, ...rest } = fairing.hooks
  return {
    ...fairing,
    hooks: {
      ...rest,
      ...(onIgnite && {
        onIgnite: (app) =>
          Effect.map(over(onIgnite)(app) as Effect.Effect<unknown>, (provided) => {
            if (Context.isContext(provided)) for (const key of provided.mapUnsafe.keys()) own.delete(key)
            return provided
          })
      }),
      ...(onLiftoff && { onLiftoff: over(onLiftoff) }),
      ...(onRequest && { onRequest: over(onRequest) }),
      ...(onResponse && { onResponse: over(onResponse) }),
      ...(onShutdown && { onShutdown: over(onShutdown) })
    }
  }
}
