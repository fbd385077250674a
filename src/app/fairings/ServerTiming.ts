/**
 * Adds a `Server-Timing` header (W3C Server Timing), which shows in a browser's tools how long the work took.
 *
 * **Example** (For a development server)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { serverTiming } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(serverTiming())
 * ```
 *
 * Rules
 * 1. The time runs from this fairing's request hook to its response hook: routing, middleware and handler, without the sending of the body.
 * 2. The header gets `total;dur=` and milliseconds, after the entries of the handler.
 *
 * Gotchas: it discloses to each client how long the work took.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import { nameOr } from "../../core/Options.ts"
import * as Fairing from "../Fairing.ts"
import * as RequestLocal from "../RequestLocal.ts"

/**
 * Options of `serverTiming`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerTimingOptions {
  /** Default: `"serverTiming"`. */
  readonly name?: string
}

/**
 * A fairing that sets the header `Server-Timing`.
 *
 * @category fairings
 * @since 0.1.0
 */
export const serverTiming = (options: ServerTimingOptions = {}): Fairing.Fairing => {
  const began = RequestLocal.make(Clock.currentTimeNanos)
  return Fairing.make(nameOr("serverTiming", options.name), {
    onRequest: () => Effect.asVoid(began),
    onResponse: (response) =>
      Effect.gen(function* () {
        const nanos = (yield* Clock.currentTimeNanos) - (yield* began)
        const timing = `total;dur=${(Number(nanos) / 1e6).toFixed(1)}`
        const present = response.headers["server-timing"]
        const entries = present === undefined ? timing : `${present}, ${timing}`
        return HttpServerResponse.setHeader(response, "server-timing", entries)
      })
  })
}
