/**
 * Sends the time that is left with each attempt, so that the server ends work whose response nobody would wait for.
 *
 * **Example** (Ten seconds for the call, wherever its work is done)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { deadlineHeader, retry, timeouts } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(timeouts({ total: "10 seconds" }))
 *   .use(retry())
 *   .use(deadlineHeader())
 * ```
 *
 * Rules:
 *
 * 1. The header has the milliseconds until the `total` of `timeouts` ends, at least 1: a retry has less than the first attempt.
 * 2. Without a `total` there is no header, and one of the caller stays.
 *
 * Order: last, after `timeouts`, so that the time that other handlers take is counted. Works with any server that reads the header, such as the middleware `deadlineHeader`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"

import { nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { deadline } from "./Deadline.ts"

/**
 * Options of `deadlineHeader`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadlineHeaderOptions {
  /** The handler's name. Default: `deadlineHeader`. */
  readonly name?: string | undefined
  /** The header. Default: `x-request-timeout-ms`. */
  readonly header?: string | undefined
}

/**
 * Sends the time that is left.
 *
 * @category handlers
 * @since 0.1.0
 */
export const deadlineHeader = (options: DeadlineHeaderOptions = {}): ClientHandler.ClientHandler => {
  const name = nameOr("deadlineHeader", options.name)
  const header = (options.header ?? "x-request-timeout-ms").toLowerCase()
  return ClientHandler.make(name, {
    run: (exchange) => {
      const end = exchange.get(deadline)
      if (end === Number.POSITIVE_INFINITY) return undefined
      const now = Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()
      const left = Math.max(1, Math.ceil(end - now))
      return ClientHandler.proceed(HttpClientRequest.setHeader(exchange.request, header, String(left)))
    }
  })
}
