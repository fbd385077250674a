import { Effect, Layer, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import type { HttpServer, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { authentication, AuthenticationError } from "fairlead/server/middleware"
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

const user = <A extends User | Effect.Effect<User, unknown, unknown>>(
  run: A | ((request: HttpServerRequest.HttpServerRequest) => A)
) => Middleware.before("implementation", CurrentUser, run)

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
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound,
      Authenticate | Audit | Guard
    >
  >()
})

test("a requirement of a service class on earlier stages is a need where none provides it", () => {
  expectTypeOf(Pipeline.make("x").before(Authenticate)).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Authenticate | Trace>
  >()
})

test("a service class is a key", () => {
  expectTypeOf<Effect.Services<typeof Authenticate>>().toEqualTypeOf<Authenticate>()
})

test("a class may be of another kind: its option says of which", () => {
  class Stamp extends Middleware.Service<Stamp>()("types/Stamp", { kind: "sending" }) {}
  class Timing extends Middleware.Service<Timing>()("types/Timing", { kind: "outer", error: TooSlow }) {}
  class Polish extends Middleware.Service<Polish>()("types/Polish", { kind: "after", error: NotFound }) {}
  const app = Pipeline.make("x").sending(Stamp).outer(Timing).handle(empty).after(Polish)
  expectTypeOf<Effect.Services<typeof app>>().toEqualTypeOf<Stamp | Timing | Polish | Ambient>()
  expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<TooSlow | NotFound>()
  expectTypeOf(Stamp.layer(Middleware.sending("stamp", (response) => response))).toEqualTypeOf<Layer.Layer<Stamp>>()
  // @ts-expect-error a before is no sending stage
  Stamp.layer(Middleware.before("stamp", () => undefined))
  // @ts-expect-error it is no before
  Pipeline.make("x").before(Stamp)
})

test("layer implements it: its needs, save the request and the declared services, are the layer's need", () => {
  const byEffect = Authenticate.layer(
    user(
      Effect.gen(function* () {
        const database = yield* Database
        const request = yield* HttpServerRequest.HttpServerRequest
        if ((yield* Trace) === "") return yield* new Unauthorized({ reason: request.url })
        return { name: yield* database.find(request.url) }
      })
    )
  )
  expectTypeOf(byEffect).toEqualTypeOf<Layer.Layer<Authenticate, never, Database>>()
  const byFunction = Authenticate.layer(
    Middleware.before("implementation", CurrentUser, (request) => {
      expectTypeOf(request).toEqualTypeOf<HttpServerRequest.HttpServerRequest>()
      return request.url === "" ? Effect.fail(new Unauthorized({ reason: "" })) : { name: request.url }
    })
  )
  expectTypeOf(byFunction).toEqualTypeOf<Layer.Layer<Authenticate>>()
  expectTypeOf(Authenticate.layer(user({ name: "Ada" }))).toEqualTypeOf<Layer.Layer<Authenticate>>()
  expectTypeOf(Authenticate.layer(user(() => ({ name: "Ada" })))).toEqualTypeOf<Layer.Layer<Authenticate>>()
  expectTypeOf(Audit.layer(Middleware.before("seen", Effect.log("seen")))).toEqualTypeOf<Layer.Layer<Audit>>()
  expectTypeOf(Audit.layer(Middleware.before("seen", () => undefined))).toEqualTypeOf<Layer.Layer<Audit>>()
})

test("layerEffect implements it with something made once", () => {
  const live = Authenticate.layerEffect(
    Effect.gen(function* () {
      const database = yield* Database
      if (database.find.length > 1) return yield* new TooSlow()
      return Middleware.before("found", CurrentUser, (request) =>
        Effect.map(database.find(request.url), (name) => ({ name }))
      )
    })
  )
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Authenticate, TooSlow, Database>>()
  const scoped = Authenticate.layerEffect(
    Effect.acquireRelease(Effect.succeed(user(Effect.map(Trace, (name) => ({ name })))), () => Effect.void)
  )
  expectTypeOf(scoped).toEqualTypeOf<Layer.Layer<Authenticate>>()
  const needy = Authenticate.layerEffect(Effect.succeed(user(Effect.map(Database, () => ({ name: "" })))))
  expectTypeOf(needy).toEqualTypeOf<Layer.Layer<Authenticate, never, Database>>()
})

test("an undeclared error does not compile", () => {
  // @ts-expect-error TooSlow is not declared
  Authenticate.layer(user(Effect.fail(new TooSlow())))
  Authenticate.layer(
    // @ts-expect-error not even in one branch of a function
    Middleware.before("x", CurrentUser, ({ url }) => (url === "" ? Effect.fail(new TooSlow()) : { name: url }))
  )
  // @ts-expect-error nor behind an Effect
  Authenticate.layerEffect(Effect.succeed(user(Effect.fail(new TooSlow()))))
  // @ts-expect-error Audit declares none
  Audit.layer(Middleware.before("x", Effect.fail(new TooSlow())))
})

test("an implementation provides the declared service, and was made by a constructor", () => {
  // @ts-expect-error it provides no user
  Authenticate.layer(Middleware.before("x", () => undefined))
  // @ts-expect-error a trace is no user
  Authenticate.layer(trace)
  // @ts-expect-error a function is no middleware
  Authenticate.layer(() => ({ name: "Ada" }))
  // @ts-expect-error nor is a value
  Authenticate.layer({ name: "Ada" })
  // @ts-expect-error an Effect must give middleware
  Authenticate.layerEffect(Effect.succeed({ name: "Ada" }))
})

test("authentication implements it when its errors are declared", () => {
  class Bearer extends Middleware.Service<Bearer>()("types/Bearer", {
    provides: CurrentUser,
    error: [AuthenticationError, DatabaseDown]
  }) {}
  const live = Bearer.layer(
    authentication(CurrentUser, {
      from: "bearer",
      verify: (token) =>
        Effect.flatMap(Database, (database) => Effect.map(database.find(Redacted.value(token)), (name) => ({ name })))
    })
  )
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Bearer, never, Database>>()
  // @ts-expect-error TooSlow is not declared
  Bearer.layer(authentication(CurrentUser, { from: "bearer", verify: () => Effect.fail(new TooSlow()) }))
  // @ts-expect-error Guard does not declare that a token can be refused
  Guard.layer(authentication(CurrentUser, { from: "bearer", verify: () => Effect.succeed({ name: "" }) }))
})

test("a pipeline with service classes is served when their layers are there", () => {
  const app = Pipeline.make("x")
    .before(trace)
    .before(Authenticate)
    .handle(greet)
    .catch(() => empty)
  expectTypeOf(app).toExtend<Effect.Effect<HttpServerResponse.HttpServerResponse, never, Authenticate | Ambient>>()
  expectTypeOf(Layer.provide(Pipeline.serve(app), Authenticate.layer(user({ name: "Ada" })))).toEqualTypeOf<
    Layer.Layer<never, never, HttpServer.HttpServer>
  >()
})
