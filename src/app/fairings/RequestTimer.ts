/**
 * Measures every request: a `Server-Timing` header for the client, and a histogram for operations.
 *
 * 1. The time runs from this fairing's request hook to its response hook: routing, middleware and handler, but not the sending of the body.
 * 2. The header gets `total;dur=` and milliseconds, behind what the handler put there (W3C Server Timing).
 * 3. The histogram `http_server_request_duration`, in milliseconds, has the attributes `method`, `route` and `status`. The route is the pattern, such as
 *    `/rooms/:room`, or `unmatched`; a method that HTTP does not know is `_OTHER`. Nothing that a client makes up becomes an attribute, so that nobody can
 *    make the series grow without end.
 *
 * Order: first, so that the other fairings' request hooks are measured. Response hooks behind it are not.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Metric from "effect/Metric"

import * as Fairing from "../Fairing.ts"
import * as RequestLocal from "../RequestLocal.ts"
import { knownMethod } from "./Attributes.ts"

/**
 * Options of `requestTimer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Whether the header is set: it tells every client how long the work took. Default: true. */
  readonly header?: boolean
  /** The upper ends of the histogram's buckets, in milliseconds. Default: OpenTelemetry's for HTTP, 5 ms to 10 s. */
  readonly boundaries?: ReadonlyArray<number>
  /**
   * The pattern of the route that a request matched, for an app that routes by itself, or behind a deadline or another fork. It must give one of a fixed number
   * of texts. Default: the pattern that Effect's router matched.
   */
  readonly route?: (request: HttpServerRequest.HttpServerRequest) => string | undefined
}

// The advice of OpenTelemetry for `http.server.request.duration`, in milliseconds.
const advised = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000]

/**
 * A fairing that measures requests.
 *
 * **Example** (No header)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { requestTimer } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(requestTimer({ header: false }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const requestTimer = (options: Options = {}): Fairing.Fairing => {
  const { boundaries = advised, header = true, route } = options
  const began = RequestLocal.make(Clock.currentTimeNanos)
  const duration = Metric.timer("http_server_request_duration", {
    description: "How long requests took until their response was ready",
    boundaries
  })
  return Fairing.make("request-timer", {
    onRequest: () => Effect.asVoid(began),
    onResponse: (response, request) =>
      Effect.gen(function* () {
        const took = Duration.nanos((yield* Clock.currentTimeNanos) - (yield* began))
        const pattern = route === undefined ? yield* matched : route(request)
        const attributes = {
          method: knownMethod(request.method),
          route: pattern ?? "unmatched",
          status: String(response.status)
        }
        yield* Metric.update(Metric.withAttributes(duration, attributes), took)
        return header ? withTiming(response, took) : response
      })
  })
}

// The router leaves the route that it matched in the context of the request.
const matched = Effect.map(
  Effect.context(),
  (context) => Context.getOrUndefined(context, HttpRouter.RouteContext)?.route.path
)

const withTiming = (response: HttpServerResponse.HttpServerResponse, took: Duration.Duration) => {
  const timing = `total;dur=${Duration.toMillis(took).toFixed(1)}`
  const present = response.headers["server-timing"]
  return HttpServerResponse.setHeader(
    response,
    "server-timing",
    present === undefined ? timing : `${present}, ${timing}`
  )
}
