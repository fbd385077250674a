/**
 * Logs a line for each request, once its response was sent or cut.
 *
 * **Example** (An access log)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { accessLog } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app").ended(accessLog()).handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. The line is written at the end of the body. A response that the client cut has the status 499, and one whose body failed has 500: neither was a success.
 * 2. The annotations of the line are OpenTelemetry's attributes: `http.request.method`, `url.path`, `http.response.status_code`, `http.server.request.duration` in
 *    seconds, and further ones; and `fairlead.request_id` where `requestId` is used.
 * 3. The values of secret query parameters and headers are redacted, by the list that client logs and traces use, by `redact`, and by Effect's `CurrentRedactedNames`.
 * 4. Control characters are escaped: no client can forge a line.
 *
 * **Order**
 *
 * Anywhere. Effect's own logger of `HttpRouter.serve` writes a line too: set `disableLogger` there.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as LogLevel from "effect/LogLevel"

import { secretNames } from "../../core/heads/SecretNames.ts"
import type { NamePlace } from "../../core/heads/SecretNames.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as Middleware from "../Middleware.ts"
import type { AccessLogEntry } from "./AccessLogEntry.ts"
import { formats, LoggedRequest } from "./AccessLogFormats.ts"
import { outcomeOf } from "./EndOutcome.ts"

/**
 * Options of `accessLog`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AccessLogOptions<R = never> {
  /** The form of a line: `plain`, such as `GET /rooms 200 in 3 ms`; `common` and `combined` of Apache; `json` with OpenTelemetry's names. Default: `plain`. */
  readonly format?: "plain" | "common" | "combined" | "json" | undefined
  /** The level of a line. Default: `Info`. */
  readonly level?: LogLevel.Severity | ((entry: AccessLogEntry) => LogLevel.Severity) | undefined
  /** Which requests are logged. Default: all. */
  readonly isLogged?: ((entry: AccessLogEntry) => boolean) | undefined
  /** Takes a line in the place of Effect's logger, such as `Console.log`. Default: Effect's logger, with annotations. */
  readonly print?: ((line: string, entry: AccessLogEntry) => Effect.Effect<unknown, never, R>) | undefined
  /** The names of request headers among the attributes. Default: none. */
  readonly requestHeaders?: ReadonlyArray<string> | undefined
  /** The names of response headers among the attributes. Default: none. */
  readonly responseHeaders?: ReadonlyArray<string> | undefined
  /** Names of headers and query parameters that hold a secret in addition to the built-in list. Default: none. */
  readonly redact?: ReadonlyArray<string | RegExp> | undefined
  /** The name of the middleware. Default: `accessLog`. */
  readonly name?: string | undefined
}

/**
 * Logs a line for each request.
 *
 * @category middleware
 * @since 0.1.0
 */
export const accessLog = <R = never>(options: AccessLogOptions<R> = {}): Middleware.Ended<R> => {
  const name = nameOr("accessLog", options.name)
  const { format = "plain", isLogged = () => true, level = "Info", print } = options
  checkOptions(name).oneOf("format", format, ["plain", "common", "combined", "json"])
  const isBuiltIn = secretNames({ add: options.redact ?? [] })
  const headers = {
    request: (options.requestHeaders ?? []).map((header) => header.toLowerCase()),
    response: (options.responseHeaders ?? []).map((header) => header.toLowerCase())
  }
  return Middleware.ended(name, (exit, end) => {
    const entry: AccessLogEntry = { ...end, ...outcomeOf(exit, end) }
    if (!isLogged(entry)) return Effect.void
    return Effect.withFiber((fiber): Effect.Effect<unknown, never, R> => {
      const redacted = fiber.getRef(Headers.CurrentRedactedNames)
      const isSecret = (name: string, place: NamePlace): boolean =>
        isBuiltIn(name, place) || (place === "header" && redacted.some((secret) => isNamed(name, secret)))
      const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
      const logged = new LoggedRequest(entry, now, isSecret, headers)
      const line = formats[format](logged)
      if (print !== undefined) return print(line, entry)
      const severity = typeof level === "function" ? level(entry) : level
      return Effect.annotateLogs(Effect.logWithLevel(severity)(line), logged.attributes)
    })
  })
}

const isNamed = (name: string, secret: string | RegExp): boolean =>
  typeof secret === "string" ? secret.toLowerCase() === name : name.search(secret) !== -1
