import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import type { HttpServer, HttpServerError, HttpServerResponse } from "effect/http"
import { Interceptor } from "fairlead"
import { Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import type { Ambient, CurrentUser } from "./middleware.test-d.ts"
import { authenticate, Database, DatabaseDown, empty, greet, NotFound, trace } from "./middleware.test-d.ts"

const app = Pipeline.make("app").before(trace).before(authenticate).handle(greet)
const handled = app.catch(() => empty)
declare const databaseLive: Layer.Layer<Database>

test("serve returns a layer that needs the server and the services that no stage provides", () => {
  expectTypeOf(Pipeline.serve(handled)).toEqualTypeOf<Layer.Layer<never, never, HttpServer.HttpServer | Database>>()
  expectTypeOf(Pipeline.serve(Effect.succeed(empty))).toEqualTypeOf<Layer.Layer<never, never, HttpServer.HttpServer>>()
})

test("server 1.20: serving with an error left open does not compile", () => {
  // @ts-expect-error Unauthorized, DatabaseDown and NotFound are left
  Pipeline.serve(app)
  // @ts-expect-error DatabaseDown is left
  Pipeline.serve(app.catchTags({ Unauthorized: () => empty, NotFound: () => empty }))
  // @ts-expect-error of a plain Effect as well
  Pipeline.serve(Effect.fail(new DatabaseDown()))
  // @ts-expect-error as a web handler
  Pipeline.toWebHandler(Pipeline.make("x").handle(Effect.fail(new DatabaseDown())))
  // @ts-expect-error with a layer
  Pipeline.toWebHandlerLayer(app, databaseLive)
})

declare const hidden: Effect.Effect<HttpServerResponse.HttpServerResponse, any>
declare const demanding: Effect.Effect<HttpServerResponse.HttpServerResponse, never, any>

test("an any is no proof that no error is left", () => {
  // @ts-expect-error what it fails with is not known
  Pipeline.serve(hidden)
  // @ts-expect-error nor is what it needs
  Pipeline.serve(demanding)
  // @ts-expect-error nor for a web handler
  Pipeline.toWebHandler(hidden)
  // @ts-expect-error a string is no response
  Pipeline.serve(Effect.succeed("text"))
})

test("toWebHandler takes an app without needs", () => {
  const closed = Pipeline.make("x").before(trace).handle(empty)
  expectTypeOf(Pipeline.toWebHandler(closed)).toEqualTypeOf<(request: Request) => Promise<Response>>()
  // @ts-expect-error Database is missing
  Pipeline.toWebHandler(handled)
})

test("toWebHandlerLayer takes a layer that provides all needs", () => {
  const web = Pipeline.toWebHandlerLayer(handled, databaseLive)
  expectTypeOf(web.handler).toEqualTypeOf<(request: Request) => Promise<Response>>()
  expectTypeOf(web.dispose).toEqualTypeOf<() => Promise<void>>()
  // @ts-expect-error Database is missing
  Pipeline.toWebHandlerLayer(handled, Layer.empty)
})

test("routes are a handler whose errors are the routes' own and the router's", () => {
  const routes = Layer.mergeAll(
    HttpRouter.add("GET", "/a", Effect.fail(new NotFound({ path: "/a" }))),
    HttpRouter.add("GET", "/b", greet),
    HttpRouter.add(
      "GET",
      "/c",
      Effect.flatMap(Database, (database) => Effect.as(database.find("c"), empty))
    )
  )
  const made = Pipeline.routes(routes)
  expectTypeOf<Effect.Error<typeof made>>().toEqualTypeOf<never>()
  type Handler = Effect.Success<typeof made>
  expectTypeOf<Effect.Error<Handler>>().toEqualTypeOf<NotFound | DatabaseDown | HttpServerError.HttpServerError>()
  expectTypeOf<Effect.Services<Handler>>().toEqualTypeOf<CurrentUser | Database | Ambient>()
  const served = Effect.map(made, (handler) =>
    Pipeline.make("x")
      .before(trace)
      .before(authenticate)
      .handle(handler)
      .catchReason("HttpServerError", "RouteNotFound", () => empty)
      .catchTags({ NotFound: () => empty, DatabaseDown: () => empty, Unauthorized: () => empty })
      .respond()
  )
  expectTypeOf<Effect.Error<Effect.Success<typeof served>>>().toEqualTypeOf<never>()
  expectTypeOf<Effect.Services<Effect.Success<typeof served>>>().toEqualTypeOf<Database | Ambient>()
})

test("no pipeline has a method named then: it is never taken for a promise", () => {
  expectTypeOf(app).not.toHaveProperty("then")
  expectTypeOf(handled).not.toHaveProperty("then")
  expectTypeOf(Pipeline.make("x")).not.toHaveProperty("then")
  expectTypeOf<Awaited<typeof app>>().toEqualTypeOf<typeof app>()
})

test("every pipeline is drawn and described, and nothing else is", () => {
  expectTypeOf(Interceptor.toText(app)).toEqualTypeOf<string>()
  expectTypeOf(Interceptor.toMermaid(Pipeline.make("x"))).toEqualTypeOf<string>()
  expectTypeOf(Interceptor.describe(handled)).toHaveProperty("interceptors")
  // @ts-expect-error an Effect has no stages
  Interceptor.toText(Effect.succeed(empty))
})
