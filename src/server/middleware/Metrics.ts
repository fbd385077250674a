/**
 * Measures requests by OpenTelemetry's names: how long they took, and how many are active.
 *
 * **Example** (Two services in one process)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { metrics } from "fairlead/server/middleware"
 *
 * const shop = Pipeline.make("shop")
 *   .outer(metrics({ attributes: { "service.name": "shop" } }))
 *   .handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. The histogram `http.server.request.duration`, in seconds, runs until the last byte of the body was sent or the connection ended. Its count is the number of requests.
 * 2. Its attributes are `http.request.method`, `url.scheme`, `http.route`, `http.response.status_code`, and `error.type` for a status from 500 on and for a cut response,
 *    whose status is 499.
 * 3. The gauge `http.server.active_requests` rises when a request arrives, and falls at its end, however it ends.
 * 4. `http.route` is the pattern that Effect's router matched, and is left out where no route did. A method that HTTP does not know is `_OTHER`: no client can add a series.
 *
 * **Order**
 *
 * The first outer, so that the gauge counts requests that other outers answer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Metric from "effect/Metric"

import { countWhileOpen, secondsBoundaries, seriesOf } from "../../core/Metering.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { App, Request } from "../HttpTypes.ts"
import type * as Middleware from "../Middleware.ts"
import { outerWith } from "../MiddlewareOuter.ts"
import { schemeOf } from "../RequestScheme.ts"
import { outcomeOf } from "./EndOutcome.ts"
import { knownMethod } from "./KnownMethod.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricsOptions {
  /** Attributes that both metrics get as well, such as the name of the service. Default: none. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
  /** The upper ends of the histogram's buckets, in seconds. Default: OpenTelemetry's for HTTP, 0.005 to 10. */
  readonly boundaries?: ReadonlyArray<number> | undefined
  /** The name of the middleware. Default: `metrics`. */
  readonly name?: string | undefined
}

/**
 * Measures requests.
 *
 * @category middleware
 * @since 0.1.0
 */
export const metrics = (options: MetricsOptions = {}): Middleware.Outer<never> => {
  const { attributes = {}, boundaries = secondsBoundaries } = options
  const name = nameOr("metrics", options.name)
  const check = checkOptions(name)
  for (const [index, boundary] of boundaries.entries()) {
    check.atLeast("boundaries", boundary, 0)
    if (index > 0 && boundary <= boundaries[index - 1]!) {
      throw check.invalid("boundaries", `${boundary} comes after ${boundaries[index - 1]}: use rising numbers`)
    }
  }
  const duration = seriesOf((series) =>
    Metric.histogram("http.server.request.duration", {
      description: "Duration of HTTP server requests",
      boundaries,
      attributes: { ...attributes, unit: "s", ...series }
    })
  )
  const active = seriesOf((series) =>
    Metric.gauge("http.server.active_requests", {
      description: "Number of active HTTP server requests",
      attributes: { ...attributes, unit: "{request}", ...series }
    })
  )
  return outerWith(name, {
    wrap: (app) =>
      Effect.withFiber(({ context }) => {
        const request = Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)
        if (!isFirst(request, name)) return app
        const counted = countWhileOpen(active(ofRequest(request)))
        return Effect.andThen(counted, app as Effect.Effect<never>) as App
      }),
    ended: (exit, end) => {
      const { errorType, status } = outcomeOf(exit, end)
      const ended = {
        ...ofRequest(end.request),
        ...(end.route === undefined ? {} : { "http.route": end.route }),
        "http.response.status_code": String(status),
        ...(errorType === undefined ? {} : { "error.type": errorType })
      }
      return Metric.update(duration(ended), Duration.toMillis(end.duration) / 1000)
    }
  })
}

const ofRequest = (request: Request): Record<string, string> => ({
  "http.request.method": knownMethod(request.method),
  "url.scheme": schemeOf(request)
})

/** The names that already count a request: middleware mounted twice counts once. */
const counted = new WeakMap<object, Set<string>>()

const isFirst = ({ source }: Request, name: string): boolean => {
  const names = counted.get(source) ?? new Set()
  counted.set(source, names)
  return !names.has(name) && names.add(name).has(name)
}
