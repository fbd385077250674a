import { Effect, Layer, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import type { HttpServer, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { bearer, Unauthorized as InvalidToken } from "fairlead/server/middleware"
import { expectTypeOf, test } from "vitest"

import {
  CurrentUser,
  Database,
  DatabaseDown,
  empty,
  greet,
  NotFound,
  TooSlow,
  trace,
  Trace,
  Unauthorized
} from "./middleware.test-d.ts"
import type { Ambient, User } from "./middleware.test-d.ts"

class Authenticate extends Middleware.Service<Authenticate>()("types/Authenticate", {
  provides: CurrentUser,
  error: [Unauthorized, DatabaseDown],
  requires: [Trace]
}) {}
class Audit extends Middleware.Service<Audit>()("types/Audit") {}
class Guard extends Middleware.Service<Guard>()("types/Guard", { error: NotFound }) {}

test("a service class is a before: it provides and raises what it declares, and needs itself", () => {
  expectTypeOf(Authenticate).toExtend<
    Middleware.Before<CurrentUser, Unauthorized | DatabaseDown, Authenticate | Trace>
  >()
  const app = Pipeline.make("x").before(trace).before(Authenticate).before(Audit).before(Guard).handle(greet)
  expectTypeOf(app).toEqualTypeOf<
    Pipeline.Closed<
      Trace | CurrentUser,
      Pipeline.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound,
      Authenticate | Audit | Guard
    >
  >()
})

test("what a service class requires of earlier stages is a need where none provides it", () => {
  expectTypeOf(Pipeline.make("x").before(Authenticate)).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.Skips<Unauthorized | DatabaseDown, CurrentUser>, Authenticate | Trace>
  >()
})

test("a service class is a key, and its service is a function of the request", () => {
  expectTypeOf<typeof Authenticate.Service>().toEqualTypeOf<
    (
      request: HttpServerRequest.HttpServerRequest
    ) => User | Effect.Effect<User, Unauthorized | DatabaseDown, Ambient | Trace>
  >()
  expectTypeOf<typeof Audit.Service>().returns.toEqualTypeOf<void | Effect.Effect<void, never, Ambient>>()
  expectTypeOf<Effect.Services<typeof Authenticate>>().toEqualTypeOf<Authenticate>()
})

test("layer implements it: what it needs beside the request and the declared services is the layer's need", () => {
  const byEffect = Authenticate.layer(
    Effect.gen(function* () {
      const database = yield* Database
      const request = yield* HttpServerRequest.HttpServerRequest
      if ((yield* Trace) === "") return yield* new Unauthorized({ reason: request.url })
      return { name: yield* database.find(request.url) }
    })
  )
  expectTypeOf(byEffect).toEqualTypeOf<Layer.Layer<Authenticate, never, Database>>()
  const byFunction = Authenticate.layer((request) => {
    expectTypeOf(request).toEqualTypeOf<HttpServerRequest.HttpServerRequest>()
    return request.url === "" ? Effect.fail(new Unauthorized({ reason: "" })) : { name: request.url }
  })
  expectTypeOf(byFunction).toEqualTypeOf<Layer.Layer<Authenticate>>()
  expectTypeOf(Authenticate.layer({ name: "Ada" })).toEqualTypeOf<Layer.Layer<Authenticate>>()
  expectTypeOf(Authenticate.layer(() => ({ name: "Ada" }))).toEqualTypeOf<Layer.Layer<Authenticate>>()
  expectTypeOf(Audit.layer(Effect.log("seen"))).toEqualTypeOf<Layer.Layer<Audit>>()
  expectTypeOf(Audit.layer(() => undefined)).toEqualTypeOf<Layer.Layer<Audit>>()
})

test("layerEffect implements it with something made once", () => {
  const live = Authenticate.layerEffect(
    Effect.gen(function* () {
      const database = yield* Database
      return database.find.length > 1 ? yield* new TooSlow() : database
    }),
    (database, request) => Effect.map(database.find(request.url), (name) => ({ name }))
  )
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Authenticate, TooSlow, Database>>()
  const scoped = Authenticate.layerEffect(
    Effect.acquireRelease(Effect.succeed("a"), () => Effect.void),
    () => Effect.map(Trace, (name) => ({ name }))
  )
  expectTypeOf(scoped).toEqualTypeOf<Layer.Layer<Authenticate>>()
  // @ts-expect-error the run function takes Database in the layer, not at each request
  Authenticate.layerEffect(Effect.void, () => Effect.map(Database, () => ({ name: "" })))
})

test("an error that is not declared does not compile", () => {
  // @ts-expect-error TooSlow is not declared
  Authenticate.layer(Effect.fail(new TooSlow()))
  // @ts-expect-error not even in one branch of a function
  Authenticate.layer(({ url }) => (url === "" ? Effect.fail(new TooSlow()) : { name: url }))
  // @ts-expect-error nor behind an Effect
  Authenticate.layerEffect(Effect.void, () => Effect.fail(new TooSlow()))
  // @ts-expect-error Audit declares none
  Audit.layer(Effect.fail(new TooSlow()))
})

test("an implementation gives the service that is declared", () => {
  // @ts-expect-error a number is no user
  Authenticate.layer(Effect.succeed(1))
  // @ts-expect-error a user has a name
  Authenticate.layer(() => ({}))
  // @ts-expect-error neither is a plain number
  Authenticate.layer(1)
  // @ts-expect-error nor what an Effect's function gives
  Authenticate.layerEffect(Effect.void, () => Effect.succeed(1))
})

test("bearer implements it when its errors are declared", () => {
  class Bearer extends Middleware.Service<Bearer>()("types/Bearer", {
    provides: CurrentUser,
    error: [InvalidToken, DatabaseDown]
  }) {}
  const live = Bearer.layer(
    bearer({
      verify: (token) =>
        Effect.flatMap(Database, (database) => Effect.map(database.find(Redacted.value(token)), (name) => ({ name })))
    })
  )
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Bearer, never, Database>>()
  // @ts-expect-error TooSlow is not declared
  Bearer.layer(bearer({ verify: () => Effect.fail(new TooSlow()) }))
  // @ts-expect-error Guard does not declare that a token can be refused
  Guard.layer(bearer({ verify: () => Effect.void }))
})

test("a pipeline with service classes is served when their layers are there", () => {
  const app = Pipeline.make("x")
    .before(trace)
    .before(Authenticate)
    .handle(greet)
    .catch(() => empty)
  expectTypeOf(app).toExtend<Effect.Effect<HttpServerResponse.HttpServerResponse, never, Authenticate | Ambient>>()
  expectTypeOf(Layer.provide(Pipeline.serve(app), Authenticate.layer({ name: "Ada" }))).toEqualTypeOf<
    Layer.Layer<never, never, HttpServer.HttpServer>
  >()
})
