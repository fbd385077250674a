/**
 * No error is lost in the before phase or at the handler: see hole-middleware for the table.
 */
import { Context, Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import type { Database, DatabaseDown, TooSlow } from "./middleware.test-d.ts"
import { CurrentUser, empty, NotFound } from "./middleware.test-d.ts"

type Response = HttpServerResponse.HttpServerResponse
type Six<A> = readonly [A, A, A, A, A, A]
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>
const isSlow = (error: TooSlow | DatabaseDown): error is TooSlow => error._tag === "TooSlow"

declare const response: Fails<Response>
declare const supply: Fails<Context.Context<CurrentUser>>
const toEmpty = () => Effect.succeed(empty)
const toSupply = () => Effect.succeed(Context.make(CurrentUser, { name: "" }))
const same = <E, R>(app: Effect.Effect<Response, E, R>) => app
const giveUser = Middleware.before("user", CurrentUser, () => ({ name: "" }))
const open = Pipeline.make("x")
const failing = open.before(Middleware.before("fails", Effect.fail(new NotFound({ path: "" }))))
const skipping = failing.before(giveUser)

test("the table has every method before the handler that takes an Effect", () => {
  type InTable = "before" | "recover" | "handle"
  type TakesMiddleware = "link" | "outer" | "next"
  type Methods = Exclude<keyof Pipeline.Open<never, never, never>, keyof Pipeline.Named>
  expectTypeOf<Exclude<Methods, InTable | TakesMiddleware>>().toEqualTypeOf<never>()
})

test("recover", () => {
  const six = [
    skipping.recover("NotFound", () => Effect.catchTag(supply, "TooSlow", toSupply)),
    skipping.recover("NotFound", () => Effect.catchTags(supply, { TooSlow: toSupply })),
    skipping.recover("NotFound", () => Effect.catchIf(supply, isSlow, toSupply)),
    skipping.recover("NotFound", () => supply.pipe(Effect.catchTag("TooSlow", toSupply))),
    skipping.recover("NotFound", () => supply.pipe(Effect.catchTags({ TooSlow: toSupply }))),
    skipping.recover("NotFound", () => supply.pipe(Effect.catchIf(isSlow, toSupply)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<
    Six<Pipeline.Open<CurrentUser, Pipeline.Skips<DatabaseDown, CurrentUser>, Database>>
  >()
})

test("before with both methods", () => {
  const six = [
    failing.before(giveUser, { NotFound: () => Effect.catchTag(supply, "TooSlow", toSupply) }),
    failing.before(giveUser, { NotFound: () => Effect.catchTags(supply, { TooSlow: toSupply }) }),
    failing.before(giveUser, { NotFound: () => Effect.catchIf(supply, isSlow, toSupply) }),
    failing.before(giveUser, { NotFound: () => supply.pipe(Effect.catchTag("TooSlow", toSupply)) }),
    failing.before(giveUser, { NotFound: () => supply.pipe(Effect.catchTags({ TooSlow: toSupply })) }),
    failing.before(giveUser, { NotFound: () => supply.pipe(Effect.catchIf(isSlow, toSupply)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<
    Six<Pipeline.Open<CurrentUser, Pipeline.Skips<DatabaseDown, CurrentUser>, Database>>
  >()
})

test("handle: an Effect", () => {
  const six = [
    open.handle(Effect.catchTag(response, "TooSlow", toEmpty)),
    open.handle(Effect.catchTags(response, { TooSlow: toEmpty })),
    open.handle(Effect.catchIf(response, isSlow, toEmpty)),
    open.handle(response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("handle: a function", () => {
  const six = [
    open.handle(() => Effect.catchTag(response, "TooSlow", toEmpty)),
    open.handle(() => Effect.catchTags(response, { TooSlow: toEmpty })),
    open.handle(() => Effect.catchIf(response, isSlow, toEmpty)),
    open.handle(() => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(() => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(() => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("handle: an around", () => {
  const six = [
    open.handle(response, (app) => Effect.catchTag(app, "TooSlow", toEmpty)),
    open.handle(response, (app) => Effect.catchTags(app, { TooSlow: toEmpty })),
    open.handle(response, (app) => Effect.catchIf(app, isSlow, toEmpty)),
    open.handle(response, (app) => app.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(response, (app) => app.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(response, (app) => app.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("handle: the second around", () => {
  const six = [
    open.handle(response, same, (app) => Effect.catchTag(app, "TooSlow", toEmpty)),
    open.handle(response, same, (app) => Effect.catchTags(app, { TooSlow: toEmpty })),
    open.handle(response, same, (app) => Effect.catchIf(app, isSlow, toEmpty)),
    open.handle(response, same, (app) => app.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(response, same, (app) => app.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(response, same, (app) => app.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("handle: the third around", () => {
  const six = [
    open.handle(response, same, same, (app) => Effect.catchTag(app, "TooSlow", toEmpty)),
    open.handle(response, same, same, (app) => Effect.catchTags(app, { TooSlow: toEmpty })),
    open.handle(response, same, same, (app) => Effect.catchIf(app, isSlow, toEmpty)),
    open.handle(response, same, same, (app) => app.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(response, same, same, (app) => app.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(response, same, same, (app) => app.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("handle: the fourth around", () => {
  const six = [
    open.handle(response, same, same, same, (app) => Effect.catchTag(app, "TooSlow", toEmpty)),
    open.handle(response, same, same, same, (app) => Effect.catchTags(app, { TooSlow: toEmpty })),
    open.handle(response, same, same, same, (app) => Effect.catchIf(app, isSlow, toEmpty)),
    open.handle(response, same, same, same, (app) => app.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(response, same, same, same, (app) => app.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(response, same, same, same, (app) => app.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("handle: an around inside of others", () => {
  const six = [
    open.handle(response, (app) => Effect.catchTag(app, "TooSlow", toEmpty), same, same, same),
    open.handle(response, (app) => Effect.catchTags(app, { TooSlow: toEmpty }), same, same, same),
    open.handle(response, (app) => Effect.catchIf(app, isSlow, toEmpty), same, same, same),
    open.handle(response, (app) => app.pipe(Effect.catchTag("TooSlow", toEmpty)), same, same, same),
    open.handle(response, (app) => app.pipe(Effect.catchTags({ TooSlow: toEmpty })), same, same, same),
    open.handle(response, (app) => app.pipe(Effect.catchIf(isSlow, toEmpty)), same, same, same)
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})
