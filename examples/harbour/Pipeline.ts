/**
 * Harbour's pipeline: what every request passes on its way to a route, and every answer on its way back.
 *
 * Read it from top to bottom: a request goes down to `handle`, its answer goes on down to the end, and an error falls
 * to the first stage below it that catches its tag. Nothing is left open: `Pipeline.serve` would not compile.
 */
import { ByteSize, Clock, Context, Effect, Exit, Layer, Option } from "effect"
import { HttpIncomingMessage, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { bearer, problem, problemDetails, requestId, Unauthorized } from "fairlead/server/middleware"

import { BodyTooLarge, CurrentUser, DeadlineExceeded, guest, limits, StorageError } from "./Domain.ts"
import { allowed, routes } from "./Routes.ts"
import { Tokens } from "./Tokens.ts"

/** The path of a URL without its query. */
export const pathOf = (url: string): string => url.split("?", 1)[0] ?? url

/** One line for each request: method, path, status and time. The request id is in its annotations. */
const accessLog = Middleware.outer("access-log", (app) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const start = yield* Clock.currentTimeMillis
    return yield* Effect.onExit(app, (exit) =>
      Effect.gen(function* () {
        // What the server makes of an interruption: 499 when the client went away, 503 when Harbour stops.
        const response = Exit.isSuccess(exit) ? exit.value : (yield* HttpServerError.causeResponse(exit.cause))[0]
        const end = yield* Clock.currentTimeMillis
        yield* Effect.log(`${request.method} ${pathOf(request.url)} ${response.status} ${end - start}ms`)
      })
    )
  })
)

/** Refuses a body that says it is too large, and sets the limit that a body of unknown length is counted against. */
const bodyLimit = Middleware.before("body-limit", HttpIncomingMessage.MaxBodySize, (request) =>
  Number(request.headers["content-length"] ?? 0) > limits.body
    ? Effect.fail(new BodyTooLarge({ limit: limits.body }))
    : Effect.succeed(ByteSize.bytes(limits.body))
)

/** Finds out who sends the request. */
export class Authenticate extends Middleware.Service<Authenticate>()("harbour/Authenticate", {
  provides: CurrentUser,
  error: [Unauthorized, StorageError]
}) {}

/** Authentication by the tokens that Harbour issues. */
export const authenticateByToken = Authenticate.layer(
  bearer({
    realm: "harbour",
    verify: (token) =>
      Effect.gen(function* () {
        const tokens = yield* Tokens
        const member = yield* tokens.verify(token)
        return Option.isSome(member) ? member.value : yield* new Unauthorized({ error: "invalid_token" })
      })
  })
)

/** Interrupts a handler that takes too long. */
const deadline = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.timeoutOrElse(app, {
    duration: `${limits.deadline} seconds`,
    orElse: () => Effect.fail(new DeadlineExceeded({ seconds: limits.deadline }))
  })

/** The answer to a refusal of the domain: its status, its tag as `code`, and its message. */
const refuse = (
  error: { readonly _tag: string; readonly status: number; readonly message: string },
  more: Readonly<Record<string, unknown>> = {}
) => problem({ status: error.status, detail: error.message, code: error._tag, ...more })

/** Keeps what is sent from being read as something else or being framed; the page brings a policy of its own. */
const securityHeaders = Middleware.after("security-headers", (response) =>
  HttpServerResponse.setHeaders(response, {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    ...response.headers
  })
)

/** The pipeline around the routes. */
const api = Effect.map(Pipeline.routes(routes), (handler) =>
  Pipeline.make("harbour")
    .outer(requestId())
    .outer(accessLog)
    .before(bodyLimit)
    .before(Authenticate)
    // Without a token one is a guest; a token that is wrong stays an error.
    .recover("Unauthorized", (error) =>
      error.error === undefined ? Effect.succeed(Context.make(CurrentUser, guest)) : Effect.fail(error)
    )
    .handle(handler, deadline)
    .catchReason("HttpServerError", "RouteNotFound", ({ request }) => {
      const allow = allowed(request.url)
      return allow.length === 0
        ? problem({ status: 404, detail: `There is nothing at ${pathOf(request.url)}.`, code: "RouteNotFound" })
        : problem(
            { status: 405, detail: `${pathOf(request.url)} takes ${allow.join(", ")}.`, code: "MethodNotAllowed" },
            { headers: { allow: allow.join(", ") } }
          )
    })
    .catchTag("InvalidRequest", (error) => refuse(error, { in: error.in, errors: error.errors }))
    .catchTag(
      ["BodyTooLarge", "RoomNotFound", "MessageNotFound", "RoomTaken", "NameTaken", "DeadlineExceeded"],
      (error) => refuse(error)
    )
    .catchTag("Unauthorized", (error) =>
      HttpServerResponse.setHeader(refuse(error), "www-authenticate", error.challenge)
    )
    .catchTag("StorageError", (error) =>
      Effect.as(
        Effect.logError(error),
        problem({ status: error.status, detail: "Harbour cannot reach its data. Try again later.", code: error._tag })
      )
    )
    .respond()
    .catchDefect(() => problem({ status: 500 }))
    .after(problemDetails())
    .after(securityHeaders)
)

/** What answers every request, built once. */
export class Site extends Context.Service<Site, Effect.Success<typeof api>>()("harbour/Site") {
  static readonly layer = Layer.effect(Site, api)
}
