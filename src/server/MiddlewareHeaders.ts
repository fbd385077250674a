/**
 * Fixed response headers.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import { cast } from "../core/Composite.ts"
import { interceptorOf } from "../core/InterceptorKind.ts"
import { checkOptions, nameOr } from "../core/Options.ts"
import type { After } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"
import type { AfterValue } from "./MiddlewareValue.ts"
import { headerFault } from "./Sendable.ts"
import * as Stage from "./Stage.ts"

/**
 * Options of `headers`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeadersOptions {
  /** The name of the middleware. Default: `headers`. */
  readonly name?: string
}

/**
 * An after that sets headers. Several in a row write to one copy of the response, where each `HttpServerResponse.setHeader` makes its own.
 *
 * A name or a value that cannot be sent throws `InvalidOption` at once.
 *
 * **Example** (Two headers)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline } from "fairlead/server"
 *
 * const app = Pipeline.make("app")
 *   .handle(HttpServerResponse.text("hello"))
 *   .after(Middleware.headers({ "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const headers = (values: Readonly<Record<string, string>>, options: HeadersOptions = {}): After => {
  const name = nameOr("headers", options.name)
  for (const header in values) {
    const fault = headerFault(header, values[header])
    if (fault !== undefined) throw checkOptions(name).invalid("values", fault)
  }
  const lower = Object.fromEntries(Object.entries(values).map(([header, value]) => [header.toLowerCase(), value]))
  const run = (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.setHeaders(response, lower)
  const stage = Stage.make("headers", name, run, { headers: lower, info: { kind: "after" } })
  const value: AfterValue = interceptorOf(kinds.after, { name, stage })
  return cast(value)
}
