import { Effect } from "effect"
import { HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import type { DatabaseDown, Unauthorized } from "./middleware.test-d.ts"
import {
  authenticate,
  CurrentUser,
  Database,
  empty,
  greet,
  limit,
  NotFound,
  stampTrace,
  TooSlow,
  trace,
  Trace
} from "./middleware.test-d.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Raises `TooSlow` itself, needs `Database`. */
const guard = Middleware.outer("guard", (app) =>
  Effect.gen(function* () {
    yield* Effect.asVoid(Database)
    if ((yield* HttpServerRequest.HttpServerRequest).url === "") return yield* new TooSlow()
    return yield* app
  })
)

/** Provides `Trace`. */
const traced = Middleware.outer("traced", Trace, (app) => Effect.provideService(app, Trace, "id"))

test("an outer passes on the errors and the needs of the wrapped app, which it cannot know", () => {
  const pass = Middleware.outer("pass", (app) => {
    expectTypeOf(app).toEqualTypeOf<Effect.Effect<Response, Middleware.Inner, Middleware.Inner>>()
    return Effect.map(app, (response) => HttpServerResponse.setHeader(response, "a", "b"))
  })
  expectTypeOf(pass).toEqualTypeOf<Middleware.Outer<never>>()
  expectTypeOf(guard).toEqualTypeOf<Middleware.Outer<never, TooSlow, Database>>()
})

test("an outer may answer for every inner error, and the type keeps saying that there are some", () => {
  const silent = Middleware.outer("silent", (app) => Effect.orElseSucceed(app, () => empty))
  expectTypeOf(silent).toEqualTypeOf<Middleware.Outer<never>>()
  const app = Pipeline.make("x").outer(silent).before(limit).handle(empty)
  expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<TooSlow>()
})

test("an outer cannot distinguish the errors of the wrapped app", () => {
  // @ts-expect-error Inner has no tag
  Middleware.outer("x", (app) => Effect.catchTag(app, "TooSlow", () => Effect.succeed(empty)))
  // @ts-expect-error an outer gives a response
  Middleware.outer("x", (app) => Effect.as(app, "text"))
})

test("an outer with a key provides its service to everything inside, and forgetting to shows in its needs", () => {
  expectTypeOf(traced).toEqualTypeOf<Middleware.Outer<Trace>>()
  expectTypeOf(Middleware.outer("forgets", Trace, (app) => app)).toEqualTypeOf<Middleware.Outer<Trace, never, Trace>>()
  const all = Pipeline.make("x").outer(traced).before(authenticate).handle(Effect.as(Trace, empty)).after(stampTrace)
  expectTypeOf(all).toEqualTypeOf<
    Pipeline.Closed<
      Pipeline.State.Always<Trace> | CurrentUser,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>,
      Database
    >
  >()
})

test("an outer's services are there in every recovery, since no failure can skip them", () => {
  const app = Pipeline.make("x")
    .outer(traced)
    .before(limit)
    .before(authenticate)
    .recover("Unauthorized", () => Effect.map(Trace, (name) => CurrentUser.context({ name })))
    .handle(greet)
    .catchTag("TooSlow", () => Effect.as(Trace, empty))
    .catch(() => Effect.as(Trace, empty))
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<Pipeline.State.Always<Trace>, never, Database>>()
})

test("the errors of an outer are the pipeline's, out of reach of its stages", () => {
  const app = Pipeline.make("x")
    .outer(guard)
    .before(trace)
    .handle(Effect.fail(new NotFound({ path: "" })))
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<Trace, Pipeline.State.Outside<TooSlow> | NotFound, Database>>()
  expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<TooSlow | NotFound>()
  // @ts-expect-error TooSlow comes from outside
  void app.catchTag("TooSlow", () => empty)
  // @ts-expect-error also for a record
  void app.catchTags({ TooSlow: () => empty })
  const guarded = Pipeline.make("x").outer(guard)
  // @ts-expect-error also before the handler
  guarded.recover("TooSlow", () => Effect.void)
  const caught = app.catch((error) => {
    expectTypeOf(error).toEqualTypeOf<NotFound>()
    return empty
  })
  expectTypeOf(caught).toEqualTypeOf<Pipeline.Closed<Trace, Pipeline.State.Outside<TooSlow>, Database>>()
})

test("an error that a stage and an outer raise can be recovered at the stage alone", () => {
  const app = Pipeline.make("x")
    .outer(guard)
    .before(limit)
    .handle(empty)
    .catchTag("TooSlow", () => empty)
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<never, Pipeline.State.Outside<TooSlow>, Database>>()
})

test("a pipeline around a pipeline catches the errors of its outers", () => {
  const inner = Pipeline.make("inner").outer(guard).handle(empty)
  const app = Pipeline.make("x")
    .handle(inner)
    .catchTag("TooSlow", () => empty)
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<never, never, Database>>()
})

test("an outer on a closed pipeline is inside of the outers before it: it has what they provide, and nothing of the stages", () => {
  const needs = Middleware.outer("needs", (app) => Effect.andThen(Trace, app))
  expectTypeOf(needs).toEqualTypeOf<Middleware.Outer<never, never, Trace>>()
  const closed = Pipeline.make("x").before(limit).handle(empty)
  expectTypeOf(closed.outer(traced).outer(needs)).toEqualTypeOf<
    Pipeline.Closed<Pipeline.State.Always<Trace>, TooSlow, never>
  >()
  // @ts-expect-error it is around the outer that provides Trace
  void closed.outer(needs).outer(traced)
  expectTypeOf(closed.outer(needs).outer(Middleware.shadow(traced))).toEqualTypeOf<
    Pipeline.Closed<Pipeline.State.Always<Trace>, TooSlow, Trace>
  >()
  expectTypeOf(Pipeline.make("x").before(trace).outer(needs)).toEqualTypeOf<Pipeline.Open<Trace, never, Trace>>()
  expectTypeOf(Pipeline.make("x").before(trace).handle(empty).outer(needs)).toEqualTypeOf<
    Pipeline.Closed<Trace, never, Trace>
  >()
  expectTypeOf(closed.outer(traced).after(stampTrace)).toEqualTypeOf<
    Pipeline.Closed<Pipeline.State.Always<Trace>, TooSlow, never>
  >()
})

test("Effect's HTTP middleware are outers", () => {
  expectTypeOf(Middleware.outer("cors", HttpMiddleware.cors())).toEqualTypeOf<Middleware.Outer<never>>()
  expectTypeOf(Middleware.outer("log", HttpMiddleware.logger)).toEqualTypeOf<Middleware.Outer<never>>()
  const app = Pipeline.make("x").outer(Middleware.outer("cors", HttpMiddleware.cors())).before(limit).handle(greet)
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<never, TooSlow | NotFound, CurrentUser>>()
})
