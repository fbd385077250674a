/**
 * Checks the response that leaves a terminal, and logs its cause. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import { CurrentState } from "./RequestState.ts"
import type { RequestState } from "./RequestState.ts"
import { isWorthALine, logCause, logDefect } from "./Respond.ts"
import { faultOf } from "./Sendable.ts"

const LoggedKey: unique symbol = Symbol("fairlead/server/Logged")

/** The state of a request with the cause that was logged for it: another request may fail with the same cause. */
interface CheckedState extends RequestState {
  [LoggedKey]?: Cause.Cause<unknown>
}

/** Checks the response at the terminal: an unsendable one becomes a bare 500, and every cause is logged once. */
export const checkAtTerminal = (fiber: Fiber.Fiber<any, any>): void => {
  const state = Context.getOrUndefined(fiber.context, CurrentState)
  if (state !== undefined && state.preResponseHandler !== check) {
    HttpEffect.appendPreResponseHandlerUnsafe(fiber.context, check)
  }
}

const check: HttpEffect.PreResponseHandler = (request, response) => {
  const fault = faultOf(response)
  if (fault !== undefined) {
    const cause = Cause.die(new TypeError(`The app returned an unsendable response: ${fault}`))
    return Effect.as(logDefect(request, cause), HttpServerResponse.empty({ status: 500 }))
  }
  const state: CheckedState | undefined = Context.getOrUndefined(Fiber.getCurrent()!.context, CurrentState)
  const cause = state?.cause
  if (state === undefined || cause === undefined || state[LoggedKey] === cause) return Exit.succeed(response)
  state[LoggedKey] = cause
  // Effect's own logger would log the cause again.
  state.loggerDisabled ||= isWorthALine(cause)
  return Effect.as(logCause(request, response, cause), response)
}
