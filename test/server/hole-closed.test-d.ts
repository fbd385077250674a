// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost behind the handler or where a pipeline ends: see hole-middleware for the table.
 */
import { Effect } from "effect"
import type { Layer } from "effect"
import type { HttpServerError, HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import { empty, NotFound } from "./middleware.test-d.ts"
import type { Ambient, Database, DatabaseDown, TooSlow } from "./middleware.test-d.ts"

type Response = HttpServerResponse.HttpServerResponse
type Six<A> = readonly [A, A, A, A, A, A]
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>
const isSlow = (error: TooSlow | DatabaseDown): error is TooSlow => error._tag === "TooSlow"

declare const response: Fails<Response>
declare const nothing: Fails<void>
declare const needless: Effect.Effect<Response, TooSlow | DatabaseDown>
declare const routes: Effect.Effect<Response, HttpServerError.HttpServerError>
declare const databaseLive: Layer.Layer<Database>
const toEmpty = () => Effect.succeed(empty)
const toNothing = () => Effect.void
const open = Pipeline.make("x")
const failed = open.handle(Effect.fail(new NotFound({ path: "" })))
const routed = open.handle(routes)
const wrapped = Pipeline.wrap(open.next())
type Narrowed = HttpServerError.HttpServerError & {
  readonly reason: Exclude<HttpServerError.HttpServerErrorReason, HttpServerError.RouteNotFound>
}

test("the table has every method behind the handler that takes an Effect", () => {
  type InTable = "catchTag" | "catchTags" | "catchReason" | "catch" | "catchDefect" | "ensure"
  type TakesMiddleware = "after" | "outer" | "respond"
  type Methods = Exclude<keyof Pipeline.Closed<never, never, never>, keyof Pipeline.Named | keyof Effect.Effect<never>>
  expectTypeOf<Exclude<Methods, InTable | TakesMiddleware>>().toEqualTypeOf<never>()
})

test("the table has every function on pipelines that takes an Effect", () => {
  type InTable = "serve" | "toWebHandler" | "toWebHandlerLayer" | "wrap"
  type TakesPipelines =
    | "make"
    | "middleware"
    | "globalMiddleware"
    | "decorate"
    | "routes"
    | "describe"
    | "drawing"
    | "mermaid"
  expectTypeOf<Exclude<keyof typeof Pipeline, InTable | TakesPipelines>>().toEqualTypeOf<never>()
})

test("catchTag", () => {
  const six = [
    failed.catchTag("NotFound", () => Effect.catchTag(response, "TooSlow", toEmpty)),
    failed.catchTag("NotFound", () => Effect.catchTags(response, { TooSlow: toEmpty })),
    failed.catchTag("NotFound", () => Effect.catchIf(response, isSlow, toEmpty)),
    failed.catchTag("NotFound", () => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    failed.catchTag("NotFound", () => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    failed.catchTag("NotFound", () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("catchTags", () => {
  const six = [
    failed.catchTags({ NotFound: () => Effect.catchTag(response, "TooSlow", toEmpty) }),
    failed.catchTags({ NotFound: () => Effect.catchTags(response, { TooSlow: toEmpty }) }),
    failed.catchTags({ NotFound: () => Effect.catchIf(response, isSlow, toEmpty) }),
    failed.catchTags({ NotFound: () => response.pipe(Effect.catchTag("TooSlow", toEmpty)) }),
    failed.catchTags({ NotFound: () => response.pipe(Effect.catchTags({ TooSlow: toEmpty })) }),
    failed.catchTags({ NotFound: () => response.pipe(Effect.catchIf(isSlow, toEmpty)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("catch", () => {
  const six = [
    failed.catch(() => Effect.catchTag(response, "TooSlow", toEmpty)),
    failed.catch(() => Effect.catchTags(response, { TooSlow: toEmpty })),
    failed.catch(() => Effect.catchIf(response, isSlow, toEmpty)),
    failed.catch(() => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    failed.catch(() => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    failed.catch(() => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("catchReason", () => {
  const six = [
    routed.catchReason("HttpServerError", "RouteNotFound", () => Effect.catchTag(response, "TooSlow", toEmpty)),
    routed.catchReason("HttpServerError", "RouteNotFound", () => Effect.catchTags(response, { TooSlow: toEmpty })),
    routed.catchReason("HttpServerError", "RouteNotFound", () => Effect.catchIf(response, isSlow, toEmpty)),
    routed.catchReason("HttpServerError", "RouteNotFound", () => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    routed.catchReason("HttpServerError", "RouteNotFound", () => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    routed.catchReason("HttpServerError", "RouteNotFound", () => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown | Narrowed, Database>>>()
})

test("catchDefect", () => {
  const six = [
    open.handle(empty).catchDefect(() => Effect.catchTag(response, "TooSlow", toEmpty)),
    open.handle(empty).catchDefect(() => Effect.catchTags(response, { TooSlow: toEmpty })),
    open.handle(empty).catchDefect(() => Effect.catchIf(response, isSlow, toEmpty)),
    open.handle(empty).catchDefect(() => response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    open.handle(empty).catchDefect(() => response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    open.handle(empty).catchDefect(() => response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Pipeline.Closed<never, DatabaseDown, Database>>>()
})

test("ensure, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  void open.handle(empty).ensure("x", () => Effect.catchTag(nothing, "TooSlow", toNothing))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  void open.handle(empty).ensure("x", () => Effect.catchTags(nothing, { TooSlow: toNothing }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  void open.handle(empty).ensure("x", () => Effect.catchIf(nothing, isSlow, toNothing))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  void open.handle(empty).ensure("x", () => nothing.pipe(Effect.catchTag("TooSlow", toNothing)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  void open.handle(empty).ensure("x", () => nothing.pipe(Effect.catchTags({ TooSlow: toNothing })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  void open.handle(empty).ensure("x", () => nothing.pipe(Effect.catchIf(isSlow, toNothing)))
})

test("serve", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Pipeline.serve(Effect.catchTag(response, "TooSlow", toEmpty))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Pipeline.serve(Effect.catchTags(response, { TooSlow: toEmpty }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Pipeline.serve(Effect.catchIf(response, isSlow, toEmpty))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Pipeline.serve(response.pipe(Effect.catchTag("TooSlow", toEmpty)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Pipeline.serve(response.pipe(Effect.catchTags({ TooSlow: toEmpty })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Pipeline.serve(response.pipe(Effect.catchIf(isSlow, toEmpty)))
})

test("toWebHandler", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Pipeline.toWebHandler(Effect.catchTag(needless, "TooSlow", toEmpty))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Pipeline.toWebHandler(Effect.catchTags(needless, { TooSlow: toEmpty }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Pipeline.toWebHandler(Effect.catchIf(needless, isSlow, toEmpty))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Pipeline.toWebHandler(needless.pipe(Effect.catchTag("TooSlow", toEmpty)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Pipeline.toWebHandler(needless.pipe(Effect.catchTags({ TooSlow: toEmpty })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Pipeline.toWebHandler(needless.pipe(Effect.catchIf(isSlow, toEmpty)))
})

test("toWebHandlerLayer", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Pipeline.toWebHandlerLayer(Effect.catchTag(response, "TooSlow", toEmpty), databaseLive)
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Pipeline.toWebHandlerLayer(Effect.catchTags(response, { TooSlow: toEmpty }), databaseLive)
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Pipeline.toWebHandlerLayer(Effect.catchIf(response, isSlow, toEmpty), databaseLive)
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Pipeline.toWebHandlerLayer(response.pipe(Effect.catchTag("TooSlow", toEmpty)), databaseLive)
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Pipeline.toWebHandlerLayer(response.pipe(Effect.catchTags({ TooSlow: toEmpty })), databaseLive)
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Pipeline.toWebHandlerLayer(response.pipe(Effect.catchIf(isSlow, toEmpty)), databaseLive)
})

test("wrap", () => {
  const six = [
    wrapped(Effect.catchTag(response, "TooSlow", toEmpty)),
    wrapped(Effect.catchTags(response, { TooSlow: toEmpty })),
    wrapped(Effect.catchIf(response, isSlow, toEmpty)),
    wrapped(response.pipe(Effect.catchTag("TooSlow", toEmpty))),
    wrapped(response.pipe(Effect.catchTags({ TooSlow: toEmpty }))),
    wrapped(response.pipe(Effect.catchIf(isSlow, toEmpty)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Effect.Effect<Response, DatabaseDown, Database | Ambient>>>()
})
