/**
 * Puts the request and response hooks of the fairings around what answers requests. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"

import * as Middleware from "../server/Middleware.ts"
import * as Pipeline from "../server/Pipeline.ts"
import { logDefect } from "../server/Respond.ts"
import type { Value } from "./Fairing.ts"
import type { Handler } from "./Ignition.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** The handler with the hooks around it; without hooks it is the handler itself, with its defects logged. */
export const withHooks = (app: string, fairings: ReadonlyArray<Value>, handler: Handler): Handler => {
  const requests = fairings.filter(({ hooks }) => hooks.onRequest !== undefined)
  const responses = fairings.filter(({ hooks }) => hooks.onResponse !== undefined)
  if (requests.length === 0 && responses.length === 0) return Effect.tapCause(handler, reportDefect) as Handler
  const open = requests.reduce(
    (pipeline, { hooks, name }) =>
      pipeline.before(Middleware.mapRequest(name, (request) => orElse(hooks.onRequest!(request), request))),
    Pipeline.make(app)
  )
  const answered = open
    .handle(Effect.catchCause(handler, respondToInterruption))
    .catch((error) => responseOf(Cause.fail(error)))
    .catchDefect((defect) => responseOf(Cause.die(defect)))
  const hooked = responses.reduce<typeof answered>(
    (pipeline, { hooks, name }) =>
      pipeline.after(
        Middleware.after(name, (response, request) => orElse(hooks.onResponse!(response, request), response))
      ),
    answered
  )
  return Effect.tapCause(hooked as unknown as Handler, reportDefect) as Handler
}

// A hook gives nothing, a value, or an Effect of either; it cannot fail.
const orElse = <A>(given: unknown, unchanged: A): A | Effect.Effect<A> =>
  Effect.isEffect(given)
    ? Effect.map(given as Effect.Effect<A | undefined>, (value) => value ?? unchanged)
    : ((given as A | undefined) ?? unchanged)

const responseOf = (cause: Cause.Cause<unknown>): Effect.Effect<Response> =>
  Effect.flatMap(HttpServerError.causeResponse(cause), ([response]) =>
    response.status >= 500 && !Cause.hasDies(cause)
      ? Effect.as(Effect.logError("A route failed", cause), response)
      : Effect.succeed(response)
  )

// What the server makes of an interruption, 499 or 503, is a response too, which the hooks see.
const respondToInterruption = (cause: Cause.Cause<unknown>): Effect.Effect<Response, unknown> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.map(HttpServerError.causeResponse(cause), ([response]) => response)
    : Effect.failCause(cause)

const reportDefect = (cause: Cause.Cause<unknown>): Effect.Effect<void, never, Request> =>
  Cause.hasDies(cause)
    ? Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => logDefect(request, cause))
    : Effect.void
