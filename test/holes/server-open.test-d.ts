/**
 * No error is lost in the before phase or at the handler: see hole-middleware for the table.
 */
import type { Context } from "effect"
import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import type { Database, DatabaseDown, TooSlow } from "../server/middleware.test-d.ts"
import { CurrentUser, NotFound } from "../server/middleware.test-d.ts"
import { hole } from "./Hole.ts"

type Response = HttpServerResponse.HttpServerResponse
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>

declare const response: Fails<Response>
declare const supply: Fails<Context.Context<CurrentUser>>
const same = <E, R>(app: Effect.Effect<Response, E, R>) => app
const giveUser = Middleware.before("user", CurrentUser, () => ({ name: "" }))
const open = Pipeline.make("x")
const failing = open.before(Middleware.before("fails", Effect.fail(new NotFound({ path: "" }))))
const skipping = failing.before(giveUser)

test("the table has every method before the handler that takes an Effect", () => {
  type InTable = "before" | "recover" | "handle"
  type TakesMiddleware = "link" | "befores" | "outer" | "next" | "sending" | "ended"
  type Methods = Exclude<
    keyof Pipeline.Open<never, never, never>,
    keyof Pipeline.Named | keyof Pipeline.Stateful<never, never, never>
  >
  expectTypeOf<Exclude<Methods, InTable | TakesMiddleware>>().toEqualTypeOf<never>()
})

test("recover", () => {
  expectTypeOf(skipping.recover("NotFound", () => hole(supply))).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.State.Skips<DatabaseDown, CurrentUser>, Database>
  >()
})

test("before with both methods", () => {
  expectTypeOf(failing.before(giveUser, { NotFound: () => hole(supply) })).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.State.Skips<DatabaseDown, CurrentUser>, Database>
  >()
})

test("handle: an Effect", () => {
  expectTypeOf(open.handle(hole(response))).toEqualTypeOf<Pipeline.Closed<never, DatabaseDown, Database>>()
})

test("handle: a function", () => {
  expectTypeOf(open.handle(() => hole(response))).toEqualTypeOf<Pipeline.Closed<never, DatabaseDown, Database>>()
})

test("handle: an around", () => {
  expectTypeOf(open.handle(response, (app) => hole(app))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("handle: the second around", () => {
  expectTypeOf(open.handle(response, same, (app) => hole(app))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("handle: the third around", () => {
  expectTypeOf(open.handle(response, same, same, (app) => hole(app))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("handle: the fourth around", () => {
  expectTypeOf(open.handle(response, same, same, same, (app) => hole(app))).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})

test("handle: an around inside of others", () => {
  expectTypeOf(open.handle(response, (app) => hole(app), same, same, same)).toEqualTypeOf<
    Pipeline.Closed<never, DatabaseDown, Database>
  >()
})
