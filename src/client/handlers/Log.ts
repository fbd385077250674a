/**
 * Writes one log line for each logical request, and one for each attempt.
 *
 * 1. The line of a request, at Info, comes when its response's body has ended, however that ended: read whole, cancelled, or broken off. A body that nobody reads
 *    and nobody lets go of never ends: where that is usual, say `until: "head"`.
 * 2. At Warn stand the statuses from 500 on, failures, and bodies that broke off. An interrupted request is told at Info.
 * 3. The lines of attempts are at Debug: each hop of a redirect, each retry, with its reason. The pause before a retry counts as its own. A response from a cache is told with the handler that gave it, and
 *    with its `Cache-Status`.
 * 4. URLs are redacted: user and password, `Redacted` parameters, and those of `UrlParams.CurrentRedactedNames`. Headers, bodies and messages of errors are not written.
 *
 * Order: first of all, since it tells what the handlers declared later made of a request. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"

import type { ClientHandler } from "../ClientHandler.ts"
import { reporting } from "../Report.ts"
import type { Report, Until } from "../Report.ts"

export type { Report } from "../Report.ts"

/**
 * Options of `log`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** When a line is written: at the `head` of the response, or at the end of its `body`. Default: `body`. */
  readonly until?: Until
  /** The level of a line; `undefined` writes none. Default: rules 1 to 3. */
  readonly level?: (report: Report) => LogLevel.Severity | undefined
}

/** The level of a report's line. */
const levelOf = ({ error, of, status = 0 }: Report): LogLevel.Severity => {
  if (of === "attempt") return "Debug"
  return status >= 500 || (error !== undefined && error !== "interrupted") ? "Warn" : "Info"
}

/** The line of a report. */
const lineOf = ({ error, method, millis, status, url }: Report): string =>
  [method, url, status, error, `${millis}ms`].filter((word) => word !== undefined).join(" ")

/** What stands beside the line. */
const annotationsOf = (report: Report): Readonly<Record<string, unknown>> => {
  const { body, bytes, cacheStatus, haltedBy, headMillis, of, reason, resends } = report
  return {
    "http.of": of,
    ...(resends > 0 ? { "http.resends": resends } : {}),
    ...(of === "attempt" && resends > 0 ? { "http.reason": reason } : {}),
    ...(haltedBy === undefined ? {} : { "http.answered_by": haltedBy }),
    ...(cacheStatus === undefined ? {} : { "http.cache_status": cacheStatus }),
    ...(body === "none" ? {} : { "http.head_ms": headMillis, "http.body": body, "http.bytes": bytes })
  }
}

/**
 * Writes one log line for each logical request, and one for each attempt.
 *
 * **Example** (Logging failures only)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { log, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(log({ level: ({ of, error }) => (of === "request" && error !== undefined ? "Error" : undefined) }))
 *   .use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const log = ({ level = levelOf, until = "body" }: Options = {}): ClientHandler =>
  reporting("log", until, () => Effect.succeed({ listener: (report) => write(report, level(report)) }))

const write = (report: Report, severity: LogLevel.Severity | undefined): Effect.Effect<void> =>
  severity === undefined
    ? Effect.void
    : Effect.annotateLogs(Effect.logWithLevel(severity)(lineOf(report)), annotationsOf(report))
