/**
 * A span for each logical request, and one below it for each attempt.
 *
 * 1. A request's span is a child of its caller's, an attempt's of the request's; the spans of later handlers and of the transport are children of
 *    the attempt's. Effect's own client opens a span for each request over the network, and sends the trace headers of that one.
 * 2. They end when the response's body has ended, however it ended. A body that nobody reads or releases never ends, and neither does its span: where that is
 *    usual, set `until: "head"`.
 * 3. Attributes are those of OpenTelemetry's HTTP conventions: `http.request.method`, `url.full`, `http.response.status_code`, `http.request.resend_count` from the first
 *    resend on, `http.response.body.size` and `error.type`. The handler that answered in place of the network is in `fairlead.halted_by`, a `Cache-Status` in
 *    `fairlead.cache_status`, the reason of an attempt in `fairlead.follow_up_reason`.
 * 4. A status from 400 on, a failure, and a body that broke off fail their span. Its error is a tag or a status, never a message; URLs are redacted as by `log`.
 *
 * Order: first of all, next to `log`. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

import { nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { addAttributes, errorTypeOf } from "./ClientAttributes.ts"
import { reporting } from "./ClientReport.ts"
import type { ClientReport, Until } from "./ClientReport.ts"

/**
 * Options of `tracing`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TracingOptions {
  /** The handler's name. Default: `tracing`. */
  readonly name?: string
  /** When spans end: at the `head` of the response, or at the end of its `body`. Default: `body`. */
  readonly until?: Until
  /** The name of a request's span; ` attempt` is added for its attempts. It must have few values. Default: the method. */
  readonly spanName?: (request: ClientHandler.Request) => string
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
 *   .use(tracing({ spanName: ({ method }) => `${method} rooms` }))
 *   .use(redirect())
 *   .use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const tracing = ({
  name,
  spanName = ({ method }) => method,
  until = "body"
}: TracingOptions = {}): ClientHandler.ClientHandler => {
  const named = nameOr("tracing", name)
  const requestSpans = ClientHandler.cell<Tracer.Span | undefined>(named, () => undefined)
  return reporting(named, until, (exchange) => {
    const title = spanName(exchange.original)
    const begin = (request: Tracer.Span) => {
      exchange.set(requestSpans, request)
      return Effect.map(Effect.makeSpan(`${title} attempt`, { parent: request }), (attempt) => ({
        listener: (report: ClientReport) => end(report.kind === "attempt" ? attempt : request, report),
        inside: insideOf(attempt)
      }))
    }
    const request = exchange.get(requestSpans)
    return request === undefined ? Effect.flatMap(Effect.makeSpan(title), begin) : begin(request)
  })
}

/** Runs effects inside a span as `Effect.withParentSpan` does, with one context for all of them. */
const insideOf = (span: Tracer.Span): (<A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => {
  let outside: Context.Context<never> | undefined
  let inside: Context.Context<never> = Context.empty()
  const enter = (context: Context.Context<never>): Context.Context<never> => {
    if (context === outside) return inside
    const frame = { name: span.name, stack: noStack, parent: Context.get(context, References.CurrentStackFrame) }
    inside = Context.add(Context.add(context, References.CurrentStackFrame, frame), Tracer.ParentSpan, span)
    outside = context
    return inside
  }
  return (effect) => Effect.updateContext(effect, enter)
}

const noStack = (): undefined => undefined

const end = (span: Tracer.Span, report: ClientReport): undefined => {
  addAttributes(report, (name, value) => span.attribute(name, value))
  const error = errorTypeOf(report)
  const now = Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeNanosUnsafe()
  span.end(now, error === undefined ? Exit.void : Exit.fail(error))
}
