// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost where an app or a fairing takes an Effect or a Layer: in each place six ways to catch one of two errors, data-first and piped. The other
 * one must be refused, or stay in the type.
 */
import type { Scope, Effect } from "effect"
import { Context, Layer } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Shutdown } from "fairlead"
import { App, Fairing, RequestLocal } from "fairlead/app"
import { backgroundJob, health, warmUp } from "fairlead/app/fairings"
import { NodeApp } from "fairlead/app/node"
import { TestApp } from "fairlead/testing/app"
import { expectTypeOf, test } from "vitest"

import type { Log } from "../app/types.test-d.ts"
import { Pool } from "../app/types.test-d.ts"
import type { DatabaseDown } from "../server/middleware.test-d.ts"
import { TooSlow } from "../server/middleware.test-d.ts"
import { hole, layerHole } from "./Hole.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Log>
type Provides = Context.Context<Pool>

declare const nothing: Fails<void>
declare const request: Fails<Request>
declare const response: Fails<Response>
declare const provided: Fails<Provides>
declare const size: Fails<number>
declare const poolLayer: Layer.Layer<Pool, TooSlow | DatabaseDown, Log>
declare const routes: Layer.Layer<never, TooSlow | DatabaseDown, Log>
declare const pool: Provides
declare const listener: Fails<App.ListenerOptions>
declare const settings: Effect.Effect<NodeApp.LaunchOptions, TooSlow | DatabaseDown>
declare const shutdown: Shutdown.Shutdown

class Here extends Context.Service<Here, App.Launched["Service"]>()("types/hole/Here") {}

class Store extends Fairing.Service<Store>()("types/hole/Store", { provides: Pool, error: TooSlow }) {}

test("onLiftoff that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.onLiftoff("x", () => hole(nothing))
})

test("onRequest that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.onRequest("x", () => hole(nothing))
})

test("onRequest that gives a request", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.onRequest("x", () => hole(request))
})

test("onResponse that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.onResponse("x", () => hole(nothing))
})

test("onResponse that gives a response", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.onResponse("x", () => hole(response))
})

test("onShutdown that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.onShutdown("x", () => hole(nothing))
})

test("make: onLiftoff", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.make("x", { onLiftoff: () => hole(nothing) })
})

test("make: onRequest", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.make("x", { onRequest: () => hole(request) })
})

test("make: onResponse", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.make("x", { onResponse: () => hole(response) })
})

test("make: onShutdown", () => {
  // @ts-expect-error DatabaseDown is left
  Fairing.make("x", { onShutdown: () => hole(nothing) })
})

test("onIgnite", () => {
  expectTypeOf(Fairing.onIgnite("x", () => hole(provided))).toEqualTypeOf<Fairing.Fairing<Pool, DatabaseDown, Log>>()
})

test("make: onIgnite", () => {
  expectTypeOf(Fairing.make("x", { onIgnite: () => hole(provided) })).toEqualTypeOf<
    Fairing.Fairing<Pool, DatabaseDown, Log>
  >()
})

test("the layer of a class-tagged fairing that declares TooSlow alone", () => {
  // @ts-expect-error DatabaseDown is left
  Store.layer(Fairing.onIgnite("x", () => hole(provided)))
})

test("serve", () => {
  // @ts-expect-error DatabaseDown is left
  App.make("x").serve(hole(response))
})

test("RequestLocal", () => {
  expectTypeOf(RequestLocal.make(hole(size))).toEqualTypeOf<Effect.Effect<number, DatabaseDown, Log | Request>>()
})

test("manage", () => {
  expectTypeOf(App.make("x").manage(layerHole(poolLayer))).toEqualTypeOf<App.App<Pool, DatabaseDown, Log>>()
})

test("manage: the Effect in it", () => {
  expectTypeOf(App.make("x").manage(Layer.effectContext(hole(provided)))).toEqualTypeOf<
    App.App<Pool, DatabaseDown, Log>
  >()
})

test("override", () => {
  expectTypeOf(App.make("x").override(Layer.succeedContext(pool), layerHole(poolLayer))).toEqualTypeOf<
    App.App<never, DatabaseDown, Log>
  >()
})

test("mount", () => {
  expectTypeOf(App.make("x").mount(layerHole(routes))).toEqualTypeOf<App.App<never, DatabaseDown, Log>>()
})

test("manage during ignition", () => {
  expectTypeOf(Fairing.onIgnite("x", (app) => app.manage(layerHole(poolLayer)))).toEqualTypeOf<
    Fairing.Fairing<Pool, DatabaseDown, Log>
  >()
})

test("mount during ignition", () => {
  expectTypeOf(Fairing.onIgnite("x", (app) => app.mount(layerHole(routes)))).toEqualTypeOf<
    Fairing.Fairing<never, DatabaseDown, Log>
  >()
})

test("the layer of a launch in a test", () => {
  expectTypeOf(TestApp.make(App.make("x"), layerHole(poolLayer))).toEqualTypeOf<
    Effect.Effect<TestApp.TestApp, App.IgniteError<App.OwnFailure> | DatabaseDown, Log | Scope.Scope>
  >()
})

test("listen: the Effect of its options", () => {
  // @ts-expect-error DatabaseDown is left
  App.make("x").listen("admin", hole(listener))
})

test("listen: its routes", () => {
  expectTypeOf(App.make("x").listen("admin", {}, layerHole(routes))).toEqualTypeOf<App.App<never, DatabaseDown, Log>>()
})

test("launchAs: the Effect of its options", () => {
  // @ts-expect-error DatabaseDown is left
  NodeApp.launchAs(App.make("x"), Here, hole(settings))
})

test("launch: the Effect of its options", () => {
  // @ts-expect-error DatabaseDown is left
  NodeApp.launch(App.make("x"), hole(settings))
})

test("backgroundJob, health and warmUp report each failure, and need the services of all", () => {
  expectTypeOf(backgroundJob("x", hole(nothing))).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
  expectTypeOf(health({ checks: { a: hole(nothing) } })).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
  expectTypeOf(warmUp({ a: hole(nothing) })).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
})

test("drained work reports each failure, and needs its services", () => {
  expectTypeOf(shutdown.drained(hole(nothing))).toEqualTypeOf<Effect.Effect<void, never, Log>>()
})

declare const slow: Effect.Effect<void, TooSlow, Log>

test("the same six compile where nothing is left", () => {
  expectTypeOf(Fairing.onRequest("x", () => hole(slow))).toEqualTypeOf<Fairing.Fairing<never, never, Log>>()
})
