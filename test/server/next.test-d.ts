// @effect-diagnostics missingEffectError:off missingEffectContext:off
import { Effect, Layer } from "effect"
import type { Types } from "effect"
import { HttpRouter } from "effect/http"
import type { HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import {
  CurrentUser,
  Database,
  DatabaseDown,
  empty,
  greet,
  NotFound,
  stampTrace,
  TooSlow,
  trace,
  Trace,
  Unauthorized
} from "./middleware.test-d.ts"
import type { Ambient } from "./middleware.test-d.ts"

class Authenticate extends Middleware.Service<Authenticate>()("types/next/Authenticate", {
  provides: CurrentUser,
  error: [Unauthorized, DatabaseDown],
  requires: [Trace]
}) {}

const open = Pipeline.make("middleware").before(trace).before(Authenticate)
type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

test("next opens the after phase with the rest of the app in the handler's place", () => {
  expectTypeOf(open.next<NotFound>()).toEqualTypeOf<
    Pipeline.Closed<
      Trace | CurrentUser,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound | Types.unhandled,
      Authenticate | Pipeline.State.Rest<Trace | CurrentUser, NotFound>
    >
  >()
})

test("the after phase catches the declared errors of the rest, and no others", () => {
  const caught = open
    .next<NotFound>()
    .catchTag("NotFound", ({ path }) => Effect.as(CurrentUser, path === "" ? empty : empty))
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<
      Trace | CurrentUser,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | Types.unhandled,
      Authenticate | Pipeline.State.Rest<Trace | CurrentUser, NotFound>
    >
  >()
  // @ts-expect-error it was not declared
  void open.next().catchTag("NotFound", () => empty)
})

test("a pipeline with a rest is neither served nor a handler that can run", () => {
  const rest = Pipeline.make("x").before(trace).next()
  // @ts-expect-error the rest is missing
  Pipeline.serve(rest)
  // @ts-expect-error the rest is missing
  Pipeline.toWebHandler(rest)
})

const middleware = open
  .next<NotFound>()
  .catchTag("NotFound", () => empty)
  .catchTag("Unauthorized", () => empty)
  .after(stampTrace)

test("wrap provides to its app what the stages provide, and takes away the errors that the pipeline declared", () => {
  const around = Pipeline.wrap(middleware)
  const wrapped = around(greet)
  expectTypeOf(wrapped).toEqualTypeOf<App<DatabaseDown, Authenticate | Ambient>>()
  const others = around(Effect.andThen(Database, Effect.fail(new TooSlow())))
  expectTypeOf(others).toEqualTypeOf<App<DatabaseDown | TooSlow, Authenticate | Database | Ambient>>()
  // @ts-expect-error an app gives a response
  void around(Effect.succeed("text"))
})

test("wrap is an around of another pipeline", () => {
  const app = Pipeline.make("outer").handle(greet, Pipeline.wrap(middleware))
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<never, DatabaseDown, Authenticate>>()
  const inside = Pipeline.make("outer").before(trace).handle(greet, Pipeline.wrap(open.next()))
  expectTypeOf(inside).toEqualTypeOf<Pipeline.Closed<Trace, Unauthorized | DatabaseDown | NotFound, Authenticate>>()
})

test("wrap is an outer, and its provided services stay its need", () => {
  const limit = Pipeline.make("limit")
    .before(Middleware.before("limit", Effect.fail(new TooSlow())))
    .next()
  expectTypeOf(Middleware.outer("limit", Pipeline.wrap(limit))).toEqualTypeOf<Middleware.Outer<never, TooSlow>>()
})

test("wrap implements an HttpApiMiddleware that declares its errors and services", () => {
  class ApiUser extends HttpApiMiddleware.Service<ApiUser, { provides: CurrentUser }>()("types/next/ApiUser", {
    error: NotFound
  }) {}
  const find = Middleware.before("find", CurrentUser, ({ url }) =>
    url === "" ? Effect.fail(new NotFound({ path: url })) : { name: url }
  )
  const live = Layer.succeed(ApiUser, Pipeline.wrap(Pipeline.make("x").before(find).next()))
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<ApiUser>>()
  const slow = Pipeline.make("x")
    .before(find)
    .before(Middleware.before("slow", Effect.fail(new TooSlow())))
    .next()
  // @ts-expect-error ApiUser does not declare TooSlow
  Layer.succeed(ApiUser, Pipeline.wrap(slow))
  const nothing = Pipeline.make("x").next()
  // @ts-expect-error CurrentUser is not provided
  Layer.succeed(ApiUser, Pipeline.wrap(nothing))
})

test("middleware returns HttpRouter's middleware with its exact types", () => {
  expectTypeOf(Pipeline.middleware(middleware)).toEqualTypeOf<
    Pipeline.TakenAtBuild<Authenticate> &
      HttpRouter.Middleware<{
        provides: Trace | CurrentUser
        handles: NotFound
        error: DatabaseDown
        requires: never
        layerError: never
        layerRequires: Authenticate
      }>
  >()
  expectTypeOf(Pipeline.middleware(Pipeline.make("x").next())).toEqualTypeOf<
    HttpRouter.Middleware<{
      provides: never
      handles: never
      error: never
      requires: never
      layerError: never
      layerRequires: never
    }>
  >()
})

test("services that each request must have are listed", () => {
  const needy = Pipeline.make("x").before(Authenticate).next()
  expectTypeOf(Pipeline.middleware(needy)).toEqualTypeOf<
    Pipeline.TakenAtBuild<Authenticate | Trace> &
      HttpRouter.Middleware<{
        provides: CurrentUser
        handles: never
        error: Unauthorized | DatabaseDown
        requires: never
        layerError: never
        layerRequires: Authenticate | Trace
      }>
  >()
  const listed = Pipeline.middleware(needy, { requires: [Trace] })
  expectTypeOf(listed).toEqualTypeOf<
    Pipeline.TakenAtBuild<Authenticate> &
      HttpRouter.Middleware<{
        provides: CurrentUser
        handles: never
        error: Unauthorized | DatabaseDown
        requires: Trace
        layerError: never
        layerRequires: Authenticate
      }>
  >()
  const combined = listed.combine(Pipeline.middleware(Pipeline.make("y").before(trace).next()))
  expectTypeOf(combined.layer).toEqualTypeOf<
    Layer.Layer<
      HttpRouter.Request<"Requires", CurrentUser> | HttpRouter.Request<"Requires", Trace>,
      never,
      Authenticate | HttpRouter.Request<"Error", Unauthorized> | HttpRouter.Request<"Error", DatabaseDown>
    >
  >()
})

test("the compiler names a service that each request provides and requires does not list", () => {
  const needy = Pipeline.make("x").before(Authenticate).next()
  const traced = Pipeline.middleware(Pipeline.make("y").before(trace).next())
  expectTypeOf(Pipeline.middleware(needy).combine(traced)).toEqualTypeOf<{
    readonly "each request provides it, so list it in requires": Trace
  }>()
  // @ts-expect-error Trace is not listed in requires
  void Pipeline.middleware(needy).combine(traced).layer
  const unrelated = Pipeline.middleware(Pipeline.make("z").next())
  expectTypeOf(Pipeline.middleware(needy).combine(unrelated).layer).toEqualTypeOf<
    Layer.Layer<
      HttpRouter.Request<"Requires", CurrentUser>,
      never,
      Authenticate | Trace | HttpRouter.Request<"Error", Unauthorized> | HttpRouter.Request<"Error", DatabaseDown>
    >
  >()
})

test("a route below the middleware has its services, and unhandled errors reach the router", () => {
  const route = HttpRouter.add("GET", "/greet", greet)
  const live = route.pipe(Layer.provide(Pipeline.middleware(middleware).layer))
  expectTypeOf(live).toEqualTypeOf<
    Layer.Layer<never, never, HttpRouter.HttpRouter | Authenticate | HttpRouter.Request<"Error", DatabaseDown>>
  >()
})

test("globalMiddleware is a layer for all routes: they may use what it provides, and it may handle their errors", () => {
  expectTypeOf(Pipeline.globalMiddleware(middleware)).toEqualTypeOf<
    Layer.Layer<
      | HttpRouter.Request<"Requires", Trace>
      | HttpRouter.Request<"Requires", CurrentUser>
      | HttpRouter.Request<"Error", NotFound>
      | HttpRouter.Request<"GlobalRequires", Trace>
      | HttpRouter.Request<"GlobalRequires", CurrentUser>
      | HttpRouter.Request<"GlobalError", NotFound>,
      never,
      HttpRouter.HttpRouter | Authenticate | HttpRouter.Request<"GlobalError", DatabaseDown>
    >
  >()
})

test("layerHttpServer puts a pipeline in front of a server, when it adds no error", () => {
  const handled = middleware.catchTag("DatabaseDown", () => empty)
  expectTypeOf(Pipeline.layerHttpServer(handled)).toEqualTypeOf<
    Layer.Layer<HttpServer.HttpServer, never, HttpServer.HttpServer | Authenticate>
  >()
  // @ts-expect-error DatabaseDown is left
  Pipeline.layerHttpServer(middleware)
})

test("a closed pipeline is a route's handler", () => {
  const app = Pipeline.make("x")
    .before(trace)
    .before(Authenticate)
    .handle(greet)
    .catchTag("NotFound", () => empty)
  expectTypeOf(HttpRouter.add("GET", "/greet", app)).toEqualTypeOf<
    Layer.Layer<
      never,
      never,
      | HttpRouter.HttpRouter
      | HttpRouter.Request<"Requires", Authenticate>
      | HttpRouter.Request<"Error", Unauthorized>
      | HttpRouter.Request<"Error", DatabaseDown>
    >
  >()
})

test("a pipeline with a handler is no middleware", () => {
  const handled = Pipeline.make("x").handle(Effect.never)
  // @ts-expect-error it needs no rest of the app
  Pipeline.wrap(handled)
  // @ts-expect-error it needs no rest of the app
  Pipeline.middleware(handled)
  // @ts-expect-error it needs no rest of the app
  Pipeline.globalMiddleware(handled)
  // @ts-expect-error it needs no rest of the app
  Pipeline.layerHttpServer(handled)
})
