/**
 * Rejects requests while the process is overloaded, by the delay of its event loop and by its heap: the others still get their responses.
 *
 * **Example** (A quarter of a second, nine tenths of the heap)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { loadShed, ServerLoad } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .outer(loadShed({ maxEventLoopDelay: "250 millis", maxHeapRatio: 0.9 }))
 *   .handle(HttpServerResponse.text("hello"))
 *
 * const server = Pipeline.serve(app).pipe(Layer.provide(ServerLoad.layer))
 * ```
 *
 * **Rules**
 *
 * 1. While a measure of `ServerLoad` is beyond its limit the response is 503 with `Retry-After` (RFC 9110 §15.6.4), and no stage inside runs.
 * 2. Exempt requests pass: by default those for `/ready` and `/live` of the fairing `health`.
 * 3. The first rejection after a time without one is logged at Warn, with its measure.
 *
 * **Order**
 *
 * An outer: outside of everything that costs, inside of `requestId` and `metrics`. Next to `concurrencyLimit` it comes first.
 *
 * **Works with**
 *
 * Any `ServerLoad`: that of Node (`ServerLoad.layer`), or another measure under the same key.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { isHealth, overloaded } from "./ConcurrencyLimit.ts"
import { ServerLoad } from "./ServerLoad.ts"
import type { ProcessLoad } from "./ServerLoad.ts"

/**
 * Options of `loadShed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoadShedOptions {
  /** How late the event loop may be; an infinite limit does not apply. Default: 250 milliseconds. */
  readonly maxEventLoopDelay?: Duration.Input | undefined
  /** How full the heap may be, from 0 to 1. Default: 0.9. */
  readonly maxHeapRatio?: number | undefined
  /** What `Retry-After` says, in seconds and rounded up. Default: 5 seconds. */
  readonly retryAfter?: Duration.Input | undefined
  /** Requests that always pass. Default: those for `/ready` and `/live`. */
  readonly isExempt?: ((request: Request) => boolean) | undefined
  /** The name of the middleware. Default: `loadShed`. */
  readonly name?: string | undefined
}

/**
 * Rejects requests while the process is overloaded.
 *
 * @category middleware
 * @since 0.1.0
 */
export const loadShed = (options: LoadShedOptions = {}): Middleware.Outer<never, never, ServerLoad> => {
  const name = nameOr("loadShed", options.name)
  const check = checkOptions(name)
  const maxDelay = check.duration("maxEventLoopDelay", options.maxEventLoopDelay ?? "250 millis", { infinite: true })
  const maxHeapRatio = check.between("maxHeapRatio", options.maxHeapRatio ?? 0.9, 0, 1)
  const rejected = overloaded(check.duration("retryAfter", options.retryAfter ?? "5 seconds"))
  const isExempt = options.isExempt ?? isHealth

  /** The measure that is beyond its limit. */
  const excessOf = ({ eventLoopDelay, heapRatio }: ProcessLoad): string | undefined => {
    if (Duration.isGreaterThan(eventLoopDelay, maxDelay)) {
      return `the event loop is ${Duration.format(eventLoopDelay)} late`
    }
    return heapRatio > maxHeapRatio ? `${Math.round(heapRatio * 100)} % of the heap are used` : undefined
  }

  return Middleware.stateful(() => {
    let isShedding = false
    return Middleware.outer(name, (app) =>
      Effect.withFiber(({ context }) => {
        if (isExempt(Context.getUnsafe(context, HttpServerRequest.HttpServerRequest))) return app
        return Effect.flatMap(
          Effect.flatMap(ServerLoad, ({ current }) => current),
          (load) => {
            const excess = excessOf(load)
            const isFirst = !isShedding
            isShedding = excess !== undefined
            if (excess === undefined) return app
            return isFirst
              ? Effect.andThen(Effect.logWarning(`"${name}" rejects requests: ${excess}`), rejected)
              : rejected
          }
        )
      })
    )
  })
}
