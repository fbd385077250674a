// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * The types of middleware values. The services, errors and stages declared here are those of all type tests of the server part.
 */
import { Context, Effect, Option, Schema } from "effect"
import type { Scope } from "effect"
import { HttpServerRequest, HttpServerRespondable, HttpServerResponse } from "effect/http"
import { Middleware } from "fairlead/server"
import type { AuthenticationError, RequestId } from "fairlead/server/middleware"
import { authentication, problemDetails, requestId } from "fairlead/server/middleware"
import { expectTypeOf, test } from "vitest"

/** What every request has. */
export type Ambient = HttpServerRequest.HttpServerRequest | Scope.Scope

export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", { reason: Schema.String }) {}
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { path: Schema.String }) {}
export class DatabaseDown extends Schema.TaggedError<DatabaseDown>()("DatabaseDown", {}) {}
export class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {}

/** Answers for itself, by its schema. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", {}, { httpApiStatus: 409 }) {}

/** Answers for itself, by the protocol. */
export class Teapot extends Schema.TaggedError<Teapot>()("Teapot", {}) {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(HttpServerResponse.empty({ status: 418 }))
  }
}

export interface User {
  readonly name: string
}
export class Trace extends Context.Service<Trace, string>()("types/Trace") {}
export class CurrentUser extends Context.Service<CurrentUser, User>()("types/CurrentUser") {}
export class Database extends Context.Service<
  Database,
  { readonly find: (key: string) => Effect.Effect<string, DatabaseDown> }
>()("types/Database") {}

/** Provides `Trace`, as a plain value. */
export const trace = Middleware.before("trace", Trace, (request) => request.headers["x-trace"] ?? "none")

/** Provides `CurrentUser`, raises `Unauthorized` and `DatabaseDown`, needs `Trace` and `Database`. */
export const authenticate = Middleware.before(
  "authenticate",
  CurrentUser,
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const token = request.headers["authorization"]
    if (token === undefined) return yield* new Unauthorized({ reason: yield* Trace })
    return { name: yield* (yield* Database).find(token) }
  })
)

/** Raises `TooSlow`, provides nothing. */
export const limit = Middleware.before("limit", Effect.fail(new TooSlow()))

/** Needs `CurrentUser`, fails with `NotFound`. */
export const greet = Effect.gen(function* () {
  const { name } = yield* CurrentUser
  return name === "" ? yield* new NotFound({ path: "/" }) : HttpServerResponse.text(`Hello, ${name}`)
})

/** An after that needs `Trace`. */
export const stampTrace = Middleware.after("stamp-trace", (response) =>
  Effect.map(Trace, (id) => HttpServerResponse.setHeader(response, "x-trace", id))
)

/** An after that needs `CurrentUser`. */
export const stampUser = Middleware.after("stamp-user", (response) =>
  Effect.map(CurrentUser, ({ name }) => HttpServerResponse.setHeader(response, "x-user", name))
)

export const empty = HttpServerResponse.empty()

test("a before with a key provides it, whether its run is a value, an Effect, or a function of the request to either", () => {
  expectTypeOf(trace).toEqualTypeOf<Middleware.Before<Trace>>()
  expectTypeOf(Middleware.before("x", Trace, "fixed")).toEqualTypeOf<Middleware.Before<Trace>>()
  expectTypeOf(Middleware.before("x", Trace, Effect.succeed("made"))).toEqualTypeOf<Middleware.Before<Trace>>()
  expectTypeOf(authenticate).toEqualTypeOf<
    Middleware.Before<CurrentUser, Unauthorized | DatabaseDown, Trace | Database>
  >()
  const either = Middleware.before("x", Trace, (request) =>
    request.url === "" ? Effect.fail(new Unauthorized({ reason: "" })) : request.url
  )
  expectTypeOf(either).toEqualTypeOf<Middleware.Before<Trace, Unauthorized>>()
})

test("a before unites the errors and the needs of all branches of its function", () => {
  const branches = Middleware.before("x", CurrentUser, (request) => {
    if (request.url === "a") return Effect.fail(new Unauthorized({ reason: "" }))
    if (request.url === "b") return Effect.fail(new TooSlow())
    return Effect.map(Trace, (name) => ({ name }))
  })
  expectTypeOf(branches).toEqualTypeOf<Middleware.Before<CurrentUser, Unauthorized | TooSlow, Trace>>()
})

test("a before must return the service of its key", () => {
  // @ts-expect-error a number is no string
  Middleware.before("x", Trace, 1)
  // @ts-expect-error neither is its Effect
  Middleware.before("x", Trace, Effect.succeed(1))
  // @ts-expect-error nor what the function gives
  Middleware.before("x", Trace, () => Effect.succeed(1))
  // @ts-expect-error nor an object without its members
  Middleware.before("x", Database, () => ({}))
  // @ts-expect-error beside an error either
  Middleware.before("x", Database, ({ url }) => (url === "" ? Effect.fail(new TooSlow()) : {}))
})

test("a before whose function returns a value or fails keeps the error, however wide the service is", () => {
  class Wide extends Context.Service<Wide, object>()("types/Wide") {}
  class Anything extends Context.Service<Anything, unknown>()("types/Anything") {}
  class Perhaps extends Context.Service<Perhaps, string | undefined>()("types/Perhaps") {}
  const find = Effect.flatMap(Database, (database) => database.find("key"))
  expectTypeOf(Middleware.before("x", Wide, () => Effect.map(find, (key) => ({ key })))).toEqualTypeOf<
    Middleware.Before<Wide, DatabaseDown, Database>
  >()
  expectTypeOf(Middleware.before("x", Anything, () => find)).toEqualTypeOf<
    Middleware.Before<Anything, DatabaseDown, Database>
  >()
  expectTypeOf(Middleware.before("x", Perhaps, (request) => (request.url === "" ? find : undefined))).toEqualTypeOf<
    Middleware.Before<Perhaps, DatabaseDown, Database>
  >()
})

test("a plain value or function keeps the literal types of its service", () => {
  class Language extends Context.Service<Language, "en" | "fr">()("types/Language") {}
  class Flags extends Context.Service<Flags, { readonly mode: "on" | "off"; readonly list: Array<string> }>()(
    "types/Flags"
  ) {}
  expectTypeOf(Middleware.before("x", Language, "en")).toEqualTypeOf<Middleware.Before<Language>>()
  expectTypeOf(Middleware.before("x", Language, ({ url }) => (url === "" ? "en" : "fr"))).toEqualTypeOf<
    Middleware.Before<Language>
  >()
  expectTypeOf(
    Middleware.before("x", Language, ({ url }) => (url === "" ? "en" : Effect.fail(new TooSlow())))
  ).toEqualTypeOf<Middleware.Before<Language, TooSlow>>()
  expectTypeOf(Middleware.before("x", Flags, ({ url }) => ({ mode: "on", list: [url] }))).toEqualTypeOf<
    Middleware.Before<Flags>
  >()
})

test("a before without a key provides nothing, and returns nothing", () => {
  expectTypeOf(limit).toEqualTypeOf<Middleware.Before<never, TooSlow>>()
  expectTypeOf(Middleware.before("x", () => undefined)).toEqualTypeOf<Middleware.Before<never>>()
  expectTypeOf(Middleware.before("x", Effect.log("seen"))).toEqualTypeOf<Middleware.Before<never>>()
  expectTypeOf(
    Middleware.before("x", (request) =>
      Effect.flatMap(Database, (database) => Effect.asVoid(database.find(request.url)))
    )
  ).toEqualTypeOf<Middleware.Before<never, DatabaseDown, Database>>()
  // @ts-expect-error a value that nobody gets is a mistake
  Middleware.before("x", () => "lost")
  const dropped = Middleware.before("x", (request) => Effect.flatMap(Database, ({ find }) => find(request.url)))
  expectTypeOf(dropped).toEqualTypeOf<Middleware.Before<never, DatabaseDown, Database>>()
})

test("the request and the scope are never among the needs", () => {
  const scoped = Middleware.before(
    "x",
    Trace,
    Effect.gen(function* () {
      yield* Effect.addFinalizer(() => Effect.void)
      return (yield* HttpServerRequest.HttpServerRequest).url
    })
  )
  expectTypeOf(scoped).toEqualTypeOf<Middleware.Before<Trace>>()
})

test("mapRequest returns a request", () => {
  expectTypeOf(Middleware.mapRequest("x", (request) => request.modify({ url: "/" }))).toEqualTypeOf<
    Middleware.Before<never>
  >()
  const failing = Middleware.mapRequest("x", (request) =>
    request.url === "" ? Effect.fail(new TooSlow()) : Effect.as(Trace, request)
  )
  expectTypeOf(failing).toEqualTypeOf<Middleware.Before<never, TooSlow, Trace>>()
  // @ts-expect-error a response is no request
  Middleware.mapRequest("x", () => empty)
})

test("an after returns a response, or an Effect of one, from the response and the request", () => {
  expectTypeOf(Middleware.after("x", (response) => response)).toEqualTypeOf<Middleware.After>()
  expectTypeOf(stampTrace).toEqualTypeOf<Middleware.After<never, Trace>>()
  const branches = Middleware.after("x", (response, request) =>
    request.url === "" ? Effect.fail(new TooSlow()) : Effect.as(Database, response)
  )
  expectTypeOf(branches).toEqualTypeOf<Middleware.After<TooSlow, Database>>()
  // @ts-expect-error a string is no response
  Middleware.after("x", () => "text")
})

test("a pair's after gets the value of its before as an Option, and its own needs stay apart", () => {
  const timing = Middleware.pair(
    "timing",
    (request) => Effect.as(Database, request.url.length),
    (response, request, stored) => {
      expectTypeOf(stored).toEqualTypeOf<Option.Option<number>>()
      expectTypeOf(request).toEqualTypeOf<HttpServerRequest.HttpServerRequest>()
      return Effect.as(Trace, response)
    }
  )
  expectTypeOf(timing).toEqualTypeOf<Middleware.Pair<never, never, Database, Trace>>()
  const keyed = Middleware.pair(
    "session",
    CurrentUser,
    (request) => (request.url === "" ? Effect.fail(new TooSlow()) : { name: request.url }),
    (response, _, stored) =>
      HttpServerResponse.setHeader(
        response,
        "x-user",
        Option.match(stored, { onNone: () => "", onSome: ({ name }) => name })
      )
  )
  expectTypeOf(keyed).toEqualTypeOf<Middleware.Pair<CurrentUser, TooSlow, never, never>>()
})

test("a pair's after cannot fail", () => {
  // TooSlow would be raised only after a stage before the handler could have recovered it.
  const fails = () => Effect.fail(new TooSlow())
  // @ts-expect-error TooSlow is left
  Middleware.pair("x", () => 1, fails)
  // @ts-expect-error the same with a key
  Middleware.pair("x", Trace, "", fails)
})

test("a group provides, raises and needs what its members do, save what an earlier member provides", () => {
  expectTypeOf(Middleware.every("both", trace, authenticate)).toEqualTypeOf<
    Middleware.Before<Trace | CurrentUser, Unauthorized | DatabaseDown, Database>
  >()
  // @ts-expect-error authenticate takes Trace from outside
  Middleware.every("wrong order", authenticate, trace)
  // @ts-expect-error an after is no before
  Middleware.every("x", trace, stampTrace)
})

test("the key, the error and the needs of a middleware can be type parameters", () => {
  const token = <I, S, E, R>(key: Context.Key<I, S>, verify: (token: string) => Effect.Effect<S, E, R>) =>
    Middleware.before("token", key, (request) => {
      const given = request.headers["authorization"]
      return given === undefined ? Effect.fail(new Unauthorized({ reason: "no token" })) : verify(given)
    })
  const user = token(CurrentUser, (name) =>
    name === "" ? Effect.fail(new TooSlow()) : Effect.map(Trace, (id) => ({ name: name + id }))
  )
  expectTypeOf(user).toEqualTypeOf<Middleware.Before<CurrentUser, Unauthorized | TooSlow, Trace>>()
})

test("the ready-made middleware have the types that their documentation says", () => {
  expectTypeOf(requestId()).toEqualTypeOf<Middleware.Outer<RequestId>>()
  expectTypeOf(problemDetails()).toEqualTypeOf<Middleware.Sending>()
  const byToken = authentication(Trace, {
    from: "bearer",
    verify: () => Effect.flatMap(Database, (database) => database.find("token"))
  })
  expectTypeOf(byToken).toEqualTypeOf<Middleware.Before<Trace, AuthenticationError | DatabaseDown, Database>>()
})
