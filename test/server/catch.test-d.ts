import { Effect } from "effect"
import type { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import type { Database, DatabaseDown, NotFound } from "./middleware.test-d.ts"
import {
  authenticate,
  CurrentUser,
  empty,
  greet,
  limit,
  stampTrace,
  stampUser,
  TooSlow,
  trace,
  Trace,
  Unauthorized
} from "./middleware.test-d.ts"

const app = Pipeline.make("app").before(trace).before(authenticate).handle(greet)

test("catchTag takes its tag out of the errors", () => {
  const caught = app.catchTag("NotFound", (error) => {
    expectTypeOf(error).toEqualTypeOf<NotFound>()
    return empty
  })
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database>
  >()
})

test("server 1.20: after a caught error only services that it did not skip are provided", () => {
  const caught = app.catchTag("Unauthorized", () => empty)
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<DatabaseDown, CurrentUser> | NotFound, Database>
  >()
  expectTypeOf(caught.after(stampTrace)).toEqualTypeOf<typeof caught>()
  expectTypeOf(caught.after(stampUser)).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<DatabaseDown, CurrentUser> | NotFound, Database | CurrentUser>
  >()
})

test("server 1.20: a catch has only what was there when its error was raised", () => {
  const byHandler = app.catchTag("NotFound", () => Effect.as(CurrentUser, empty))
  expectTypeOf(byHandler).toEqualTypeOf<
    Pipeline.Closed<Trace | CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database>
  >()
  const byBefore = app.catchTag("Unauthorized", () => Effect.as(CurrentUser, empty))
  expectTypeOf(byBefore).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<DatabaseDown, CurrentUser> | NotFound, Database | CurrentUser>
  >()
  const early = app.catchTag("Unauthorized", () => Effect.as(Trace, empty))
  expectTypeOf(early).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<DatabaseDown, CurrentUser> | NotFound, Database>
  >()
})

test("an error that a catch raises has skipped nothing", () => {
  const again = app.catchTag("Unauthorized", () => Effect.fail(new TooSlow()))
  expectTypeOf(again).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<DatabaseDown, CurrentUser> | NotFound | TooSlow, Database>
  >()
})

test("a catch unites the errors of its branches with plain responses", () => {
  const branches = app.catchTag("NotFound", ({ path }) => {
    if (path === "a") return Effect.fail(new TooSlow())
    return path === "b" ? empty : Effect.fail(new Unauthorized({ reason: "" }))
  })
  expectTypeOf(branches).toEqualTypeOf<
    Pipeline.Closed<
      Trace | CurrentUser,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | Unauthorized | TooSlow,
      Database
    >
  >()
})

test("catchTag takes several tags", () => {
  const caught = app.catchTag(["NotFound", "DatabaseDown"], (error) => {
    expectTypeOf(error).toEqualTypeOf<NotFound | DatabaseDown>()
    return empty
  })
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<Unauthorized, CurrentUser>, Database>
  >()
})

test("server 1.20: a tag that nothing can raise does not compile", () => {
  // @ts-expect-error nothing raises TooSlow
  void app.catchTag("TooSlow", () => empty)
  // @ts-expect-error not even beside one that can be raised
  void app.catchTag(["NotFound", "TooSlow"], () => empty)
  const handled = app.catchTag("NotFound", () => empty)
  // @ts-expect-error it was caught before
  void handled.catchTag("NotFound", () => empty)
  // @ts-expect-error in a record as well
  void app.catchTags({ NotFound: () => empty, TooSlow: () => empty })
})

test("the result of a catch is a response", () => {
  // @ts-expect-error a string is no response
  void app.catchTag("NotFound", () => "text")
  // @ts-expect-error nor is its Effect
  void app.catchTag("NotFound", () => Effect.succeed("text"))
  // @ts-expect-error nor in a record
  void app.catchTags({ NotFound: () => Effect.succeed("text") })
  // @ts-expect-error nor from catch
  void app.catch(() => "text")
  // @ts-expect-error nor for defects
  void app.catchDefect(() => "text")
})

test("an error raised twice and caught removes the services that either skipped", () => {
  const twice = Pipeline.make("x").before(limit).before(trace).before(limit).before(authenticate).handle(empty)
  expectTypeOf(twice.catchTag("TooSlow", () => empty)).toEqualTypeOf<
    Pipeline.Closed<never, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database>
  >()
})

test("catchTags handles each tag with its own errors and needs", () => {
  const caught = app.catchTags({
    Unauthorized: ({ reason }) => Effect.map(Trace, () => (reason === "" ? empty : empty)),
    NotFound: ({ path }) =>
      Effect.gen(function* () {
        yield* CurrentUser
        return path === "" ? yield* new TooSlow() : empty
      })
  })
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<DatabaseDown, CurrentUser> | TooSlow, Database>
  >()
  const plain = app.catchTags({ NotFound: () => empty, DatabaseDown: () => Effect.as(CurrentUser, empty) })
  expectTypeOf(plain).toEqualTypeOf<
    Pipeline.Closed<Trace, Pipeline.State.Skips<Unauthorized, CurrentUser>, Database | CurrentUser>
  >()
})

test("catch handles every error, and has what no error skipped", () => {
  const caught = app.catch((error) => {
    expectTypeOf(error).toEqualTypeOf<Unauthorized | DatabaseDown | NotFound>()
    return Effect.as(Trace, empty)
  })
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<Trace, never, Database>>()
  expectTypeOf(app.catch(() => Effect.as(CurrentUser, empty))).toEqualTypeOf<
    Pipeline.Closed<Trace, never, Database | CurrentUser>
  >()
  expectTypeOf(app.catch(() => Effect.fail(new TooSlow()))).toEqualTypeOf<Pipeline.Closed<Trace, TooSlow, Database>>()
})

test("an error without a tag is caught by catch alone", () => {
  const untagged = Pipeline.make("x")
    .before(limit)
    .handle(Effect.fail("text" as const))
  expectTypeOf(untagged.catchTag("TooSlow", () => empty)).toEqualTypeOf<Pipeline.Closed<never, "text", never>>()
  expectTypeOf(untagged.catch((error) => Effect.as(Effect.log(error), empty))).toEqualTypeOf<
    Pipeline.Closed<never, never, never>
  >()
})

test("an after that fails is caught with everything provided", () => {
  const caught = Pipeline.make("x")
    .before(trace)
    .handle(empty)
    .after(Middleware.after("fails", () => Effect.fail(new TooSlow())))
    .catchTag("TooSlow", () => Effect.as(Trace, empty))
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<Trace, never, never>>()
})

declare const routes: Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  HttpServerError.HttpServerError | NotFound,
  HttpServerRequest.HttpServerRequest
>
const routed = Pipeline.make("routed").before(trace).handle(routes)
type Left<Tag extends string> = HttpServerError.HttpServerError & {
  readonly reason: Exclude<HttpServerError.HttpServerErrorReason, { readonly _tag: Tag }>
}

test("catchReason takes one reason out of an error, and passes it with the error", () => {
  const caught = routed.catchReason("HttpServerError", "RouteNotFound", (reason, error) => {
    expectTypeOf(reason).toEqualTypeOf<HttpServerError.RouteNotFound>()
    expectTypeOf(error).toEqualTypeOf<HttpServerError.HttpServerError>()
    return empty
  })
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<Trace, Left<"RouteNotFound"> | NotFound, never>>()
})

test("catchReason takes several reasons, and the rest narrows with each", () => {
  const caught = routed
    .catchReason("HttpServerError", ["RouteNotFound", "RequestParseError"], (reason) => {
      expectTypeOf(reason).toEqualTypeOf<HttpServerError.RouteNotFound | HttpServerError.RequestParseError>()
      return Effect.fail(new TooSlow())
    })
    .catchReason("HttpServerError", "InternalError", () => empty)
  expectTypeOf<
    Extract<Effect.Error<typeof caught>, { _tag: "HttpServerError" }>["reason"]
  >().toEqualTypeOf<HttpServerError.ResponseError>()
  expectTypeOf<Exclude<Effect.Error<typeof caught>, { _tag: "HttpServerError" }>>().toEqualTypeOf<NotFound | TooSlow>()
})

test("with its last reason the error is gone", () => {
  const caught = routed
    .catchReason("HttpServerError", "RouteNotFound", () => empty)
    .catchReason("HttpServerError", ["RequestParseError", "InternalError", "ResponseError"], () => empty)
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<Trace, NotFound, never>>()
})

test("server 1.20: a reason that the error cannot have does not compile", () => {
  // @ts-expect-error no such reason
  void routed.catchReason("HttpServerError", "NoSuchReason", () => empty)
  const narrowed = routed.catchReason("HttpServerError", "RouteNotFound", () => empty)
  // @ts-expect-error it was caught before
  void narrowed.catchReason("HttpServerError", "RouteNotFound", () => empty)
  // @ts-expect-error NotFound has no reasons
  void routed.catchReason("NotFound", "RouteNotFound", () => empty)
})

test("catchReason of an error that skipped something removes that from the provided services", () => {
  const caught = Pipeline.make("x")
    .before(Middleware.before("parse", Effect.flip(Effect.flip(routes)).pipe(Effect.asVoid)))
    .before(trace)
    .handle(empty)
    .catchReason("HttpServerError", "RouteNotFound", () => Effect.as(Trace, empty))
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<never, Pipeline.State.Skips<Left<"RouteNotFound"> | NotFound, Trace>, Trace>
  >()
})
