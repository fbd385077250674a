/**
 * Bearer authentication by RFC 6750: reads the token, lets `verify` say whose it is, and refuses with the right challenge.
 *
 * 1. No `Authorization` header, or another scheme: 401 with a challenge that has no error code (RFC 6750 §3).
 * 2. A header that is no bearer token (RFC 6750 §2.1), or a token that is too long: 400 `invalid_request`.
 * 3. `verify` refuses: 401 `invalid_token`, or 403 `insufficient_scope`, as it says.
 *
 * Order: a before, behind rate limits and ahead of everything that needs the user. It is the implementation of a `Middleware.Service`, so
 * that a test provides another. The token is `Redacted`: it does not show in logs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

import type { Yields } from "../../core/Types.ts"
import type { Request, Response } from "../Model.ts"

const statuses = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const

/**
 * The request is not, or not sufficiently, authenticated. It responds with its status and the header `WWW-Authenticate`.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  /** The code of RFC 6750 §3.1; without one the request brought no token at all. */
  error: Schema.optionalKey(Schema.Literals(["invalid_request", "invalid_token", "insufficient_scope"])),
  /** For the client's developer; never secret. */
  description: Schema.optionalKey(Schema.String),
  /** The scope that would do, for `insufficient_scope`. */
  scope: Schema.optionalKey(Schema.String),
  /** The protection space; `bearer` fills it in. */
  realm: Schema.optionalKey(Schema.String)
}) {
  /** The same error in this protection space, unless it has one already. */
  in(realm: string | undefined): Unauthorized {
    if (this.realm !== undefined || realm === undefined) return this
    const { description, error, scope } = this
    return new Unauthorized({
      realm,
      ...(error === undefined ? {} : { error }),
      ...(description === undefined ? {} : { description }),
      ...(scope === undefined ? {} : { scope })
    })
  }

  /** 400, 401 or 403, by the code. */
  get status(): number {
    return this.error === undefined ? 401 : statuses[this.error]
  }

  /** The value of `WWW-Authenticate`. */
  get challenge(): string {
    const parameters = [
      ["realm", this.realm],
      ["error", this.error],
      ["error_description", this.description],
      ["scope", this.scope]
    ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]))
    return ["Bearer", parameters.join(", ")].filter((part) => part !== "").join(" ")
  }

  override get message(): string {
    return this.description ?? (this.error === undefined ? "Send a bearer token in Authorization" : this.error)
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
 * Options of `bearer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A> {
  /** Says whose token it is, or fails: with `Unauthorized` for a bad token, with any other error where it could not tell. */
  readonly verify: (token: Redacted.Redacted) => A
  /** The protection space in the challenge. Default: none. */
  readonly realm?: string
  /** The longest token that is looked at, in characters. Default: 4096. */
  readonly maxLength?: number
}

const pattern = /^bearer +([\w.~+/-]+=*) *$/i

/** The token of the request, or why there is none. */
const tokenOf = (request: Request, maxLength: number): Redacted.Redacted | Unauthorized => {
  const header = request.headers["authorization"]
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) return new Unauthorized({})
  const token = pattern.exec(header)?.[1]
  if (token === undefined) {
    return new Unauthorized({ error: "invalid_request", description: "Send: Authorization: Bearer <token>" })
  }
  if (token.length > maxLength) {
    return new Unauthorized({
      error: "invalid_request",
      description: `The token is longer than ${maxLength} characters`
    })
  }
  return Redacted.make(token)
}

/**
 * Implements a `Middleware.Service` by bearer tokens.
 *
 * **Example** (Authenticating)
 *
 * ```ts
 * import { Context, Effect, Redacted } from "effect"
 * import { Middleware } from "fairlead/server"
 * import { bearer, Unauthorized } from "fairlead/server/middleware"
 *
 * class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}
 *
 * class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", {
 *   provides: CurrentUser,
 *   error: Unauthorized
 * }) {}
 *
 * const live = Authenticate.layer(
 *   bearer({
 *     realm: "app",
 *     verify: (token) =>
 *       Redacted.value(token) === "s3cret"
 *         ? Effect.succeed({ name: "Ada" })
 *         : Effect.fail(new Unauthorized({ error: "invalid_token" }))
 *   })
 * )
 * ```
 *
 * @category middleware
 * @since 0.1.0
 */
export const bearer =
  <A extends Yields<unknown>>(options: Options<A>) =>
  (request: Request): Effect.Effect<Effect.Success<A>, Effect.Error<A> | Unauthorized, Effect.Services<A>> => {
    const token = tokenOf(request, options.maxLength ?? 4096)
    const verified = token instanceof Unauthorized ? Effect.fail(token) : options.verify(token)
    return Effect.mapError(verified, (error) =>
      error instanceof Unauthorized ? error.in(options.realm) : error
    ) as Effect.Effect<Effect.Success<A>, Effect.Error<A> | Unauthorized, Effect.Services<A>>
  }
