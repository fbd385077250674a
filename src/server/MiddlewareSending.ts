/**
 * Middleware for a response on its way out: the stages that change it, and the observers of its end.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

import { cast } from "../core/Composite.ts"
import { interceptorOf } from "../core/InterceptorKind.ts"
import type { Ambient, Request, Response } from "./HttpTypes.ts"
import type { Ended, Ending, ResponseEnd, Sending } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"
import type { EndedValue, SendingValue } from "./MiddlewareValue.ts"

type Needs<A> = Exclude<Effect.Services<A>, Ambient>

/**
 * Options of `sending`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendingOptions {
  /** Whether it sees the response before or after Effect's `HttpMiddleware.compression` changed it. Default: `after`. */
  readonly compression?: "before" | "after"
}

/**
 * A stage for every response that leaves the terminal, whoever produced it: the pipeline, an outer, the router's 404, the server's bare 500.
 *
 * **Rules**
 *
 * 1. It runs once a request, after everything else, and before a HEAD, 204 or 304 loses its body. The last declared runs first, and an inner
 *    pipeline's run before an outer's. Of several with one name, in pipelines inside of one another, the innermost runs.
 * 2. It cannot fail. A defect in it is logged, and the response goes out without its change.
 * 3. Its request is the one that came to the pipeline. It may use the services around the pipeline, not those of its stages: they may not have run.
 *
 * **Limits**
 *
 * It does not run for the 101 of an upgrade, which the transport has written already, nor for a request that Node's own parser refuses.
 *
 * **Example** (A header on every response)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline } from "fairlead/server"
 *
 * const nosniff = Middleware.sending("nosniff", HttpServerResponse.setHeader("x-content-type-options", "nosniff"))
 *
 * const app = Pipeline.make("app").sending(nosniff).handle(HttpServerResponse.text("hello"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const sending = <A extends Response | Effect.Effect<Response, never, unknown>>(
  name: string,
  run: (response: Response, request: Request, ending: Ending) => A,
  options: SendingOptions = {}
): Sending<Needs<A>> => {
  const value: SendingValue = interceptorOf(kinds.sending, { name, run, inside: options.compression === "before" })
  return cast(value)
}

/**
 * Is called when the last byte of the response was handed over, or the connection ended: for access logs, metrics, and slots that a
 * response holds until it is sent. After an upgrade it is called when the request ends, which may be with the handshake.
 *
 * The `Exit` is that of the body: a stream that fails midway is a failure, a client that goes away is an interruption. It cannot fail; a defect
 * in it is logged.
 *
 * **Example** (An access log)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline } from "fairlead/server"
 *
 * const log = Middleware.ended("log", (_, { bytes, request, status }) =>
 *   Effect.logInfo(`${request.method} ${status} ${bytes ?? "-"}`)
 * )
 *
 * const app = Pipeline.make("app").ended(log).handle(HttpServerResponse.text("hello"))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const ended = <A extends void | Effect.Effect<unknown, never, unknown>>(
  name: string,
  run: (exit: Exit.Exit<void, unknown>, end: ResponseEnd) => A
): Ended<Needs<A>> => {
  const value: EndedValue = interceptorOf(kinds.ended, { name, run })
  return cast(value)
}
