// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost where an app or a fairing takes an Effect or a Layer: in each place six ways to catch one of two errors, data-first and piped. The other
 * one must be refused, or stay in the type.
 */
import type { Scope, Context } from "effect"
import { Effect, Layer } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { App, Fairing, RequestLocal } from "fairlead/app"
import * as TestApp from "fairlead/testing/app"
import { expectTypeOf, test } from "vitest"

import type { DatabaseDown } from "../server/middleware.test-d.ts"
import { TooSlow } from "../server/middleware.test-d.ts"
import type { Log } from "./types.test-d.ts"
import { Pool } from "./types.test-d.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type Six<A> = readonly [A, A, A, A, A, A]
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Log>
type Provides = Context.Context<Pool>

const isSlow = (error: TooSlow | DatabaseDown): error is TooSlow => error._tag === "TooSlow"

declare const nothing: Fails<void>
declare const request: Fails<Request>
declare const response: Fails<Response>
declare const provided: Fails<Provides>
declare const size: Fails<number>
declare const poolLayer: Layer.Layer<Pool, TooSlow | DatabaseDown, Log>
declare const routes: Layer.Layer<never, TooSlow | DatabaseDown, Log>
declare const pool: Provides

const toVoid = () => Effect.void
const toRequest = (): Effect.Effect<Request> => Effect.die("")
const toResponse = (): Effect.Effect<Response> => Effect.die("")
const toProvided = () => Effect.succeed(pool)
const toSize = () => Effect.succeed(1)
const toPool = () => Layer.succeedContext(pool)
const toNothing = () => Layer.empty

class Store extends Fairing.Service<Store>()("types/hole/Store", { provides: Pool, error: TooSlow }) {}

test("onLiftoff that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.onLiftoff("x", () => Effect.catchTag(nothing, "TooSlow", toVoid))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.onLiftoff("x", () => Effect.catchTags(nothing, { TooSlow: toVoid }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.onLiftoff("x", () => Effect.catchIf(nothing, isSlow, toVoid))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.onLiftoff("x", () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.onLiftoff("x", () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.onLiftoff("x", () => nothing.pipe(Effect.catchIf(isSlow, toVoid)))
})

test("onRequest that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.onRequest("x", () => Effect.catchTag(nothing, "TooSlow", toVoid))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.onRequest("x", () => Effect.catchTags(nothing, { TooSlow: toVoid }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.onRequest("x", () => Effect.catchIf(nothing, isSlow, toVoid))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.onRequest("x", () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.onRequest("x", () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.onRequest("x", () => nothing.pipe(Effect.catchIf(isSlow, toVoid)))
})

test("onRequest that gives a request", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.onRequest("x", () => Effect.catchTag(request, "TooSlow", toRequest))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.onRequest("x", () => Effect.catchTags(request, { TooSlow: toRequest }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.onRequest("x", () => Effect.catchIf(request, isSlow, toRequest))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.onRequest("x", () => request.pipe(Effect.catchTag("TooSlow", toRequest)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.onRequest("x", () => request.pipe(Effect.catchTags({ TooSlow: toRequest })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.onRequest("x", () => request.pipe(Effect.catchIf(isSlow, toRequest)))
})

test("onResponse that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.onResponse("x", () => Effect.catchTag(nothing, "TooSlow", toVoid))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.onResponse("x", () => Effect.catchTags(nothing, { TooSlow: toVoid }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.onResponse("x", () => Effect.catchIf(nothing, isSlow, toVoid))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.onResponse("x", () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.onResponse("x", () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.onResponse("x", () => nothing.pipe(Effect.catchIf(isSlow, toVoid)))
})

test("onResponse that gives a response", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.onResponse("x", () => Effect.catchTag(response, "TooSlow", toResponse))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.onResponse("x", () => Effect.catchTags(response, { TooSlow: toResponse }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.onResponse("x", () => Effect.catchIf(response, isSlow, toResponse))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.onResponse("x", () => response.pipe(Effect.catchTag("TooSlow", toResponse)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.onResponse("x", () => response.pipe(Effect.catchTags({ TooSlow: toResponse })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.onResponse("x", () => response.pipe(Effect.catchIf(isSlow, toResponse)))
})

test("onShutdown that gives nothing", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.onShutdown("x", () => Effect.catchTag(nothing, "TooSlow", toVoid))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.onShutdown("x", () => Effect.catchTags(nothing, { TooSlow: toVoid }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.onShutdown("x", () => Effect.catchIf(nothing, isSlow, toVoid))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.onShutdown("x", () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.onShutdown("x", () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.onShutdown("x", () => nothing.pipe(Effect.catchIf(isSlow, toVoid)))
})

test("make: onLiftoff", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.make("x", { onLiftoff: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.make("x", { onLiftoff: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.make("x", { onLiftoff: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.make("x", { onLiftoff: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.make("x", { onLiftoff: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.make("x", { onLiftoff: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("make: onRequest", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.make("x", { onRequest: () => Effect.catchTag(request, "TooSlow", toRequest) })
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.make("x", { onRequest: () => Effect.catchTags(request, { TooSlow: toRequest }) })
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.make("x", { onRequest: () => Effect.catchIf(request, isSlow, toRequest) })
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.make("x", { onRequest: () => request.pipe(Effect.catchTag("TooSlow", toRequest)) })
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.make("x", { onRequest: () => request.pipe(Effect.catchTags({ TooSlow: toRequest })) })
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.make("x", { onRequest: () => request.pipe(Effect.catchIf(isSlow, toRequest)) })
})

test("make: onResponse", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.make("x", { onResponse: () => Effect.catchTag(response, "TooSlow", toResponse) })
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.make("x", { onResponse: () => Effect.catchTags(response, { TooSlow: toResponse }) })
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.make("x", { onResponse: () => Effect.catchIf(response, isSlow, toResponse) })
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.make("x", { onResponse: () => response.pipe(Effect.catchTag("TooSlow", toResponse)) })
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.make("x", { onResponse: () => response.pipe(Effect.catchTags({ TooSlow: toResponse })) })
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.make("x", { onResponse: () => response.pipe(Effect.catchIf(isSlow, toResponse)) })
})

test("make: onShutdown", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Fairing.make("x", { onShutdown: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Fairing.make("x", { onShutdown: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Fairing.make("x", { onShutdown: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Fairing.make("x", { onShutdown: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Fairing.make("x", { onShutdown: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Fairing.make("x", { onShutdown: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("onIgnite", () => {
  const six = [
    Fairing.onIgnite("x", () => Effect.catchTag(provided, "TooSlow", toProvided)),
    Fairing.onIgnite("x", () => Effect.catchTags(provided, { TooSlow: toProvided })),
    Fairing.onIgnite("x", () => Effect.catchIf(provided, isSlow, toProvided)),
    Fairing.onIgnite("x", () => provided.pipe(Effect.catchTag("TooSlow", toProvided))),
    Fairing.onIgnite("x", () => provided.pipe(Effect.catchTags({ TooSlow: toProvided }))),
    Fairing.onIgnite("x", () => provided.pipe(Effect.catchIf(isSlow, toProvided)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Fairing.Fairing<Pool, DatabaseDown, Log>>>()
})

test("make: onIgnite", () => {
  const six = [
    Fairing.make("x", { onIgnite: () => Effect.catchTag(provided, "TooSlow", toProvided) }),
    Fairing.make("x", { onIgnite: () => Effect.catchTags(provided, { TooSlow: toProvided }) }),
    Fairing.make("x", { onIgnite: () => Effect.catchIf(provided, isSlow, toProvided) }),
    Fairing.make("x", { onIgnite: () => provided.pipe(Effect.catchTag("TooSlow", toProvided)) }),
    Fairing.make("x", { onIgnite: () => provided.pipe(Effect.catchTags({ TooSlow: toProvided })) }),
    Fairing.make("x", { onIgnite: () => provided.pipe(Effect.catchIf(isSlow, toProvided)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Fairing.Fairing<Pool, DatabaseDown, Log>>>()
})

test("the layer of a class-tagged fairing that declares TooSlow alone", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Store.layer(Fairing.onIgnite("x", () => Effect.catchTag(provided, "TooSlow", toProvided)))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Store.layer(Fairing.onIgnite("x", () => Effect.catchTags(provided, { TooSlow: toProvided })))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Store.layer(Fairing.onIgnite("x", () => Effect.catchIf(provided, isSlow, toProvided)))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Store.layer(Fairing.onIgnite("x", () => provided.pipe(Effect.catchTag("TooSlow", toProvided))))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Store.layer(Fairing.onIgnite("x", () => provided.pipe(Effect.catchTags({ TooSlow: toProvided }))))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Store.layer(Fairing.onIgnite("x", () => provided.pipe(Effect.catchIf(isSlow, toProvided))))
})

test("serve", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  App.make("x").serve(Effect.catchTag(response, "TooSlow", toResponse))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  App.make("x").serve(Effect.catchTags(response, { TooSlow: toResponse }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  App.make("x").serve(Effect.catchIf(response, isSlow, toResponse))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  App.make("x").serve(response.pipe(Effect.catchTag("TooSlow", toResponse)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  App.make("x").serve(response.pipe(Effect.catchTags({ TooSlow: toResponse })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  App.make("x").serve(response.pipe(Effect.catchIf(isSlow, toResponse)))
})

test("RequestLocal", () => {
  const six = [
    RequestLocal.make(Effect.catchTag(size, "TooSlow", toSize)),
    RequestLocal.make(Effect.catchTags(size, { TooSlow: toSize })),
    RequestLocal.make(Effect.catchIf(size, isSlow, toSize)),
    RequestLocal.make(size.pipe(Effect.catchTag("TooSlow", toSize))),
    RequestLocal.make(size.pipe(Effect.catchTags({ TooSlow: toSize }))),
    RequestLocal.make(size.pipe(Effect.catchIf(isSlow, toSize)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Effect.Effect<number, DatabaseDown, Log | Request>>>()
})

test("manage", () => {
  const six = [
    App.make("x").manage(Layer.catchTag(poolLayer, "TooSlow", toPool)),
    App.make("x").manage(Layer.catchTag(poolLayer, ["TooSlow"], toPool)),
    App.make("x").manage(poolLayer.pipe(Layer.catchTag("TooSlow", toPool))),
    App.make("x").manage(poolLayer.pipe(Layer.catchTag(["TooSlow"], toPool))),
    App.make("x").manage(poolLayer.pipe(Layer.catchTag("TooSlow", toPool), Layer.fresh)),
    App.make("x").manage(Layer.fresh(Layer.catchTag(poolLayer, "TooSlow", toPool)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<App.App<Pool, DatabaseDown, Log>>>()
})

test("manage: the Effect in it", () => {
  const six = [
    App.make("x").manage(Layer.effectContext(Effect.catchTag(provided, "TooSlow", toProvided))),
    App.make("x").manage(Layer.effectContext(Effect.catchTags(provided, { TooSlow: toProvided }))),
    App.make("x").manage(Layer.effectContext(Effect.catchIf(provided, isSlow, toProvided))),
    App.make("x").manage(Layer.effectContext(provided.pipe(Effect.catchTag("TooSlow", toProvided)))),
    App.make("x").manage(Layer.effectContext(provided.pipe(Effect.catchTags({ TooSlow: toProvided })))),
    App.make("x").manage(Layer.effectContext(provided.pipe(Effect.catchIf(isSlow, toProvided))))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<App.App<Pool, DatabaseDown, Log>>>()
})

test("override", () => {
  const six = [
    App.make("x").override(Layer.succeedContext(pool), Layer.catchTag(poolLayer, "TooSlow", toPool)),
    App.make("x").override(Layer.succeedContext(pool), Layer.catchTag(poolLayer, ["TooSlow"], toPool)),
    App.make("x").override(Layer.succeedContext(pool), poolLayer.pipe(Layer.catchTag("TooSlow", toPool))),
    App.make("x").override(Layer.succeedContext(pool), poolLayer.pipe(Layer.catchTag(["TooSlow"], toPool))),
    App.make("x").override(Layer.succeedContext(pool), poolLayer.pipe(Layer.catchTag("TooSlow", toPool), Layer.fresh)),
    App.make("x").override(Layer.succeedContext(pool), Layer.fresh(Layer.catchTag(poolLayer, "TooSlow", toPool)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<App.App<never, DatabaseDown, Log>>>()
})

test("mount", () => {
  const six = [
    App.make("x").mount(Layer.catchTag(routes, "TooSlow", toNothing)),
    App.make("x").mount(Layer.catchTag(routes, ["TooSlow"], toNothing)),
    App.make("x").mount(routes.pipe(Layer.catchTag("TooSlow", toNothing))),
    App.make("x").mount(routes.pipe(Layer.catchTag(["TooSlow"], toNothing))),
    App.make("x").mount(routes.pipe(Layer.catchTag("TooSlow", toNothing), Layer.fresh)),
    App.make("x").mount(Layer.fresh(Layer.catchTag(routes, "TooSlow", toNothing)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<App.App<never, DatabaseDown, Log>>>()
})

test("manage during ignition", () => {
  const six = [
    Fairing.onIgnite("x", (app) => app.manage(Layer.catchTag(poolLayer, "TooSlow", toPool))),
    Fairing.onIgnite("x", (app) => app.manage(Layer.catchTag(poolLayer, ["TooSlow"], toPool))),
    Fairing.onIgnite("x", (app) => app.manage(poolLayer.pipe(Layer.catchTag("TooSlow", toPool)))),
    Fairing.onIgnite("x", (app) => app.manage(poolLayer.pipe(Layer.catchTag(["TooSlow"], toPool)))),
    Fairing.onIgnite("x", (app) => app.manage(poolLayer.pipe(Layer.catchTag("TooSlow", toPool), Layer.fresh))),
    Fairing.onIgnite("x", (app) => app.manage(Layer.fresh(Layer.catchTag(poolLayer, "TooSlow", toPool))))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Fairing.Fairing<Pool, DatabaseDown, Log>>>()
})

test("mount during ignition", () => {
  const six = [
    Fairing.onIgnite("x", (app) => app.mount(Layer.catchTag(routes, "TooSlow", toNothing))),
    Fairing.onIgnite("x", (app) => app.mount(Layer.catchTag(routes, ["TooSlow"], toNothing))),
    Fairing.onIgnite("x", (app) => app.mount(routes.pipe(Layer.catchTag("TooSlow", toNothing)))),
    Fairing.onIgnite("x", (app) => app.mount(routes.pipe(Layer.catchTag(["TooSlow"], toNothing)))),
    Fairing.onIgnite("x", (app) => app.mount(routes.pipe(Layer.catchTag("TooSlow", toNothing), Layer.fresh))),
    Fairing.onIgnite("x", (app) => app.mount(Layer.fresh(Layer.catchTag(routes, "TooSlow", toNothing))))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Fairing.Fairing<never, DatabaseDown, Log>>>()
})

test("the layer of a launch in a test", () => {
  const six = [
    TestApp.make(App.make("x"), Layer.catchTag(poolLayer, "TooSlow", toPool)),
    TestApp.make(App.make("x"), Layer.catchTag(poolLayer, ["TooSlow"], toPool)),
    TestApp.make(App.make("x"), poolLayer.pipe(Layer.catchTag("TooSlow", toPool))),
    TestApp.make(App.make("x"), poolLayer.pipe(Layer.catchTag(["TooSlow"], toPool))),
    TestApp.make(App.make("x"), poolLayer.pipe(Layer.catchTag("TooSlow", toPool), Layer.fresh)),
    TestApp.make(App.make("x"), Layer.fresh(Layer.catchTag(poolLayer, "TooSlow", toPool)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<
    Six<Effect.Effect<TestApp.TestApp, App.IgniteError<App.OwnFailure> | DatabaseDown, Log | Scope.Scope>>
  >()
})

declare const slow: Effect.Effect<void, TooSlow, Log>

test("the same six compile where nothing is left", () => {
  const six = [
    Fairing.onRequest("x", () => Effect.catchTag(slow, "TooSlow", toVoid)),
    Fairing.onRequest("x", () => Effect.catchTags(slow, { TooSlow: toVoid })),
    Fairing.onRequest("x", () => Effect.catchIf(slow, isSlow, toVoid)),
    Fairing.onRequest("x", () => slow.pipe(Effect.catchTag("TooSlow", toVoid))),
    Fairing.onRequest("x", () => slow.pipe(Effect.catchTags({ TooSlow: toVoid }))),
    Fairing.onRequest("x", () => slow.pipe(Effect.catchIf(isSlow, toVoid)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Fairing.Fairing<never, never, Log>>>()
})
