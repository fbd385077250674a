// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost at a parameter that is or returns an Effect, whichever form of a catch stands there: data-first `Effect.catchTag`,
 * `catchTags` and `catchIf` drop the errors that are left wherever TypeScript expects a type from context. Each of the six forms below
 * catches `TooSlow`, so that `DatabaseDown` must be left.
 *
 * | function | parameters in this table |
 * |---|---|
 * | `Middleware.before` | `run`: with and without a key, as an Effect and as a function |
 * | `Middleware.mapRequest`, `after` | `run` |
 * | `Middleware.pair` | `run` and `after`, with and without a key |
 * | `Middleware.around`, `outer` | `wrap` |
 * | `Service.layer`, `layerEffect` | `run`, `make`: in hole-service |
 * | `bearer`, `requestId` | `verify`, `generate`: in hole-service |
 * | `methodNotAllowed` | `routes` |
 * | `Open.before`, `recover`, `handle` | the cases, `f`, the handler and each around: in hole-open |
 * | `Closed.catchTag`, `catchTags`, `catchReason`, `catch`, `catchDefect`, `ensure` | `f` and the cases: in hole-closed |
 * | `Pipeline.serve`, `toWebHandler`, `toWebHandlerLayer`, `wrap` | `app`: in hole-closed |
 */
import type { Effect, Layer } from "effect"
import type { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware } from "fairlead/server"
import { methodNotAllowed } from "fairlead/server/middleware"
import { expectTypeOf, test } from "vitest"

import { CurrentUser } from "../server/middleware.test-d.ts"
import type { User, Database, DatabaseDown, TooSlow } from "../server/middleware.test-d.ts"
import { hole, layerHole } from "./Hole.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>

declare const routes: Layer.Layer<never, TooSlow | DatabaseDown, Database>
declare const user: Fails<User>
declare const response: Fails<Response>
declare const nothing: Fails<void>
declare const request: Fails<Request>
const pass = (response: Response) => response
const one = () => 1
const ada = () => ({ name: "Ada" })

test("the table has every constructor of middleware that takes an Effect", () => {
  type InTable = "before" | "mapRequest" | "after" | "pair" | "around" | "outer" | "Service" | "sending" | "ended"
  type TakesMiddleware = "group" | "stateful" | "isBefore" | "isAfter" | "isPair" | "isOuter" | "isSending" | "isEnded"
  type Combines = "every" | "some" | "when" | "unless" | "optional" | "shadow" | "headers" | "Reject"
  expectTypeOf<Exclude<keyof typeof Middleware, InTable | TakesMiddleware | Combines>>().toEqualTypeOf<never>()
})

test("before with a key: an Effect", () => {
  expectTypeOf(Middleware.before("x", CurrentUser, hole(user))).toEqualTypeOf<
    Middleware.Before<CurrentUser, DatabaseDown, Database>
  >()
})

test("before with a key: a function", () => {
  expectTypeOf(Middleware.before("x", CurrentUser, () => hole(user))).toEqualTypeOf<
    Middleware.Before<CurrentUser, DatabaseDown, Database>
  >()
})

test("before without a key: an Effect", () => {
  expectTypeOf(Middleware.before("x", hole(nothing))).toEqualTypeOf<Middleware.Before<never, DatabaseDown, Database>>()
})

test("before without a key: a function", () => {
  expectTypeOf(Middleware.before("x", () => hole(nothing))).toEqualTypeOf<
    Middleware.Before<never, DatabaseDown, Database>
  >()
})

test("mapRequest", () => {
  expectTypeOf(Middleware.mapRequest("x", () => hole(request))).toEqualTypeOf<
    Middleware.Before<never, DatabaseDown, Database>
  >()
})

test("after", () => {
  expectTypeOf(Middleware.after("x", () => hole(response))).toEqualTypeOf<Middleware.After<DatabaseDown, Database>>()
})

test("pair without a key: its before", () => {
  expectTypeOf(Middleware.pair("x", () => hole(user), pass)).toEqualTypeOf<
    Middleware.Pair<never, DatabaseDown, Database, never>
  >()
})

test("pair with a key: its before, an Effect", () => {
  expectTypeOf(Middleware.pair("x", CurrentUser, hole(user), pass)).toEqualTypeOf<
    Middleware.Pair<CurrentUser, DatabaseDown, Database, never>
  >()
})

test("pair with a key: its before, a function", () => {
  expectTypeOf(Middleware.pair("x", CurrentUser, () => hole(user), pass)).toEqualTypeOf<
    Middleware.Pair<CurrentUser, DatabaseDown, Database, never>
  >()
})

test("pair without a key: its after, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left
  Middleware.pair("x", one, () => hole(response))
})

test("pair with a key: its after, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left
  Middleware.pair("x", CurrentUser, ada, () => hole(response))
})

test("sending, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left
  Middleware.sending("x", () => hole(response))
})

test("ended, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left
  Middleware.ended("x", () => hole(nothing))
})

test("around", () => {
  expectTypeOf(Middleware.around("x", () => hole(response))).toEqualTypeOf<
    (app: Effect.Effect<Response, unknown, unknown>) => Effect.Effect<Response, DatabaseDown, Database>
  >()
})

test("outer", () => {
  expectTypeOf(Middleware.outer("x", () => hole(response))).toEqualTypeOf<
    Middleware.Outer<never, DatabaseDown, Database>
  >()
})

test("outer with a key", () => {
  expectTypeOf(Middleware.outer("x", CurrentUser, () => hole(response))).toEqualTypeOf<
    Middleware.Outer<CurrentUser, DatabaseDown, Database>
  >()
})

test("methodNotAllowed: its routes", () => {
  expectTypeOf(methodNotAllowed(layerHole(routes))).toEqualTypeOf<
    Layer.Layer<never, DatabaseDown, Database | HttpRouter.HttpRouter>
  >()
})
