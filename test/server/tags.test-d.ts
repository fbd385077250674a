import { Context, Effect, Schema } from "effect"
import type { Option } from "effect"
import type { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import { Conflict, DatabaseDown, empty, limit, NotFound, trace, Trace, TooSlow } from "./middleware.test-d.ts"

const app = Pipeline.make("x")
  .before(limit)
  .before(trace)
  .handle(Effect.fail(new NotFound({ path: "" })))

declare const either: "TooSlow" | "NotFound"
declare const pair: readonly ["TooSlow" | "NotFound"]
declare const list: readonly ["TooSlow", ...Array<"NotFound">]
declare const some: ReadonlyArray<"TooSlow" | "NotFound">
declare const text: string

test("server2 4.1: a union of tags does not compile: one of them alone is caught", () => {
  // @ts-expect-error which of them is not known
  void app.catchTag(either, () => empty)
  // @ts-expect-error nor in a list
  void app.catchTag(pair, () => empty)
  // @ts-expect-error nor in a list of unknown length
  void app.catchTag(list, () => empty)
  // @ts-expect-error which may be empty
  void app.catchTag(some, () => empty)
  // @ts-expect-error nor a text
  void app.catchTag(text, () => empty)
  const open = Pipeline.make("x")
    .before(limit)
    .before(Middleware.before("y", Effect.fail(new NotFound({ path: "" }))))
  // @ts-expect-error nor before the handler
  open.recover(either, () => Effect.void)
  // @ts-expect-error nor in a list
  open.recover(pair, () => Effect.void)
  expectTypeOf(open.recover(["TooSlow", "NotFound"], () => Effect.void)).toEqualTypeOf<
    Pipeline.Open<never, never, never>
  >()
})

test("server2 4.1: single tags and lists of them compile, typed as literals too", () => {
  const tag = "TooSlow" as const
  expectTypeOf(app.catchTag(tag, () => empty)).toEqualTypeOf<Pipeline.Closed<never, NotFound, never>>()
  const tags = ["TooSlow", "NotFound"] as const
  expectTypeOf(app.catchTag(tags, () => empty)).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
})

test("server2 4.1: a record of cases that may lack one does not compile", () => {
  const cases: { readonly TooSlow?: () => HttpServerResponse.HttpServerResponse } = {}
  // @ts-expect-error TooSlow may have no case
  void app.catchTags(cases)
  const after = Middleware.after("x", (response) => response)
  // @ts-expect-error nor with an after
  void app.after(after, cases)
  const supplies: { readonly TooSlow?: () => Effect.Effect<void> } = {}
  // @ts-expect-error nor with a before
  Pipeline.make("x").before(limit).before(limit, supplies)
})

declare const routes: Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  HttpServerError.HttpServerError,
  HttpServerRequest.HttpServerRequest
>
declare const reason: "RouteNotFound" | "InternalError"
declare const reasons: ReadonlyArray<"RouteNotFound" | "InternalError">

test("server2 4.1: a union of reasons does not compile", () => {
  const routed = Pipeline.make("x").handle(routes)
  // @ts-expect-error which of them is not known
  void routed.catchReason("HttpServerError", reason, () => empty)
  // @ts-expect-error nor in a list of unknown length
  void routed.catchReason("HttpServerError", reasons, () => empty)
  // @ts-expect-error nor is it of a tag
  void app.catchReason(either, "RouteNotFound", () => empty)
})

interface Mixed {
  readonly _tag: "Red" | "Green"
  readonly at: number
}

test("server2 4.1: an error with a union of tags is counted by overlap", () => {
  const mixed = Pipeline.make("x")
    .before(Middleware.before("mixed", Effect.fail(null as unknown as Mixed)))
    .before(trace)
    .handle(empty)
  const red = mixed.catchTag("Red", (error) => {
    expectTypeOf(error.at).toEqualTypeOf<number>()
    expectTypeOf(error._tag).toEqualTypeOf<"Red">()
    return empty
  })
  // Trace was skipped, so that it is not certain any more.
  expectTypeOf<Pipeline.ProvidedBy<typeof red>>().toEqualTypeOf<never>()
  expectTypeOf<Pipeline.ErrorsOf<typeof red>["_tag"]>().toEqualTypeOf<"Green">()
  const none = red.catchTag("Green", () => empty)
  expectTypeOf<Pipeline.ErrorsOf<typeof none>>().toEqualTypeOf<never>()
  const open = Pipeline.make("x")
    .before(Middleware.before("mixed", Effect.fail(null as unknown as Mixed)))
    .before(trace)
  // @ts-expect-error the Trace that was skipped is missing
  open.recover("Red", () => Effect.void)
  const recovered = open.recover(["Red", "Green"], () => Effect.succeed(Context.make(Trace, "")))
  expectTypeOf(recovered).toEqualTypeOf<Pipeline.Open<Trace, never, never>>()
})

test("server2 4.1: an error with any text as its tag stays unhandled", () => {
  const wide = Pipeline.make("x").handle(Effect.fail({ _tag: text, at: 1 }))
  expectTypeOf<Pipeline.ErrorsOf<typeof wide>>().toEqualTypeOf<{ _tag: string; at: number }>()
  const caught = wide.catchTag("Red", () => empty)
  expectTypeOf<Pipeline.ErrorsOf<typeof caught>>().toEqualTypeOf<{ _tag: string; at: number }>()
})

test("server2 4.2: respond of a class answers for its subclasses", () => {
  class Gone extends Conflict.extend<Gone>("types/Gone")({ since: Schema.Number }) {}
  const gone = Pipeline.make("x").handle(Effect.fail(new Gone({ since: 1 })))
  expectTypeOf(gone.respond(Conflict)).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
  const parent = Pipeline.make("x").handle(Effect.fail(new Conflict()))
  // @ts-expect-error the parent is no instance of the subclass
  void parent.respond(Gone)
})

test("server2 4.6: one wrong stage leaves the rest of the pipeline known", () => {
  // @ts-expect-error a string is no stage
  const stage = Pipeline.make("x").before(limit).before("text").before(trace).handle(empty)
  expectTypeOf(stage).toEqualTypeOf<Pipeline.Closed<Trace, Pipeline.State.Skips<TooSlow, Trace>, never>>()
  const unchanged = Middleware.after("y", (response) => response)
  // @ts-expect-error nor is it a handler
  const handler = Pipeline.make("x").before(limit).handle("text").after(unchanged)
  expectTypeOf(handler).toEqualTypeOf<Pipeline.Closed<never, TooSlow, never>>()
  // @ts-expect-error nor a response
  const caught = app.catchTag("TooSlow", () => "text")
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<never, NotFound, never>>()
  const limited = Pipeline.make("x").before(limit)
  // @ts-expect-error nor a recovery
  const recovered = limited.recover("TooSlow", () => 1)
  expectTypeOf(recovered).toEqualTypeOf<Pipeline.Open<never, never, never>>()
  // @ts-expect-error a finalizer cannot fail
  const exit = app.onExit("exit", () => Effect.fail(new DatabaseDown()))
  expectTypeOf(exit).toEqualTypeOf<typeof app>()
})

test("server2 4.4: the readers of a request say that a value may be missing, without any further flag", () => {
  const readers = [RequestView.header, RequestView.cookie, RequestView.query] as const
  for (const read of readers) {
    expectTypeOf(read("x")).toEqualTypeOf<
      Effect.Effect<Option.Option<string>, never, HttpServerRequest.HttpServerRequest>
    >()
    expectTypeOf(read("x", () => new TooSlow())).toEqualTypeOf<
      Effect.Effect<string, TooSlow, HttpServerRequest.HttpServerRequest>
    >()
    expectTypeOf(read("x", Schema.NumberFromString)).toEqualTypeOf<
      Effect.Effect<number, Schema.SchemaError, HttpServerRequest.HttpServerRequest>
    >()
  }
  expectTypeOf(RequestView.param("id", () => new TooSlow())).toEqualTypeOf<
    Effect.Effect<string, TooSlow, HttpRouter.RouteContext>
  >()
  const token = Pipeline.make("x")
    .before(
      Middleware.before(
        "token",
        Trace,
        RequestView.header("x-trace", () => new TooSlow())
      )
    )
    .handle(empty)
  // @ts-expect-error the failure of a missing header is left
  Pipeline.serve(token)
})
