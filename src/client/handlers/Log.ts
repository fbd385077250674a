/**
 * Writes one log line for each logical request, and one for each attempt.
 *
 * 1. The line of a request, at Info, comes when its response's body has ended, however that ended: read whole, cancelled, or broken off. A body that nobody reads
 *    or releases never ends: where that is usual, set `until: "head"`.
 * 2. The statuses from 500 on, failures, and bodies that broke off are at Warn. An interrupted request is at Info.
 * 3. The lines of attempts are at Debug: each hop of a redirect, each retry, with its reason. The pause before a retry counts as its own. The line of a response from a cache has the name of the caching handler and
 *    its `Cache-Status`.
 * 4. URLs are redacted: user and password, `Redacted` parameters, and those of `UrlParams.CurrentRedactedNames`. Headers, bodies and messages of errors are not written.
 *
 * Order: first of all, since it reports the result of all handlers declared later. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"

import { nameOr } from "../../core/Options.ts"
import type { ClientHandler } from "../ClientHandler.ts"
import { addAttributes } from "./ClientAttributes.ts"
import { reporting } from "./ClientReport.ts"
import type { ClientReport, Until } from "./ClientReport.ts"

/**
 * Options of `log`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogOptions {
  /** The handler's name. Default: `log`. */
  readonly name?: string
  /** When a line is written: at the `head` of the response, or at the end of its `body`. Default: `body`. */
  readonly until?: Until
  /** The level of a line; `undefined` writes none. Default: rules 1 to 3. */
  readonly level?: (report: ClientReport) => LogLevel.Severity | undefined
}

/** The level of a report's line. */
const levelOf = ({ error, kind, status = 0 }: ClientReport): LogLevel.Severity => {
  if (kind === "attempt") return "Debug"
  return status >= 500 || (error !== undefined && error !== "interrupted") ? "Warn" : "Info"
}

/** The line of a report. */
const lineOf = ({ duration, error, method, status, url }: ClientReport): string =>
  [method, url, status, error, `${Duration.toMillis(duration)}ms`].filter((word) => word !== undefined).join(" ")

/** The annotations of a line: the attributes of `tracing`, and further ones for a log. */
const annotationsOf = (report: ClientReport): Readonly<Record<string, unknown>> => {
  const annotations: Record<string, unknown> = {}
  addAttributes(report, (name, value) => {
    annotations[name] = value
  })
  annotations["fairlead.kind"] = report.kind
  if (report.bodyState !== "none") {
    annotations["fairlead.body_state"] = report.bodyState
    annotations["fairlead.head_duration_ms"] = Duration.toMillis(report.headDuration)
    annotations["http.response.body.size"] = report.bytes
  }
  return annotations
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
 *   .use(log({ level: ({ error, kind }) => (kind === "request" && error !== undefined ? "Error" : undefined) }))
 *   .use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const log = ({ level = levelOf, name, until = "body" }: LogOptions = {}): ClientHandler => {
  const listener = (report: ClientReport) => write(report, level(report))
  return reporting(nameOr("log", name), until, () => ({ listener }))
}

const write = (report: ClientReport, severity: LogLevel.Severity | undefined): Effect.Effect<void> | undefined => {
  if (severity === undefined) return undefined
  const { context } = Fiber.getCurrent()!
  const least = Context.get(context, References.MinimumLogLevel)
  // A line below the minimum level costs nothing.
  if (!LogLevel.isGreaterThanOrEqualTo(severity, least)) return undefined
  return Effect.annotateLogs(Effect.logWithLevel(severity)(lineOf(report)), annotationsOf(report))
}
