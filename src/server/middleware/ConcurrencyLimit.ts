/**
 * Limits how many requests run at once, with a bounded queue before them: a server that is full says so at once.
 *
 * **Example** (A hundred at once, fifty more may wait)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { concurrencyLimit, problemDetails } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .sending(problemDetails())
 *   .outer(concurrencyLimit({ maxRequests: 100, maxPending: 50 }))
 *   .handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. A request holds its slot until the last byte of its response was sent or its connection ended: a streamed body counts to its end, and a WebSocket to its close.
 *    A socket of channels over `NodeUpgrade` counts to its handshake.
 * 2. Beyond `maxRequests` a request waits in the queue, first come, first served, for `timeout` at most. A client that goes away leaves the queue.
 * 3. Beyond `maxPending`, or after `timeout`, the response is 503 with `Retry-After` (RFC 9110 §15.6.4), and no stage inside runs.
 * 4. Exempt requests take no slot and never wait: by default the paths `/ready` and `/live` of the fairing `health`, so that a full server is not restarted for being full.
 *
 * **Order**
 *
 * An outer: outside of everything that costs, inside of `requestId`, `metrics` and `timeouts`. `problemDetails` fills the empty response.
 *
 * **Limits**
 *
 * The slots are those of one build in one process. A handler that sends a request to its own server needs two slots: exempt the inner one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { Request, Response } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { Slots } from "./Slots.ts"

/**
 * Options of `concurrencyLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConcurrencyLimitOptions {
  /** How many requests run at once. Default: 1000. */
  readonly maxRequests?: number | undefined
  /** How many more may wait. Default: 0, so that no request waits. */
  readonly maxPending?: number | undefined
  /** How long a request may wait. Default: 1 second. */
  readonly timeout?: Duration.Input | undefined
  /** What `Retry-After` says, in seconds and rounded up. Default: 1 second. */
  readonly retryAfter?: Duration.Input | undefined
  /** Requests without a limit. Default: those for `/ready` and `/live`. */
  readonly isExempt?: ((request: Request) => boolean) | undefined
  /** The name of the middleware. Default: `concurrencyLimit`. */
  readonly name?: string | undefined
}

/**
 * Limits how many requests run at once.
 *
 * @category middleware
 * @since 0.1.0
 */
export const concurrencyLimit = (options: ConcurrencyLimitOptions = {}): Middleware.Outer<never> => {
  const name = nameOr("concurrencyLimit", options.name)
  const check = checkOptions(name)
  const maxRequests = check.integer("maxRequests", options.maxRequests ?? 1000)
  const maxPending = check.integer("maxPending", options.maxPending ?? 0, 0)
  const timeout = check.duration("timeout", options.timeout ?? "1 second")
  const retryAfter = check.duration("retryAfter", options.retryAfter ?? "1 second")
  const isExempt = options.isExempt ?? isHealth
  const rejected = overloaded(retryAfter)
  return Middleware.stateful(() => {
    const slots = new Slots(maxRequests, maxPending)
    const warn = Effect.suspend(() =>
      slots.warns()
        ? Effect.logWarning(`"${name}" rejects requests: ${slots.running} run and ${slots.pending} wait`)
        : Effect.void
    )
    const entered = Effect.timeoutOrElse(slots.enter, { duration: timeout, orElse: () => Effect.succeed(false) })
    return Middleware.outer(name, (app) =>
      Effect.withFiber(({ context }) => {
        const request = Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)
        if (isExempt(request)) return app
        return Effect.flatMap(slots.isFree ? slots.enter : entered, (isIn) =>
          isIn ? app : Effect.andThen(warn, rejected)
        )
      })
    )
  })
}

/** The response to a request that is one too many: 503 with `Retry-After`. */
export const overloaded = (retryAfter: Duration.Duration): Effect.Effect<Response> =>
  HttpServerRespondable.toResponse(
    new Reject({ reason: "overloaded", status: 503, details: { retry_after_ms: Duration.toMillis(retryAfter) } })
  )

/** Whether the request asks for the health of the server, at the default paths of the fairing `health`. */
export const isHealth = ({ url }: Request): boolean => /^\/(?:ready|live)(?:[?#]|$)/.test(url)
