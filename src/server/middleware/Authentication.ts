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
 * 3. `basic` reads user and password as UTF-8 (RFC 7617 §2.1). Its challenge has the realm and the charset, and no error code.
 * 4. `verify` fails with `AuthenticationError`: 401 `invalid_token`, or 403 `insufficient_scope`. Its other errors, such as `Reject`, pass unchanged.
 *
 * **Order**
 *
 * A before, after rate limits and before everything that needs the user. The credential is `Redacted`: it does not show in logs.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Yields } from "../../core/Types.ts"
import type { Ambient, Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { queryOf } from "../RequestValues.ts"
import { AuthenticationError } from "./AuthenticationError.ts"
import { basicCredential } from "./BasicCredential.ts"
import type { BasicCredential } from "./BasicCredential.ts"

/**
 * Where a credential is looked for: the bearer token, or the user and password of Basic, in `Authorization`; or a header, a cookie or a query parameter by name.
 *
 * @category models
 * @since 0.1.0
 */
export type CredentialSource =
  | "bearer"
  | "basic"
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly param: string }

/**
 * The credential at a place.
 *
 * @category models
 * @since 0.1.0
 */
export type CredentialOf<F> = F extends "basic" ? BasicCredential : Redacted.Redacted

/**
 * Options of `authentication`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AuthenticationOptions<A, B = never, F extends CredentialSource = Exclude<CredentialSource, "basic">> {
  /** Where the credential is. */
  readonly from: F
  /** Says whose credential it is, or fails: with `AuthenticationError` for a bad one, with any other error when it cannot decide. */
  readonly verify: (credential: CredentialOf<F>) => A
  /** Who sends a request without a credential. Default: nobody; such a request fails. */
  readonly anonymous?: B
  /** The protection space in the challenge. `basic` needs one (RFC 7617 §2). Default: none. */
  readonly realm?: string
  /** The length of the longest credential, in characters; a longer one is an invalid request. Default: 4096. */
  readonly maxTokenChars?: number
  /** The name of the middleware. Default: `authentication`. */
  readonly name?: string
}

const pattern = /^bearer +([\w.~+/-]+=*) *$/i

const invalidRequest = (description: string) => ({ _tag: "InvalidRequest", description }) as const

/** The bearer token of the request, or the reason why it is missing. */
const bearerToken = ({ headers }: Request): string | AuthenticationError["reason"] | undefined => {
  const header = headers["authorization"]
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return undefined
  return pattern.exec(header)?.[1] ?? invalidRequest("Send: Authorization: Bearer <token>")
}

/** The credential of the request in its form for `verify`, or the reason of its absence. */
type Found = { readonly chars: number; readonly credential: unknown } | AuthenticationError["reason"]

const token = (text: string): Found => ({ chars: text.length, credential: Redacted.make(text) })

const credentialOf = (request: Request, from: CredentialSource): Found => {
  if (from === "basic") return basicCredential(request.headers["authorization"])
  const text = from === "bearer" ? bearerToken(request) : valueOf(request, from)
  if (text === undefined) return { _tag: "MissingCredential" }
  return typeof text === "string" ? token(text) : text
}

const valueOf = (request: Request, from: Exclude<CredentialSource, string>): string | undefined => {
  if ("header" in from) return request.headers[from.header.toLowerCase()]
  if ("cookie" in from) return request.cookies[from.cookie]
  return new URLSearchParams(queryOf(request.url)).get(from.param) ?? undefined
}

const schemeOf = (from: CredentialSource): string => {
  if (typeof from === "string") return from === "bearer" ? "Bearer" : "Basic"
  return "cookie" in from ? "Cookie" : "ApiKey"
}

/**
 * Provides what `verify` says of the credential of a request.
 *
 * @category middleware
 * @since 0.1.0
 */
export const authentication = <
  I,
  S,
  A extends Yields<S>,
  const F extends CredentialSource,
  B extends NoInfer<S> = never
>(
  key: Context.Key<I, S>,
  options: AuthenticationOptions<A, B, F>
): Middleware.Before<
  Exclude<I, Ambient>,
  Effect.Error<A> | AuthenticationError,
  Exclude<Effect.Services<A>, Ambient>
> => {
  const { anonymous, from, maxTokenChars = 4096, realm, verify } = options
  const name = nameOr("authentication", options.name)
  const check = checkOptions(name)
  check.maximum("maxTokenChars", maxTokenChars)
  if (from === "basic" && realm === undefined) {
    throw check.invalid("realm", "it is missing: browsers show it, and RFC 7617 asks for it")
  }
  const scheme = schemeOf(from)
  const own = { scheme, ...(realm === undefined ? {} : { realm }) }
  const failure = (reason: AuthenticationError["reason"]) => Effect.fail(new AuthenticationError({ reason, ...own }))
  const run = (request: Request): Effect.Effect<S, unknown, unknown> => {
    const found = credentialOf(request, from)
    if ("_tag" in found) {
      return found._tag === "MissingCredential" && anonymous !== undefined ? Effect.succeed(anonymous) : failure(found)
    }
    if (found.chars > maxTokenChars) {
      return failure(invalidRequest(`The credential is longer than ${maxTokenChars} characters`))
    }
    return Effect.mapError(verify(found.credential as CredentialOf<F>), (error) =>
      error instanceof AuthenticationError && error.realm === undefined
        ? new AuthenticationError({ reason: error.reason, ...own })
        : error
    )
  }
  return Middleware.before(name, key, run as never) as never
}
