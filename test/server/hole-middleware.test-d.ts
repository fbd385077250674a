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
 * | `Open.before`, `recover`, `handle` | the cases, `f`, the handler and each around: in hole-open |
 * | `Closed.catchTag`, `catchTags`, `catchReason`, `catch`, `catchDefect`, `ensure` | `f` and the cases: in hole-closed |
 * | `Pipeline.serve`, `toWebHandler`, `toWebHandlerLayer`, `wrap` | `app`: in hole-closed |
 */
import { Effect } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import { CurrentUser, empty } from "./middleware.test-d.ts"
import type { User, Database, DatabaseDown, TooSlow } from "./middleware.test-d.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest
type Six<A> = readonly [A, A, A, A, A, A]
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>
const isSlow = (error: TooSlow | DatabaseDown): error is TooSlow => error._tag === "TooSlow"

declare const user: Fails<User>
declare const response: Fails<Response>
declare const nothing: Fails<void>
declare const request: Fails<Request>
declare const anyRequest: Request
const toUser = () => Effect.succeed({ name: "" })
const toEmpty = () => Effect.succeed(empty)
const toNothing = () => Effect.void
const toRequest = () => Effect.succeed(anyRequest)
const pass = (response: Response) => response
const one = () => 1
const ada = () => ({ name: "Ada" })

test("the table has every constructor of middleware that takes an Effect", () => {
  type InTable = "before" | "mapRequest" | "after" | "pair" | "around" | "outer" | "Service"
  type TakesMiddleware = "group"
  expectTypeOf<Exclude<keyof typeof Middleware, InTable | TakesMiddleware>>().toEqualTypeOf<never>()
})

test("before with a key: an Effect", () => {
  const six = [
    Middleware.before("x", CurrentUser, Effect.catchTag(user, "TooSlow", toUser)),
    Middleware.before("x", CurrentUser, Effect.catchTags(user, { TooSlow: toUser })),
    Middleware.before("x", CurrentUser, Effect.catchIf(user, isSlow, toUser)),
    Middleware.before("x", CurrentUser, user.pipe(Effect.catchTag("TooSlow", toUser))),
    Middleware.before("x", CurrentUser, user.pipe(Effect.catchTags({ TooSlow: toUser }))),
    Middleware.before("x", CurrentUser, user.pipe(Effect.catchIf(isSlow, toUser)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Before<CurrentUser, DatabaseDown, Database>>>()
})

test("before with a key: a function", () => {
  const six = [
    Middleware.before("x", CurrentUser, () => Effect.catchTag(user, "TooSlow", toUser)),
    Middleware.before("x", CurrentUser, () => Effect.catchTags(user, { TooSlow: toUser })),
    Middleware.before("x", CurrentUser, () => Effect.catchIf(user, isSlow, toUser)),
    Middleware.before("x", CurrentUser, () => user.pipe(Effect.catchTag("TooSlow", toUser))),
    Middleware.before("x", CurrentUser, () => user.pipe(Effect.catchTags({ TooSlow: toUser }))),
    Middleware.before("x", CurrentUser, () => user.pipe(Effect.catchIf(isSlow, toUser)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Before<CurrentUser, DatabaseDown, Database>>>()
})

test("before without a key: an Effect", () => {
  const six = [
    Middleware.before("x", Effect.catchTag(nothing, "TooSlow", toNothing)),
    Middleware.before("x", Effect.catchTags(nothing, { TooSlow: toNothing })),
    Middleware.before("x", Effect.catchIf(nothing, isSlow, toNothing)),
    Middleware.before("x", nothing.pipe(Effect.catchTag("TooSlow", toNothing))),
    Middleware.before("x", nothing.pipe(Effect.catchTags({ TooSlow: toNothing }))),
    Middleware.before("x", nothing.pipe(Effect.catchIf(isSlow, toNothing)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Before<never, DatabaseDown, Database>>>()
})

test("before without a key: a function", () => {
  const six = [
    Middleware.before("x", () => Effect.catchTag(nothing, "TooSlow", toNothing)),
    Middleware.before("x", () => Effect.catchTags(nothing, { TooSlow: toNothing })),
    Middleware.before("x", () => Effect.catchIf(nothing, isSlow, toNothing)),
    Middleware.before("x", () => nothing.pipe(Effect.catchTag("TooSlow", toNothing))),
    Middleware.before("x", () => nothing.pipe(Effect.catchTags({ TooSlow: toNothing }))),
    Middleware.before("x", () => nothing.pipe(Effect.catchIf(isSlow, toNothing)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Before<never, DatabaseDown, Database>>>()
})

test("mapRequest", () => {
  const six = [
    Middleware.mapRequest("x", () => Effect.catchTag(request, "TooSlow", toRequest)),
    Middleware.mapRequest("x", () => Effect.catchTags(request, { TooSlow: toRequest })),
    Middleware.mapRequest("x", () => Effect.catchIf(request, isSlow, toRequest)),
    Middleware.mapRequest("x", () => request.pipe(Effect.catchTag("TooSlow", toRequest))),
    Middleware.mapRequest("x", () => request.pipe(Effect.catchTags({ TooSlow: toRequest }))),
    Middleware.mapRequest("x", () => request.pipe(Effect.catchIf(isSlow, toRequest)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Before<never, DatabaseDown, Database>>>()
})

test("after", () => {
  const six = [
    Middleware.after("x", () => Effect.catchTag(response, "TooSlow", toEmpty)),
    Middleware.after("x", () => Effect.catchTags(response, { TooSlow: toEmpty })),
    Middleware.after("x", () => Effect.catchIf(response, isSlow, toEmpty)),
    Middleware.after("x", () => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    Middleware.after("x", () => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    Middleware.after("x", () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.After<DatabaseDown, Database>>>()
})

test("pair without a key: its before", () => {
  const six = [
    Middleware.pair("x", () => Effect.catchTag(user, "TooSlow", toUser), pass),
    Middleware.pair("x", () => Effect.catchTags(user, { TooSlow: toUser }), pass),
    Middleware.pair("x", () => Effect.catchIf(user, isSlow, toUser), pass),
    Middleware.pair("x", () => user.pipe(Effect.catchTag("TooSlow", toUser)), pass),
    Middleware.pair("x", () => user.pipe(Effect.catchTags({ TooSlow: toUser })), pass),
    Middleware.pair("x", () => user.pipe(Effect.catchIf(isSlow, toUser)), pass)
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Pair<never, DatabaseDown, Database, never>>>()
})

test("pair with a key: its before, an Effect", () => {
  const six = [
    Middleware.pair("x", CurrentUser, Effect.catchTag(user, "TooSlow", toUser), pass),
    Middleware.pair("x", CurrentUser, Effect.catchTags(user, { TooSlow: toUser }), pass),
    Middleware.pair("x", CurrentUser, Effect.catchIf(user, isSlow, toUser), pass),
    Middleware.pair("x", CurrentUser, user.pipe(Effect.catchTag("TooSlow", toUser)), pass),
    Middleware.pair("x", CurrentUser, user.pipe(Effect.catchTags({ TooSlow: toUser })), pass),
    Middleware.pair("x", CurrentUser, user.pipe(Effect.catchIf(isSlow, toUser)), pass)
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Pair<CurrentUser, DatabaseDown, Database, never>>>()
})

test("pair with a key: its before, a function", () => {
  const six = [
    Middleware.pair("x", CurrentUser, () => Effect.catchTag(user, "TooSlow", toUser), pass),
    Middleware.pair("x", CurrentUser, () => Effect.catchTags(user, { TooSlow: toUser }), pass),
    Middleware.pair("x", CurrentUser, () => Effect.catchIf(user, isSlow, toUser), pass),
    Middleware.pair("x", CurrentUser, () => user.pipe(Effect.catchTag("TooSlow", toUser)), pass),
    Middleware.pair("x", CurrentUser, () => user.pipe(Effect.catchTags({ TooSlow: toUser })), pass),
    Middleware.pair("x", CurrentUser, () => user.pipe(Effect.catchIf(isSlow, toUser)), pass)
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Pair<CurrentUser, DatabaseDown, Database, never>>>()
})

test("pair without a key: its after, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Middleware.pair("x", one, () => Effect.catchTag(response, "TooSlow", toEmpty))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Middleware.pair("x", one, () => Effect.catchTags(response, { TooSlow: toEmpty }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Middleware.pair("x", one, () => Effect.catchIf(response, isSlow, toEmpty))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Middleware.pair("x", one, () => response.pipe(Effect.catchTag("TooSlow", toEmpty)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Middleware.pair("x", one, () => response.pipe(Effect.catchTags({ TooSlow: toEmpty })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Middleware.pair("x", one, () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
})

test("pair with a key: its after, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Middleware.pair("x", CurrentUser, ada, () => Effect.catchTag(response, "TooSlow", toEmpty))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Middleware.pair("x", CurrentUser, ada, () => Effect.catchTags(response, { TooSlow: toEmpty }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Middleware.pair("x", CurrentUser, ada, () => Effect.catchIf(response, isSlow, toEmpty))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Middleware.pair("x", CurrentUser, ada, () => response.pipe(Effect.catchTag("TooSlow", toEmpty)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Middleware.pair("x", CurrentUser, ada, () => response.pipe(Effect.catchTags({ TooSlow: toEmpty })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Middleware.pair("x", CurrentUser, ada, () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
})

test("around", () => {
  const six = [
    Middleware.around("x", () => Effect.catchTag(response, "TooSlow", toEmpty)),
    Middleware.around("x", () => Effect.catchTags(response, { TooSlow: toEmpty })),
    Middleware.around("x", () => Effect.catchIf(response, isSlow, toEmpty)),
    Middleware.around("x", () => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    Middleware.around("x", () => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    Middleware.around("x", () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<
    Six<(app: Effect.Effect<Response, unknown, unknown>) => Effect.Effect<Response, DatabaseDown, Database>>
  >()
})

test("outer", () => {
  const six = [
    Middleware.outer("x", () => Effect.catchTag(response, "TooSlow", toEmpty)),
    Middleware.outer("x", () => Effect.catchTags(response, { TooSlow: toEmpty })),
    Middleware.outer("x", () => Effect.catchIf(response, isSlow, toEmpty)),
    Middleware.outer("x", () => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    Middleware.outer("x", () => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    Middleware.outer("x", () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Outer<never, DatabaseDown, Database>>>()
})

test("outer with a key", () => {
  const six = [
    Middleware.outer("x", CurrentUser, () => Effect.catchTag(response, "TooSlow", toEmpty)),
    Middleware.outer("x", CurrentUser, () => Effect.catchTags(response, { TooSlow: toEmpty })),
    Middleware.outer("x", CurrentUser, () => Effect.catchIf(response, isSlow, toEmpty)),
    Middleware.outer("x", CurrentUser, () => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    Middleware.outer("x", CurrentUser, () => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    Middleware.outer("x", CurrentUser, () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Middleware.Outer<CurrentUser, DatabaseDown, Database>>>()
})
