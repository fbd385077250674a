// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost behind the handler or where a pipeline ends: see hole-middleware for the table.
 */
import { Effect } from "effect"
import type { Layer } from "effect"
import type { HttpServerError, HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import { empty, NotFound } from "../server/middleware.test-d.ts"
import type { Ambient, Database, DatabaseDown, TooSlow } from "../server/middleware.test-d.ts"
import { hole } from "./Hole.ts"

type Response = HttpServerResponse.HttpServerResponse
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>

declare const response: Fails<Response>
declare const nothing: Fails<void>
declare const needless: Effect.Effect<Response, TooSlow | DatabaseDown>
declare const routes: Effect.Effect<Response, HttpServerError.HttpServerError>
declare const databaseLive: Layer.Layer<Database>
const open = Pipeline.make("x")
const failed = open.handle(Effect.fail(new NotFound({ path: "" })))
const routed = open.handle(routes)
const wrapped = Pipeline.wrap(open.next())
type Narrowed = HttpServerError.HttpServerError & {
  readonly reason: Exclude<HttpServerError.HttpServerErrorReason, HttpServerError.RouteNotFound>
}

test("the table has every method after the handler that takes an Effect", () => {
  type InTable = "catchTag" | "catchTags" | "catchReason" | "catch" | "catchDefect" | "onExit"
  type TakesMiddleware = "after" | "outer" | "respond" | "sending" | "ended" | "closePairs"
  type Methods = Exclude<
    keyof Pipeline.Closed<never, never, never>,
    keyof Pipeline.Named | keyof Pipeline.Stateful<never, never, never> | keyof Effect.Effect<never>
  >
  expectTypeOf<Exclude<Methods, InTable | TakesMiddleware>>().toEqualTypeOf<never>()
})

test("the table has every function on pipelines that takes an Effect", () => {
  type InTable = "serve" | "toWebHandler" | "toWebHandlerLayer" | "wrap"
  type TakesPipelines = "make" | "middleware" | "globalMiddleware" | "layerHttpServer" | "routes" | "isPipeline"
  expectTypeOf<Exclude<keyof typeof Pipeline, InTable | TakesPipelines>>().toEqualTypeOf<never>()
})

test("catchTag", () => {
  expectTypeOf(failed.catchTag("NotFound", () => hole(response))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("catchTags", () => {
  expectTypeOf(failed.catchTags({ NotFound: () => hole(response) })).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("catch", () => {
  expectTypeOf(failed.catch(() => hole(response))).toEqualTypeOf<Pipeline.Closed<never, DatabaseDown, Database>>()
})

test("catchReason", () => {
  expectTypeOf(routed.catchReason("HttpServerError", "RouteNotFound", () => hole(response))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown | Narrowed, Database>
  >()
})

test("catchDefect", () => {
  expectTypeOf(open.handle(empty).catchDefect(() => hole(response))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("ensure, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left
  void open.handle(empty).onExit("x", () => hole(nothing))
})

test("serve", () => {
  // @ts-expect-error DatabaseDown is left
  Pipeline.serve(hole(response))
})

test("toWebHandler", () => {
  // @ts-expect-error DatabaseDown is left
  Pipeline.toWebHandler(hole(needless))
})

test("toWebHandlerLayer", () => {
  // @ts-expect-error DatabaseDown is left
  Pipeline.toWebHandlerLayer(hole(response), databaseLive)
})

test("wrap", () => {
  expectTypeOf(wrapped(hole(response))).toEqualTypeOf<Effect.Effect<Response, DatabaseDown, Database | Ambient>>()
})
