/**
 * Measures requests by Effect's `Metric`.
 *
 * 1. `http_client_request_duration` counts logical requests in milliseconds, from the call to the end of the response's body: retries, hops and what the handlers wait
 *    for are in it. `http_client_attempt_duration` counts each attempt by itself; the pause before a retry counts
 *    as its own.
 * 2. Both have the attributes `method`, `origin`, `status`, `error`, which is the tag of the error that there was, and `answered_by`: the handler that answered in place
 *    of the network, or `network`. Those of requests have `resends`. There is no path among them: it would make as many series as there are URLs.
 * 3. `http_client_response_bytes` counts the bytes of bodies that were read, by `origin`.
 * 4. A method that is not registered counts as `_OTHER`. Origins beyond `maxOrigins` count as `_OTHER`, so that a crawler does not fill the memory.
 *
 * Order: first of all, beside `log`. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

import type { ClientHandler } from "../ClientHandler.ts"
import { reporting } from "../Report.ts"
import type { Report, Until } from "../Report.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** When a request is counted: at the `head` of the response, or at the end of its `body`, without which one that nobody reads is not. Default: `body`. */
  readonly until?: Until
  /** How many origins are told apart. Default: 100. */
  readonly maxOrigins?: number
}

const requests = Metric.timer("http_client_request_duration", {
  description: "How long logical requests took, to the end of the response's body"
})

const attempts = Metric.timer("http_client_attempt_duration", {
  description: "How long each attempt took, to the end of the response's body"
})

const bytes = Metric.counter("http_client_response_bytes", {
  description: "Bytes of responses' bodies that were read",
  incremental: true
})

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"])

/** The attributes of a report: all of them have few values. */
const attributesOf = (report: Report, origin: string): Readonly<Record<string, string>> => ({
  method: methods.has(report.method) ? report.method : "_OTHER",
  origin,
  status: report.status === undefined ? "none" : String(report.status),
  error: report.error ?? "none",
  answered_by: report.haltedBy ?? "network",
  ...(report.of === "request" ? { resends: report.resends > 4 ? "5+" : String(report.resends) } : {})
})

/**
 * Measures logical requests and attempts.
 *
 * **Example** (Measuring a chain)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { metrics, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api").use(metrics()).use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const metrics = ({ maxOrigins = 100, until = "body" }: Options = {}): ClientHandler => {
  const origins = new Set<string>()
  const known = (origin: string): string => {
    if (origins.size < maxOrigins) origins.add(origin)
    return origins.has(origin) ? origin : "_OTHER"
  }
  const listener = (report: Report): Effect.Effect<void> => {
    const origin = known(report.origin)
    const duration = Metric.withAttributes(report.of === "request" ? requests : attempts, attributesOf(report, origin))
    const counted = Metric.update(duration, Duration.millis(report.millis))
    return report.of === "request"
      ? counted
      : Effect.andThen(counted, Metric.update(Metric.withAttributes(bytes, { origin }), report.bytes))
  }
  return reporting("metrics", until, () => Effect.succeed({ listener }))
}
