/**
 * Single values of the current request: a header, a cookie, a query parameter, a path parameter.
 *
 * Without the compiler flag `noUncheckedIndexedAccess` the header `request.headers["x-user"]` has the type `string`, so that TypeScript drops the branch of a missing
 * header, with its error. The types of these readers say that a value may be missing, with and without the flag.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

import type { Request } from "./HttpTypes.ts"

/**
 * Reads one value of the request by its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader<R> {
  /** The value, where there is one. */
  (name: string): Effect.Effect<Option.Option<string>, never, R>
  /** The value, or a failure with the error of `orFailWith`. */
  <E>(name: string, orFailWith: () => E): Effect.Effect<string, E, R>
  /** The value as the schema decodes it; a missing value is `undefined` to the schema. */
  <A, RD>(name: string, schema: TextSchema<A, RD>): Effect.Effect<A, Schema.SchemaError, R | RD>
}

/** A schema of a text, or of a text that may be missing. */
type TextSchema<A, RD> =
  | Schema.ConstraintCodec<A, string | undefined, RD, unknown>
  | Schema.ConstraintCodec<A, string, RD, unknown>

const reader = <R>(read: (name: string, context: Context.Context<R>) => string | undefined): Reader<R> => {
  const valueOf = (name: string): Effect.Effect<string | undefined, never, R> =>
    Effect.contextWith((context: Context.Context<R>) => Effect.succeed(read(name, context)))
  function readAs(name: string): Effect.Effect<Option.Option<string>, never, R>
  function readAs<E>(name: string, orFailWith: () => E): Effect.Effect<string, E, R>
  function readAs<A, RD>(name: string, schema: TextSchema<A, RD>): Effect.Effect<A, Schema.SchemaError, R | RD>
  function readAs<A, E, RD>(name: string, otherwise?: (() => E) | TextSchema<A, RD>) {
    if (otherwise === undefined) return Effect.map(valueOf(name), Option.fromUndefinedOr)
    if (isTextSchema(otherwise)) return Effect.flatMap(valueOf(name), Schema.decodeUnknownEffect(otherwise))
    return Effect.flatMap(valueOf(name), (value) =>
      value === undefined ? Effect.fail(otherwise()) : Effect.succeed(value)
    )
  }
  return readAs
}

const isTextSchema = <A, RD>(otherwise: (() => unknown) | TextSchema<A, RD>): otherwise is TextSchema<A, RD> =>
  Schema.isSchema(otherwise)

const requestIn = (context: Context.Context<HttpServerRequest.HttpServerRequest>): Request =>
  Context.get(context, HttpServerRequest.HttpServerRequest)

/**
 * A header of the request.
 *
 * **Example** (A header that must be there)
 *
 * ```ts
 * import { Context, Schema } from "effect"
 * import { Middleware, RequestView } from "fairlead/server"
 *
 * class User extends Context.Service<User, string>()("app/User") {}
 * class NoUser extends Schema.TaggedError<NoUser>()("NoUser", {}) {}
 *
 * const user = Middleware.before("user", User, RequestView.header("x-user", () => new NoUser()))
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const header: Reader<HttpServerRequest.HttpServerRequest> = reader(
  (name, context) => requestIn(context).headers[name.toLowerCase()]
)

/**
 * A cookie of the request.
 *
 * @category accessors
 * @since 0.1.0
 */
export const cookie: Reader<HttpServerRequest.HttpServerRequest> = reader(
  (name, context) => requestIn(context).cookies[name]
)

/**
 * The first query parameter of this name.
 *
 * @category accessors
 * @since 0.1.0
 */
export const query: Reader<HttpServerRequest.HttpServerRequest> = reader(
  (name, context) => new URLSearchParams(queryOf(requestIn(context).url)).get(name) ?? undefined
)

/** The query of a URL, without its question mark. Internal to the server part. */
export const queryOf = (url: string): string => /\?([^#]*)/.exec(url)?.[1] ?? ""

// The key of HttpRouter.RouteContext, by name: importing the router for it would put it into every bundle.
const Route = Context.Service<{}, { readonly params: Readonly<Record<string, string | undefined>> }>(
  "effect/http/HttpRouter/RouteContext"
)

/**
 * A parameter of the path, as the route of Effect's router names it.
 *
 * @category accessors
 * @since 0.1.0
 */
export const param: Reader<HttpRouter.RouteContext> = reader((name, context) => paramsIn(context)[name])

/** The parameters of the path in a context. Internal to the server part. */
export const paramsIn = (context: Context.Context<never>): Readonly<Record<string, string | undefined>> =>
  Context.getOrUndefined(context, Route)?.params ?? {}
