// @effect-diagnostics missingEffectError:off missingEffectContext:off
import { Effect } from "effect"
import { HttpMiddleware } from "effect/http"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import type { CurrentUser, Database, DatabaseDown, NotFound, Unauthorized } from "./middleware.test-d.ts"
import { authenticate, empty, greet, TooSlow, trace, Trace } from "./middleware.test-d.ts"

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/** Adds `TooSlow`. */
const deadline = <E, R>(app: App<E, R>): App<E | TooSlow, R> =>
  Effect.timeoutOrElse(app, { duration: "1 second", orElse: () => Effect.fail(new TooSlow()) })

/** Takes `NotFound` away, needs `Database`. */
declare const fallback: <E, R>(app: App<E, R>) => App<Exclude<E, NotFound>, R | Database>

/** Accepts only handlers that fail with `NotFound`. */
declare const only: (app: App<NotFound, CurrentUser>) => App<never, CurrentUser>

const open = Pipeline.make("open").before(trace).before(authenticate)
type Befores = Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>

test("an around sees the handler alone, and its errors and needs replace the handler's", () => {
  expectTypeOf(open.handle(greet, deadline)).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | NotFound | TooSlow, Database>
  >()
  expectTypeOf(open.handle(greet, fallback)).toEqualTypeOf<Pipeline.Closed<Trace | CurrentUser, Befores, Database>>()
  expectTypeOf(Pipeline.make("x").handle(greet, fallback)).toEqualTypeOf<
    Pipeline.Closed<never, never, CurrentUser | Database>
  >()
  const inline = open.handle(greet, (app) => {
    expectTypeOf(app).toEqualTypeOf<App<NotFound, CurrentUser>>()
    return Effect.catchTag(app, "NotFound", () => Effect.as(Trace, empty))
  })
  expectTypeOf(inline).toEqualTypeOf<Pipeline.Closed<Trace | CurrentUser, Befores, Database>>()
})

test("arounds nest up to four, the last is the outermost", () => {
  expectTypeOf(open.handle(greet, deadline, fallback)).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | TooSlow, Database>
  >()
  const three = open.handle(greet, fallback, deadline, (app) => {
    expectTypeOf(app).toEqualTypeOf<App<TooSlow, CurrentUser | Database>>()
    return app
  })
  expectTypeOf(three).toEqualTypeOf<Pipeline.Closed<Trace | CurrentUser, Befores | TooSlow, Database>>()
  const four = open.handle(
    greet,
    deadline,
    fallback,
    (app) => Effect.catchTag(app, "TooSlow", () => Effect.succeed(empty)),
    (app) => {
      expectTypeOf(app).toEqualTypeOf<App<never, CurrentUser | Database>>()
      return app
    }
  )
  expectTypeOf(four).toEqualTypeOf<Pipeline.Closed<Trace | CurrentUser, Befores, Database>>()
})

test("an around may demand what it wraps", () => {
  expectTypeOf(open.handle(greet, only)).toEqualTypeOf<Pipeline.Closed<Trace | CurrentUser, Befores, Database>>()
  // @ts-expect-error the handler fails with TooSlow by then
  void open.handle(greet, deadline, only)
  // @ts-expect-error an around gives a response
  void open.handle(greet, () => Effect.succeed("text"))
  // @ts-expect-error as an Effect
  void open.handle(greet, () => empty)
})

test("a named around keeps its type, generic or not, in a constant or in place", () => {
  const named = Middleware.around("deadline", deadline)
  expectTypeOf(open.handle(greet, named)).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | NotFound | TooSlow, Database>
  >()
  expectTypeOf(open.handle(greet, Middleware.around("deadline", deadline))).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | NotFound | TooSlow, Database>
  >()
  expectTypeOf(open.handle(greet, Middleware.around("only", only))).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores, Database>
  >()
  // @ts-expect-error an around gives a response
  Middleware.around("x", (app: App<never, never>) => Effect.as(app, "text"))
})

test("Effect's HTTP middleware are arounds: errors and needs pass through", () => {
  expectTypeOf(open.handle(greet, HttpMiddleware.cors())).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | NotFound, Database>
  >()
  expectTypeOf(open.handle(greet, HttpMiddleware.logger, HttpMiddleware.searchParamsParser)).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | NotFound, Database>
  >()
  const cors = Middleware.around("cors", HttpMiddleware.cors({ allowedOrigins: ["https://example.org"] }))
  expectTypeOf(open.handle(greet, cors)).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Befores | NotFound, Database>
  >()
})

declare const vague: HttpMiddleware.HttpMiddleware

test("a value typed as the interface HttpMiddleware is refused: its any would swallow every error", () => {
  // @ts-expect-error beside the handler
  void open.handle(greet, vague)
  // @ts-expect-error at any place
  void open.handle(greet, deadline, vague)
  // @ts-expect-error with a name
  void open.handle(greet, Middleware.around("vague", vague))
  // @ts-expect-error around the whole pipeline
  Middleware.outer("vague", vague)
  // @ts-expect-error with a service
  Middleware.outer("vague", Trace, vague)
})

declare const hidden: Effect.Effect<HttpServerResponse.HttpServerResponse, any>
declare const demanding: Effect.Effect<HttpServerResponse.HttpServerResponse, never, any>

test("an any in the error or the needs of a wrapped app is refused", () => {
  // @ts-expect-error its errors would be lost
  void open.handle(greet, () => hidden)
  // @ts-expect-error its needs would be lost
  void open.handle(greet, () => demanding)
  // @ts-expect-error so would those of an outer
  Middleware.outer("x", () => hidden)
  // @ts-expect-error needs too
  Middleware.outer("x", () => demanding)
})

const inner = Pipeline.make("inner").before(authenticate).handle(greet)

test("a pipeline is the handler of another: its unhandled errors are errors of the handler", () => {
  const outer = Pipeline.make("outer").before(trace).handle(inner)
  expectTypeOf(outer).toEqualTypeOf<Pipeline.Closed<Trace, Unauthorized | DatabaseDown | NotFound, Database>>()
  const caught = outer.catchTag("Unauthorized", () => Effect.as(Trace, empty))
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<Trace, DatabaseDown | NotFound, Database>>()
  expectTypeOf(Pipeline.make("outer").handle(inner)).toEqualTypeOf<
    Pipeline.Closed<never, Unauthorized | DatabaseDown | NotFound, Database | Trace>
  >()
})

test("a pipeline is chosen by the request like any handler", () => {
  const other = Pipeline.make("other").handle(Effect.fail(new TooSlow()))
  const choosing = Pipeline.make("x")
    .before(trace)
    .handle((request: HttpServerRequest.HttpServerRequest) => (request.url === "" ? inner : other))
  expectTypeOf(choosing).toEqualTypeOf<
    Pipeline.Closed<Trace, Unauthorized | DatabaseDown | NotFound | TooSlow, Database>
  >()
})
