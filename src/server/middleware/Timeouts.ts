/**
 * Limits how long a request may take: until its response is ready, between two pieces of its body, and in total.
 *
 * **Example** (Ten seconds for a response, a minute for all of it)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { problemDetails, timeouts } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .sending(problemDetails())
 *   .outer(timeouts({ handler: "10 seconds", total: "1 minute" }))
 *   .handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. `handler` limits the time to the response: befores, handler and afters, and their reading of the request's body. Beyond it the work is interrupted, and has ended before
 *    the response is sent: 503, or 504 in a gateway (RFC 9110 §15.6). It is never 408, which asks the client to send the same request again.
 * 2. `idle` limits each wait for a piece of a streamed response, and each wait until the client has taken one. `total` limits the request to its last byte.
 * 3. The status of a body on its way was sent already: the stream fails with `ResponseTimeout`, its connection is cut, and its resources are released.
 * 4. A request that became a WebSocket has no limit: its session has begun.
 *
 * **Order**
 *
 * An outer: inside of `requestId`, outside of everything that may take long. `problemDetails` fills the empty response.
 *
 * **Limits**
 *
 * A body in memory is written at once, and a raw stream of the platform, such as a file, is sent by the platform: `idle` and `total` do not reach them. On a web
 * runtime, the runtime limits a client that does not read.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { within } from "../../core/TimeBound.ts"
import type { Request, Response } from "../HttpTypes.ts"
import { keepingRoute } from "../KeptRoute.ts"
import * as Middleware from "../Middleware.ts"
import { isUpgraded } from "../UpgradedRequest.ts"
import { bodyWithin } from "./BoundedBody.ts"

/**
 * A request took longer than allowed. Before the response it responds with its status; later it is the failure of the body.
 *
 * @category errors
 * @since 0.1.0
 */
export class ResponseTimeout extends Schema.TaggedError<ResponseTimeout>("fairlead/server/middleware/ResponseTimeout")(
  "ResponseTimeout",
  {
    /** Which limit was reached. */
    phase: Schema.Literals(["handler", "idle", "total"]),
    /** The limit. */
    duration: Schema.Duration,
    /** 503 or 504. */
    status: Schema.Number
  }
) {
  override get message(): string {
    return `The request reached the limit \`${this.phase}\` of ${Duration.format(this.duration)}: raise it, or make the work shorter`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(HttpServerResponse.empty({ status: this.status }))
  }
}

/**
 * Options of `timeouts`. An infinite limit does not apply.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimeoutsOptions {
  /** From the start of the request to its response. Default: 30 seconds. */
  readonly handler?: Duration.Input | undefined
  /** Without progress while a stream is sent. Default: 30 seconds. */
  readonly idle?: Duration.Input | undefined
  /** From the start of the request to the last byte of a stream. Default: none. */
  readonly total?: Duration.Input | undefined
  /** The status when there is no response yet: 503 for a server, 504 for a gateway. Default: 503. */
  readonly status?: 503 | 504 | undefined
  /** Requests without limits, such as an endless stream of events. Default: no request. */
  readonly isExempt?: ((request: Request) => boolean) | undefined
  /** Makes the response when there is none yet. Default: an empty one with `status`. */
  readonly onTimeout?: ((timeout: ResponseTimeout, request: Request) => Response) | undefined
  /** The name of the middleware. Default: `timeouts`. */
  readonly name?: string | undefined
}

/**
 * Limits how long requests take.
 *
 * @category middleware
 * @since 0.1.0
 */
export const timeouts = (options: TimeoutsOptions = {}): Middleware.Outer<never> => {
  const name = nameOr("timeouts", options.name)
  const check = checkOptions(name)
  const { isExempt = () => false, onTimeout = (timeout) => HttpServerResponse.empty({ status: timeout.status }) } =
    options
  const millis = (option: "handler" | "idle" | "total", standard: Duration.Input): number =>
    Duration.toMillis(check.duration(option, options[option] ?? standard, { infinite: true }))
  const limits = { handler: millis("handler", "30 seconds"), idle: millis("idle", "30 seconds") }
  const total = millis("total", Duration.infinity)
  const status = check.oneOf("status", options.status ?? 503, [503, 504])
  const timeoutOf = (phase: ResponseTimeout["phase"], limit: number) =>
    new ResponseTimeout({ phase, status, duration: Duration.millis(limit) })
  const first =
    total < limits.handler
      ? ({ phase: "total", limit: total } as const)
      : ({ phase: "handler", limit: limits.handler } as const)

  return Middleware.outer(name, (app) =>
    Effect.withFiber((fiber) => {
      const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
      if (isExempt(request)) return app
      const end = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() + total
      const bounded = keepingRoute(app, (app) =>
        within(app, () => ({
          millis: first.limit,
          holds: () => !isUpgraded(request),
          onTimeout: () => timeoutOf(first.phase, first.limit)
        }))
      )
      const answered = Effect.map(bounded, (response) =>
        bodyWithin(response, request, {
          idle: limits.idle,
          end,
          onIdle: () => timeoutOf("idle", limits.idle),
          onEnd: () => timeoutOf("total", total)
        })
      )
      return Effect.catchIf(
        answered,
        (error): error is ResponseTimeout => error instanceof ResponseTimeout,
        (timeout) => Effect.as(Effect.logWarning(timeout.message), onTimeout(timeout, request))
      )
    })
  )
}
