// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * What an app and its fairings show in their types, and what does not compile.
 */
import { createServer as createHttp2Server } from "node:http2"

import { Config, Context, Effect, Layer, Schema } from "effect"
import type { Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { HttpServerError, HttpServer } from "effect/http"
import { App, Fairing, RequestLocal } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { TestApp } from "fairlead/testing/app"
import { expectTypeOf, test } from "vitest"

export class ConnectError extends Schema.TaggedError<ConnectError>()("ConnectError", {}) {}
export class ConfigBad extends Schema.TaggedError<ConfigBad>()("ConfigBad", { path: Schema.String }) {}
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}

export class Settings extends Context.Service<Settings, { readonly url: string }>()("types/app/Settings") {}
export class Pool extends Context.Service<Pool, { readonly query: Effect.Effect<number> }>()("types/app/Pool") {}
export class Hits extends Context.Service<Hits, { count: number }>()("types/app/Hits") {}
export class Log extends Context.Service<Log, { readonly write: (line: string) => Effect.Effect<void> }>()(
  "types/app/Log"
) {}

const empty = HttpServerResponse.empty()
const pool = Context.make(Pool, { query: Effect.succeed(1) })
const settings = Layer.succeed(Settings, { url: "" })

const counter = Fairing.make("counter", {
  onIgnite: () => Effect.succeed(Context.make(Hits, { count: 0 })),
  onRequest: () => Effect.map(Hits, (hits) => void hits.count++),
  onResponse: (response) => HttpServerResponse.setHeader(response, "a", "b"),
  onShutdown: () => Effect.flatMap(Log, (log) => log.write("bye"))
})

const database = Fairing.make("database", {
  onIgnite: (app) =>
    Effect.gen(function* () {
      const { url } = yield* Settings
      if (url === "") return yield* new ConfigBad({ path: "url" })
      if (url === "x") return yield* new ConnectError()
      yield* app.mount(HttpRouter.add("GET", "/health", Effect.as(Log, empty)))
      return pool
    })
})

const header = Fairing.make("header", {
  onResponse: (response) => HttpServerResponse.setHeader(response, "a", "b")
})

class Database extends Fairing.Service<Database>()("types/app/Database", { provides: Pool, error: ConnectError }) {}
class Both extends Fairing.Service<Both>()("types/app/Both", {
  provides: [Pool, Hits],
  error: [ConnectError, ConfigBad]
}) {}
class Bare extends Fairing.Service<Bare>()("types/app/Bare") {}

const route = HttpRouter.add(
  "GET",
  "/",
  Effect.gen(function* () {
    yield* (yield* Pool).query
    yield* Hits
    return empty
  })
)

const shop = App.make("shop").manage(settings).attach(database).attach(counter).attach(header).mount(route)

test("a fairing shows its services, errors and needs, and not those of its own ignition or of the request", () => {
  expectTypeOf(counter).toEqualTypeOf<Fairing.Fairing<Hits, never, Log>>()
  expectTypeOf(database).toEqualTypeOf<Fairing.Fairing<Pool, ConfigBad | ConnectError, Settings | Log>>()
  expectTypeOf(header).toEqualTypeOf<Fairing.Fairing>()
  expectTypeOf(Fairing.make("nothing", {})).toEqualTypeOf<Fairing.Fairing>()
  const local = RequestLocal.make(Effect.as(Log, 1))
  expectTypeOf(local).toEqualTypeOf<Effect.Effect<number, never, Log | HttpServerRequest.HttpServerRequest>>()
  const scoped = Fairing.make("scoped", {
    onIgnite: () => Effect.acquireRelease(Effect.void, () => Effect.void),
    onLiftoff: () => Effect.acquireRelease(Effect.void, () => Effect.void),
    onRequest: () =>
      Effect.andThen(
        local,
        Effect.acquireRelease(Effect.void, () => Effect.void)
      ),
    onResponse: () => Effect.asVoid(HttpServerRequest.HttpServerRequest),
    onShutdown: () => Effect.acquireRelease(Effect.void, () => Effect.void)
  })
  expectTypeOf(scoped).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
})

test("there is no request at liftoff, at shutdown or at ignition", () => {
  const request = Effect.asVoid(HttpServerRequest.HttpServerRequest)
  type Needs = Fairing.Fairing<never, never, HttpServerRequest.HttpServerRequest>
  expectTypeOf(Fairing.onLiftoff("x", () => request)).toEqualTypeOf<Needs>()
  expectTypeOf(Fairing.onShutdown("x", () => request)).toEqualTypeOf<Needs>()
  expectTypeOf(Fairing.onIgnite("x", () => request)).toEqualTypeOf<Needs>()
  expectTypeOf(Fairing.onRequest("x", () => request)).toEqualTypeOf<Fairing.Fairing>()
  expectTypeOf(Fairing.onResponse("x", () => request)).toEqualTypeOf<Fairing.Fairing>()
})

test("a fairing with one hook has the types of that hook", () => {
  expectTypeOf(Fairing.onIgnite("x", () => Effect.as(Settings, pool))).toEqualTypeOf<
    Fairing.Fairing<Pool, never, Settings>
  >()
  expectTypeOf(Fairing.onIgnite("x", () => Effect.fail(new NotFound()))).toEqualTypeOf<
    Fairing.Fairing<never, NotFound>
  >()
  expectTypeOf(Fairing.onLiftoff("x", () => Effect.asVoid(Log))).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
  expectTypeOf(Fairing.onRequest("x", (request) => Effect.as(Log, request))).toEqualTypeOf<
    Fairing.Fairing<never, never, Log>
  >()
  expectTypeOf(Fairing.onResponse("x", (response) => Effect.as(Log, response))).toEqualTypeOf<
    Fairing.Fairing<never, never, Log>
  >()
  expectTypeOf(Fairing.onShutdown("x", () => Effect.asVoid(Log))).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
})

test("a request hook cannot fail or answer, and a response hook cannot fail or drop the response", () => {
  Fairing.make("x", {
    // @ts-expect-error a request hook cannot fail
    onRequest: () => Effect.fail(new NotFound())
  })
  Fairing.make("x", {
    // @ts-expect-error a request hook cannot answer
    onRequest: () => empty
  })
  // @ts-expect-error a request hook cannot answer, as an Effect
  Fairing.onRequest("x", () => Effect.succeed(empty))
  // @ts-expect-error a request hook cannot fail
  Fairing.onRequest("x", () => new NotFound())
  // @ts-expect-error a response hook cannot fail
  Fairing.onResponse("x", (response) => (response.status === 1 ? Effect.fail(new NotFound()) : response))
  // @ts-expect-error a response hook gives a response
  Fairing.onResponse("x", () => "text")
  // @ts-expect-error a liftoff hook cannot fail
  Fairing.onLiftoff("x", () => Effect.fail(new NotFound()))
  // @ts-expect-error a shutdown hook cannot fail
  Fairing.onShutdown("x", () => Effect.fail(new NotFound()))
  // @ts-expect-error an ignite hook provides a Context
  Fairing.onIgnite("x", () => Effect.succeed("text"))
  // @ts-expect-error an ignite hook is an Effect
  Fairing.onIgnite("x", () => "text")
})

test("the needs and failures of an ignite hook's additions become its own", () => {
  const brings = Fairing.onIgnite("brings", (app) =>
    Effect.gen(function* () {
      yield* app.attach(database)
      yield* app.mount(HttpRouter.add("GET", "/", Effect.as(Hits, empty)))
      expectTypeOf(yield* app.configure(Settings, Config.succeed({ url: "" }))).toEqualTypeOf<{
        readonly url: string
      }>()
      yield* app.update(Log, (log) => log)
      return yield* app.manage(
        Layer.effect(Pool, Effect.andThen(Effect.fail(new NotFound()), Effect.succeed({ query: Effect.succeed(1) })))
      )
    })
  )
  expectTypeOf(brings).toEqualTypeOf<
    Fairing.Fairing<Pool, ConfigBad | ConnectError | NotFound | Config.ConfigError, Settings | Log | Hits>
  >()
  Fairing.onIgnite("x", (app) =>
    // @ts-expect-error a route still fails with NotFound
    app.mount(HttpRouter.add("GET", "/", Effect.fail(new NotFound())))
  )
  // @ts-expect-error another shape than the service's
  Fairing.onIgnite("x", (app) => app.update(Settings, () => 1))
})

test("an app shows what it provides, may fail to ignite with, and needs", () => {
  expectTypeOf(shop).toEqualTypeOf<App.App<Settings | Pool | Hits, ConfigBad | ConnectError, Log>>()
  expectTypeOf(App.make("x").configure(Settings, Config.succeed({ url: "" }))).toEqualTypeOf<
    App.App<Settings, Config.ConfigError, never>
  >()
  expectTypeOf(App.make("x").manage(Layer.effect(Pool, Effect.fail(new ConnectError())))).toEqualTypeOf<
    App.App<Pool, ConnectError, never>
  >()
  // @ts-expect-error another shape than the service's
  App.make("x").configure(Settings, Config.String("URL"))
})

test("only what is declared earlier is available: the other order shows the need", () => {
  expectTypeOf(App.make("x").mount(route).attach(counter)).toEqualTypeOf<App.App<Hits, never, Pool | Hits | Log>>()
  expectTypeOf(App.make("x").attach(counter).mount(route)).toEqualTypeOf<App.App<Hits, never, Pool | Log>>()
  expectTypeOf(App.make("x").attach(database).manage(settings)).toEqualTypeOf<
    App.App<Pool | Settings, ConfigBad | ConnectError, Settings | Log>
  >()
  expectTypeOf(App.make("x").serve(Effect.as(Pool, empty)).manage(Layer.succeedContext(pool))).toEqualTypeOf<
    App.App<Pool, never, Pool>
  >()
})

test("routes and apps that leave an error open do not compile", () => {
  // @ts-expect-error a route still fails with NotFound
  App.make("x").mount(HttpRouter.add("GET", "/", Effect.fail(new NotFound())))
  // @ts-expect-error a route of several still fails with NotFound
  App.make("x").mount(Layer.merge(route, HttpRouter.add("GET", "/b", Effect.fail(new NotFound()))))
  // @ts-expect-error errors are left unhandled
  App.make("x").serve(Effect.fail(new NotFound()))
  // @ts-expect-error not an app
  App.make("x").serve(Effect.succeed("text"))
  // @ts-expect-error any would hide errors
  App.make("x").serve(Effect.fail(new NotFound()) as Effect.Effect<HttpServerResponse.HttpServerResponse, any>)
  const served = App.make("x").serve(Effect.as(HttpServerRequest.HttpServerRequest, empty))
  expectTypeOf(served).toEqualTypeOf<App.App<never, never, never>>()
})

test("an override provides all that it replaces, and brings its own failures and needs", () => {
  const managed = App.make("x").manage(settings)
  const replacement = Layer.effect(Settings, Effect.andThen(Log, Effect.fail(new ConfigBad({ path: "" }))))
  expectTypeOf(managed.override(settings, replacement)).toEqualTypeOf<App.App<Settings, ConfigBad, Log>>()
  // @ts-expect-error provides Hits, not Settings
  managed.override(settings, Layer.succeed(Hits, { count: 0 }))
})

type ShopError = App.IgniteError<ConfigBad | ConnectError | App.OwnFailure>

test("ignition fails with one error, that knows the errors of its steps", () => {
  expectTypeOf(App.ignite(shop)).toEqualTypeOf<Effect.Effect<App.Ignited, ShopError, Log | Scope.Scope>>()
  expectTypeOf<ShopError["failures"]>().toEqualTypeOf<
    ReadonlyArray<App.Failure<ConfigBad | ConnectError | App.OwnFailure>>
  >()
  const paths = Effect.catchTag(App.ignite(shop), "IgniteError", ({ failures }) =>
    Effect.succeed(failures.map(({ error }) => (error._tag === "ConfigBad" ? error.path : error._tag)))
  )
  expectTypeOf(paths).toEqualTypeOf<Effect.Effect<App.Ignited | Array<string>, never, Log | Scope.Scope>>()
})

declare const ignited: App.Ignited
declare const server: Layer.Layer<HttpServer.HttpServer, HttpServerError.ServeError>

test("launching requires the needed services, and an ignited app needs nothing more", () => {
  type Launched = App.Launched
  expectTypeOf(App.launch(shop, server)).toEqualTypeOf<
    Layer.Layer<Launched, ShopError | HttpServerError.ServeError, Log>
  >()
  expectTypeOf(NodeApp.launch(shop)).toEqualTypeOf<Layer.Layer<Launched, ShopError | HttpServerError.ServeError, Log>>()
  expectTypeOf(TestApp.make(shop)).toEqualTypeOf<Effect.Effect<TestApp.TestApp, ShopError, Log | Scope.Scope>>()
  expectTypeOf(TestApp.make(shop, Layer.effect(Log, Effect.fail(new NotFound())))).toEqualTypeOf<
    Effect.Effect<TestApp.TestApp, ShopError | NotFound, Scope.Scope>
  >()
  type Own = App.IgniteError<App.OwnFailure>
  expectTypeOf(App.launch(ignited, server)).toEqualTypeOf<Layer.Layer<Launched, Own | HttpServerError.ServeError>>()
  expectTypeOf(NodeApp.launch(ignited)).toEqualTypeOf<Layer.Layer<Launched, Own | HttpServerError.ServeError>>()
  expectTypeOf(TestApp.make(ignited)).toEqualTypeOf<Effect.Effect<TestApp.TestApp, Own, Scope.Scope>>()
  // @ts-expect-error Log is missing
  NodeApp.run(shop)
})

test("a class-tagged fairing is needed by its class, and its layer may do no more than it declares", () => {
  expectTypeOf(App.make("x").attach(Database)).toEqualTypeOf<App.App<Pool, ConnectError, Database>>()
  expectTypeOf(App.make("x").attach(Both)).toEqualTypeOf<App.App<Pool | Hits, ConnectError | ConfigBad, Both>>()
  expectTypeOf(App.make("x").attach(Bare)).toEqualTypeOf<App.App<never, never, Bare>>()
  const live = Database.layer(Fairing.onIgnite("live", () => Effect.as(Settings, pool)))
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Database, never, Settings>>()
  expectTypeOf(App.make("x").manage(settings).manage(live).attach(Database)).toEqualTypeOf<
    App.App<Settings | Database | Pool, ConnectError, never>
  >()
  Bare.layer(header)
  // @ts-expect-error provides Hits, not Pool
  Database.layer(counter)
  // @ts-expect-error provides nothing
  Database.layer(header)
  // @ts-expect-error ConfigBad is not declared
  Database.layer(database)
  // @ts-expect-error no class
  App.find(shop, Effect.void)
})

test("app2 2.6: a typo in options, a port as text and an HTTP/2 server are refused where they are written", () => {
  const app = App.make("x")
  // @ts-expect-error the option is grace
  NodeApp.run(app, { grce: 3 })
  // @ts-expect-error a port is a number
  NodeApp.run(app, { port: "3000" })
  // @ts-expect-error an HTTP/2 server has other sockets
  NodeApp.run(app, { server: () => createHttp2Server() })
})
