/**
 * Authentication: reads the credential of a request, lets `verify` say whose it is, and answers with the right challenge when it is no good.
 *
 * **Example** (Bearer tokens)
 *
 * ```ts
 * import { Context, Effect, Redacted } from "effect"
 * import { Middleware } from "fairlead/server"
 * import { authentication, AuthenticationError } from "fairlead/server/middleware"
 *
 * class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}
 *
 * class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", {
 *   provides: CurrentUser,
 *   error: AuthenticationError
 * }) {}
 *
 * const live = Authenticate.layer(
 *   authentication(CurrentUser, {
 *     from: "bearer",
 *     realm: "app",
 *     verify: (token) =>
 *       Redacted.value(token) === "s3cret"
 *         ? Effect.succeed({ name: "Ada" })
 *         : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
 *   })
 * )
 * ```
 *
 * **Rules**
 *
 * 1. No credential: 401 with a challenge that has no error code (RFC 6750 §3).
 * 2. A header without a valid bearer token (RFC 6750 §2.1), or a longer credential than `maxTokenChars`: 400 `invalid_request`.
 * 3. `verify` fails with `AuthenticationError`: 401 `invalid_token`, or 403 `insufficient_scope`. Its other errors, such as `Reject`, pass unchanged.
 *
 * **Order**
 *
 * A before, after rate limits and before everything that needs the user. The credential is `Redacted`: it does not show in logs.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Yields } from "../../core/Types.ts"
import type { Ambient, Request, Response } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { queryOf } from "../RequestValues.ts"

const Description = Schema.optionalKey(Schema.String)

// The statuses and the codes of RFC 6750 §3.1; a request without any credential gets no code.
const answers = {
  MissingCredential: [401, undefined],
  InvalidRequest: [400, "invalid_request"],
  InvalidCredential: [401, "invalid_token"],
  InsufficientScope: [403, "insufficient_scope"]
} as const

/**
 * The request is not, or not sufficiently, authenticated. It responds with its status and the header `WWW-Authenticate`.
 *
 * @category errors
 * @since 0.1.0
 */
export class AuthenticationError extends Schema.TaggedError<AuthenticationError>(
  "fairlead/server/middleware/AuthenticationError"
)("AuthenticationError", {
  /** Why: the descriptions are for the client's developer and never secret; `scope` is the one that would do. */
  reason: Schema.Union([
    Schema.TaggedStruct("MissingCredential", { description: Description }),
    Schema.TaggedStruct("InvalidRequest", { description: Description }),
    Schema.TaggedStruct("InvalidCredential", { description: Description }),
    Schema.TaggedStruct("InsufficientScope", { scope: Schema.optionalKey(Schema.String), description: Description })
  ]),
  /** The scheme of the challenge. Default: `Bearer`. */
  scheme: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed("Bearer"))),
  /** The protection space; `authentication` fills it in. */
  realm: Schema.optionalKey(Schema.String)
}) {
  /** 400, 401 or 403, by the reason. */
  get status(): number {
    return answers[this.reason._tag][0]
  }

  /** The value of `WWW-Authenticate`. */
  get challenge(): string {
    const { realm, reason, scheme } = this
    const parameters = [
      ["realm", realm],
      ["error", answers[reason._tag][1]],
      ["error_description", reason.description],
      ["scope", "scope" in reason ? reason.scope : undefined]
    ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]))
    return [scheme, parameters.join(", ")].filter((part) => part !== "").join(" ")
  }

  override get message(): string {
    const { reason } = this
    if (reason.description !== undefined) return reason.description
    return reason._tag === "MissingCredential" ? "Send a credential" : `The credential is not accepted: ${reason._tag}`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(
      HttpServerResponse.empty({ status: this.status, headers: { "www-authenticate": this.challenge } })
    )
  }
}

// RFC 6750 §3 allows printable ASCII without quotes and backslashes in these values.
const quoted = (value: string): string => `"${value.replaceAll(/[^\x20-\x7e]|["\\]/g, "?")}"`

/**
 * Where a credential is looked for: the bearer token in `Authorization`, or a header, a cookie or a query parameter by name.
 *
 * @category models
 * @since 0.1.0
 */
export type CredentialSource =
  | "bearer"
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly param: string }

/**
 * Options of `authentication`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AuthenticationOptions<A, B = never> {
  /** Where the credential is. */
  readonly from: CredentialSource
  /** Says whose credential it is, or fails: with `AuthenticationError` for a bad one, with any other error when it cannot decide. */
  readonly verify: (credential: Redacted.Redacted) => A
  /** Who sends a request without a credential. Default: nobody; such a request fails. */
  readonly anonymous?: B
  /** The protection space in the challenge. Default: none. */
  readonly realm?: string
  /** The length of the longest credential, in characters; a longer one is an invalid request. Default: 4096. */
  readonly maxTokenChars?: number
  /** The name of the middleware. Default: `authentication`. */
  readonly name?: string
}

const pattern = /^bearer +([\w.~+/-]+=*) *$/i

const invalidRequest = (description: string) => ({ _tag: "InvalidRequest", description }) as const

/** The bearer token of the request, or the reason of its absence. */
const bearerToken = ({ headers }: Request): string | AuthenticationError["reason"] => {
  const header = headers["authorization"]
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return { _tag: "MissingCredential" }
  return pattern.exec(header)?.[1] ?? invalidRequest("Send: Authorization: Bearer <token>")
}

const valueOf = (request: Request, from: Exclude<CredentialSource, "bearer">): string | undefined => {
  if ("header" in from) return request.headers[from.header.toLowerCase()]
  if ("cookie" in from) return request.cookies[from.cookie]
  return new URLSearchParams(queryOf(request.url)).get(from.param) ?? undefined
}

const schemeOf = (from: CredentialSource): string =>
  from === "bearer" ? "Bearer" : "cookie" in from ? "Cookie" : "ApiKey"

/**
 * Provides what `verify` says of the credential of a request.
 *
 * @category middleware
 * @since 0.1.0
 */
export const authentication = <I, S, A extends Yields<S>, B extends NoInfer<S> = never>(
  key: Context.Key<I, S>,
  options: AuthenticationOptions<A, B>
): Middleware.Before<
  Exclude<I, Ambient>,
  Effect.Error<A> | AuthenticationError,
  Exclude<Effect.Services<A>, Ambient>
> => {
  const { anonymous, from, maxTokenChars = 4096, realm, verify } = options
  const name = nameOr("authentication", options.name)
  checkOptions(name).maximum("maxTokenChars", maxTokenChars)
  const scheme = schemeOf(from)
  const own = { scheme, ...(realm === undefined ? {} : { realm }) }
  const failure = (reason: AuthenticationError["reason"]) => Effect.fail(new AuthenticationError({ reason, ...own }))
  const credentialOf = (request: Request): string | AuthenticationError["reason"] =>
    from === "bearer" ? bearerToken(request) : (valueOf(request, from) ?? { _tag: "MissingCredential" })
  const run = (request: Request): Effect.Effect<S, unknown, unknown> => {
    const credential = credentialOf(request)
    if (typeof credential !== "string") {
      return credential._tag === "MissingCredential" && anonymous !== undefined
        ? Effect.succeed(anonymous)
        : failure(credential)
    }
    if (credential.length > maxTokenChars) {
      return failure(invalidRequest(`The credential is longer than ${maxTokenChars} characters`))
    }
    return Effect.mapError(verify(Redacted.make(credential)), (error) =>
      error instanceof AuthenticationError && error.realm === undefined
        ? new AuthenticationError({ reason: error.reason, ...own })
        : error
    )
  }
  return Middleware.before(name, key, run as never) as never
}
