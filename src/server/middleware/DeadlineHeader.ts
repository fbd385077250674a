/**
 * Ends work whose client no longer waits: the client says how much time is left, and the request is bounded by it.
 *
 * **Example** (At most what the client waits, and never more than 30 seconds)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { deadlineHeader, timeouts } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .outer(timeouts({ handler: "30 seconds" }))
 *   .outer(deadlineHeader())
 *   .handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. The header has the milliseconds until the client stops to wait. Then the work is interrupted, and has ended before the response is sent: 504, which the client no longer reads.
 * 2. A streamed body on its way is cut at the same time.
 * 3. A header with anything but digits is ignored, and so is one beyond 24 days. It can shorten a request only: `timeouts` bounds it too.
 * 4. A request that became a WebSocket is not bounded.
 *
 * **Order**
 *
 * An outer, inside of `timeouts`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import { digits } from "../../core/heads/FieldValues.ts"
import { nameOr } from "../../core/Options.ts"
import { within } from "../../core/TimeBound.ts"
import { keepingRoute } from "../KeptRoute.ts"
import * as Middleware from "../Middleware.ts"
import { isUpgraded } from "../UpgradedRequest.ts"
import { bodyWithin } from "./BoundedBody.ts"
import { ResponseTimeout } from "./Timeouts.ts"

/**
 * Options of `deadlineHeader`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadlineHeaderOptions {
  /** The header. Default: `x-request-timeout-ms`. */
  readonly header?: string | undefined
  /** The name of the middleware. Default: `deadlineHeader`. */
  readonly name?: string | undefined
}

/** A longer time is no deadline, and no timer of the platform. */
const longest = 24 * 24 * 60 * 60 * 1000

/**
 * Bounds requests by the time that their clients wait.
 *
 * @category middleware
 * @since 0.1.0
 */
export const deadlineHeader = (options: DeadlineHeaderOptions = {}): Middleware.Outer<never> => {
  const name = nameOr("deadlineHeader", options.name)
  const header = (options.header ?? "x-request-timeout-ms").toLowerCase()
  return Middleware.outer(name, (app) =>
    Effect.withFiber((fiber) => {
      const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
      const left = digits(request.headers[header] ?? "")
      if (left === undefined || left > longest) return app
      const end = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe() + left
      const late = () => new ResponseTimeout({ phase: "total", status: 504, duration: Duration.millis(left) })
      const bounded = keepingRoute(app, (app) =>
        within(app, () => ({ millis: left, holds: () => !isUpgraded(request), onTimeout: late }))
      )
      const answered = Effect.map(bounded, (response) =>
        bodyWithin(response, request, { idle: Infinity, end, onIdle: late, onEnd: late })
      )
      // An inner `timeouts` has answered its own already.
      return Effect.catchIf(
        answered,
        (error): error is ResponseTimeout => error instanceof ResponseTimeout,
        () => Effect.succeed(HttpServerResponse.empty({ status: 504 }))
      )
    })
  )
}
