/**
 * A span for each logical request, and one below it for each attempt.
 *
 * 1. A request's span stands below the span that its caller is in, an attempt's below the request's, and below that what the handlers declared later and the transport
 *    make: Effect's own client gives each request over the network a span, and sends that one's trace headers.
 * 2. They end when the response's body has ended, however it ended. A body that nobody reads and nobody lets go of never ends, and neither does its span: where that is
 *    usual, say `until: "head"`.
 * 3. Attributes are those of OpenTelemetry's HTTP conventions: `http.request.method`, `url.full`, `http.response.status_code`, `http.request.resend_count` from the first
 *    resend on, `http.response.body.size` and `error.type`. The handler that answered in place of the network stands in `fairlead.answered_by`, a `Cache-Status` in
 *    `fairlead.cache_status`, the reason of an attempt in `fairlead.reason`.
 * 4. A status from 400 on, a failure, and a body that broke off fail their span. Its error is a tag or a status, never a message; URLs are redacted as by `log`.
 *
 * Order: first of all, beside `log`. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"

import * as ClientHandler from "../ClientHandler.ts"
import { reporting } from "../Report.ts"
import type { Report, Until } from "../Report.ts"

/**
 * Options of `tracing`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** When spans end: at the `head` of the response, or at the end of its `body`. Default: `body`. */
  readonly until?: Until
  /** The name of a request's span; ` attempt` is added for its attempts. It must have few values. Default: the method. */
  readonly name?: (request: ClientHandler.Request) => string
}

/** What went wrong, as OpenTelemetry names it. */
const errorTypeOf = ({ error, status = 0 }: Report): string | undefined =>
  error ?? (status >= 400 ? String(status) : undefined)

const attributesOf = (report: Report): ReadonlyArray<readonly [string, unknown]> => {
  const attributes: ReadonlyArray<readonly [string, unknown]> = [
    ["http.request.method", report.method],
    ["url.full", report.url],
    ["http.response.status_code", report.status],
    ["http.request.resend_count", report.resends === 0 ? undefined : report.resends],
    ["http.response.body.size", report.body === "whole" ? report.bytes : undefined],
    ["error.type", errorTypeOf(report)],
    ["fairlead.answered_by", report.haltedBy],
    ["fairlead.cache_status", report.cacheStatus],
    ["fairlead.reason", report.of === "attempt" && report.resends > 0 ? report.reason : undefined]
  ]
  return attributes.filter(([, value]) => value !== undefined)
}

/**
 * Traces logical requests and attempts, with the `Tracer` in use.
 *
 * **Example** (Spans with routes for names)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { redirect, retry, tracing } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("rooms")
 *   .use(tracing({ name: ({ method }) => `${method} rooms` }))
 *   .use(redirect())
 *   .use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const tracing = ({
  name = ({ method }) => method,
  until = "body"
}: Options = {}): ClientHandler.ClientHandler => {
  const requests = ClientHandler.cell<Tracer.Span | undefined>("tracing", () => undefined)
  return reporting(
    "tracing",
    until,
    Effect.fnUntraced(function* (exchange) {
      const title = name(exchange.original)
      const request = exchange.get(requests) ?? (yield* Effect.makeSpan(title))
      exchange.set(requests, request)
      const attempt = yield* Effect.makeSpan(`${title} attempt`, { parent: request })
      return {
        listener: (report) => end(report.of === "attempt" ? attempt : request, report),
        inside: (effect) => Effect.withParentSpan(effect, attempt)
      }
    })
  )
}

const end = (span: Tracer.Span, report: Report): Effect.Effect<void> =>
  Effect.map(Clock.currentTimeNanos, (now) => {
    for (const [key, value] of attributesOf(report)) span.attribute(key, value)
    const error = errorTypeOf(report)
    span.end(now, error === undefined ? Exit.void : Exit.fail(error))
  })
