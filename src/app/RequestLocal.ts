/**
 * State of one request: a value computed once a request, and shared by hooks, middleware and handler.
 *
 * It belongs to the request, not to a fiber or a view of it: however often the request is changed on its way, the value stays. It is gone with the request.
 * The model is Rocket's request-local state.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"

/**
 * An Effect that computes its value at its first use in a request, and returns the same value at every later one. Concurrent first uses share one
 * computation; a computation that fails is not kept.
 *
 * **Example** (Timing)
 *
 * ```ts
 * import { Clock, Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Fairing, RequestLocal } from "fairlead/app"
 *
 * const began = RequestLocal.make(Clock.currentTimeMillis)
 *
 * const timer = Fairing.make("timer", {
 *   onRequest: () => Effect.asVoid(began),
 *   onResponse: (response) =>
 *     Effect.gen(function*() {
 *       const took = (yield* Clock.currentTimeMillis) - (yield* began)
 *       return HttpServerResponse.setHeader(response, "server-timing", `app;dur=${took}`)
 *     })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E, R>(
  compute: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> => {
  const values = new WeakMap<object, Effect.Effect<A, E, R>>()
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ source }) => {
    const present = values.get(source)
    if (present !== undefined) return present
    const once = Effect.runSync(Effect.cached(Effect.tapCause(compute, () => Effect.sync(() => values.delete(source)))))
    values.set(source, once)
    return once
  })
}
