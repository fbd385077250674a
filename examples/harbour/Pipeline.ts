/**
 * Harbour's pipeline: the stages before each route, and those of each response.
 *
 * Read it from top to bottom: a request goes down to `handle`, its answer goes on down to the end, and an error falls
 * to the first stage below it that catches its tag. Nothing is left open: `Pipeline.serve` would not compile.
 */
import { Context, Effect, Layer, Option } from "effect"
import { HttpServerResponse, ProblemDetails } from "effect/http"
import type { Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import {
  accessLog,
  authentication,
  AuthenticationError,
  bodyLimit,
  csrf,
  problemDetails,
  rateLimit,
  requestId,
  securityHeaders,
  session,
  timeouts
} from "fairlead/server/middleware"

import { CurrentUser, limits, StorageError } from "./Domain.ts"
import { allowed, routes } from "./Routes.ts"
import { sessionOptions, Visitor } from "./Sessions.ts"
import { Settings } from "./Settings.ts"
import { Tokens } from "./Tokens.ts"

/** The path of a URL without its query. */
const pathOf = (url: string): string => url.split("?", 1)[0] ?? url

/** Finds out who sends the request. */
export class Authenticate extends Middleware.Service<Authenticate>()("harbour/Authenticate", {
  provides: CurrentUser,
  error: [AuthenticationError, StorageError]
}) {}

/** Authentication by the tokens that Harbour issues. */
export const authenticateByToken = Authenticate.layer(
  authentication(CurrentUser, {
    from: "bearer",
    realm: "harbour",
    verify: (token) =>
      Effect.gen(function* () {
        const tokens = yield* Tokens
        const member = yield* tokens.verify(token)
        return Option.isSome(member)
          ? member.value
          : yield* new AuthenticationError({ reason: { _tag: "InvalidCredential" } })
      })
  })
)

/** A problem (RFC 9457) whose type is `about:blank`. */
const problem = (members: Omit<ProblemDetails.ProblemDetails, "type"> & { readonly status: number }) =>
  ProblemDetails.toResponse({ type: ProblemDetails.blankType, ...members })

/** Interrupts a request that takes too long. */
const deadline = timeouts({
  handler: `${limits.deadline} seconds`,
  onTimeout: ({ status }) =>
    problem({
      status,
      detail: `The request took longer than ${limits.deadline} s and was stopped. Try again.`,
      code: "DeadlineExceeded"
    })
})

/** Harbour makes anybody a member who asks: this alone keeps a client from filling the data with members. */
const tokenLimit = Middleware.when(
  ({ method, url }) => method === "POST" && ["/api/tokens", "/api/session"].includes(pathOf(url)),
  rateLimit({ name: "tokens", limit: limits.tokens, window: "1 minute", algorithm: "fixed-window" })
)

/** The answer to a request above that limit, with the time to try again, and to one of another site's page. */
const rejected = ({ details, status }: Reject) => {
  if (status === 403)
    return problem({ status, detail: "The page of another site sent this request.", code: "CrossSite" })
  const seconds = Math.max(1, Math.ceil(Number(details?.["retry_after_ms"] ?? 0) / 1000))
  const detail = `This address has got its ${limits.tokens} tokens of this minute. Ask again in ${seconds} s.`
  return HttpServerResponse.setHeader(
    problem({ status, detail, code: "TooManyTokens" }),
    "retry-after",
    String(seconds)
  )
}

/** The answer to a refusal of the domain: its status, its tag as `code`, and its message. */
const refuse = (
  error: { readonly _tag: string; readonly status: number; readonly message: string },
  more: Readonly<Record<string, unknown>> = {}
) => problem({ status: error.status, detail: error.message, code: error._tag, ...more })

/** The API serves no page; the page brings its own policy. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: { "default-src": ["'none'"], "frame-ancestors": ["'none'"] }
}

/** The pipeline around the routes. */
const api = Effect.map(Effect.all([Settings, Pipeline.routes(routes)]), ([{ plainHttp }, handler]) =>
  Pipeline.make("harbour")
    .sending(securityHeaders({ contentSecurityPolicy }))
    .sending(problemDetails())
    .ended(accessLog())
    .outer(requestId())
    .outer(deadline)
    .before(tokenLimit)
    .before(bodyLimit({ maxBytes: limits.body }))
    .before(csrf())
    .before(session(Visitor, sessionOptions(plainHttp)))
    .before(Authenticate)
    // Without a token the session says who sends the request; a wrong token stays an error.
    .recover("AuthenticationError", (error) =>
      error.reason._tag === "MissingCredential"
        ? Effect.map(
            Effect.flatMap(Visitor, (visitor) => visitor.get),
            (user) => Context.make(CurrentUser, user)
          )
        : Effect.fail(error)
    )
    .handle(handler)
    .catchReason("HttpServerError", "RouteNotFound", ({ request }) => {
      const allow = allowed(request.url)
      return allow.length === 0
        ? problem({ status: 404, detail: `There is nothing at ${pathOf(request.url)}.`, code: "RouteNotFound" })
        : HttpServerResponse.setHeader(
            problem({
              status: 405,
              detail: `${pathOf(request.url)} takes ${allow.join(", ")}.`,
              code: "MethodNotAllowed"
            }),
            "allow",
            allow.join(", ")
          )
    })
    .catchReason("HttpServerError", "RequestParseError", ({ reason }) =>
      reason === "BodyTooLarge"
        ? problem({
            status: 413,
            detail: `A request body may have at most ${limits.body} bytes.`,
            code: "BodyTooLarge"
          })
        : problem({ status: 400, detail: "The request cannot be read.", code: "InvalidRequest" })
    )
    .catchTag("InvalidRequest", (error) => refuse(error, { in: error.in, errors: error.errors }))
    .catchTag(["RoomNotFound", "MessageNotFound", "RoomTaken", "NameTaken"], (error) => refuse(error))
    .catchTag("Reject", rejected)
    .catchTag("AuthenticationError", (error) =>
      HttpServerResponse.setHeader(refuse(error), "www-authenticate", error.challenge)
    )
    .catchTag(["StorageError", "SessionError"], (error) =>
      Effect.as(
        Effect.logError(error),
        problem({ status: 503, detail: "Harbour cannot reach its data. Try again later.", code: "StorageError" })
      )
    )
    .respond()
    .catchDefect(() => HttpServerResponse.empty({ status: 500 }))
)

/** The handler of every request, built once. */
export class Site extends Context.Service<Site, Effect.Success<typeof api>>()("harbour/Site") {
  static readonly layer = Layer.effect(Site, api)
}
