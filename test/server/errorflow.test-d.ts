import { Context, Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import {
  authenticate,
  CurrentUser,
  Database,
  DatabaseDown,
  empty,
  greet,
  limit,
  NotFound,
  stampTrace,
  stampUser,
  TooSlow,
  trace,
  Trace
} from "./middleware.test-d.ts"
import type { Ambient, Unauthorized } from "./middleware.test-d.ts"

const open = Pipeline.make("open").before(trace).before(authenticate)

test("an empty pipeline provides nothing, fails with nothing and needs nothing", () => {
  expectTypeOf(Pipeline.make("x")).toEqualTypeOf<Pipeline.Open<never, never, never>>()
})

test("a pipeline is an Effect of a response: its errors are the unhandled ones, its needs the services that no stage provides", () => {
  const app = open.handle(greet)
  expectTypeOf<Effect.Success<typeof app>>().toEqualTypeOf<HttpServerResponse.HttpServerResponse>()
  expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<Unauthorized | DatabaseDown | NotFound>()
  expectTypeOf<Effect.Services<typeof app>>().toEqualTypeOf<Database | Ambient>()
  expectTypeOf(app).toExtend<
    Effect.Effect<HttpServerResponse.HttpServerResponse, Unauthorized | DatabaseDown | NotFound, Database | Ambient>
  >()
})

test("a handler is a response, an Effect of one, or a function of the request to either", () => {
  expectTypeOf(Pipeline.make("x").handle(empty)).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
  expectTypeOf(Pipeline.make("x").handle(() => empty)).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
  expectTypeOf(Pipeline.make("x").handle(greet)).toEqualTypeOf<Pipeline.Closed<never, NotFound, CurrentUser>>()
  const branches = Pipeline.make("x").handle((request) => {
    if (request.url === "a") return Effect.fail(new TooSlow())
    if (request.url === "b") return empty
    return greet
  })
  expectTypeOf(branches).toEqualTypeOf<Pipeline.Closed<never, TooSlow | NotFound, CurrentUser>>()
  // @ts-expect-error a string is no response
  void Pipeline.make("x").handle(() => "text")
  // @ts-expect-error nor is its Effect
  void Pipeline.make("x").handle(Effect.succeed("text"))
})

test("an error has skipped what later stages provide, and not what earlier ones did", () => {
  expectTypeOf(open).toEqualTypeOf<
    Pipeline.Open<Trace | CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database>
  >()
  expectTypeOf(Pipeline.make("x").before(limit).before(trace).before(limit)).toEqualTypeOf<
    Pipeline.Open<Trace, Pipeline.State.Skips<TooSlow, Trace> | TooSlow, never>
  >()
})

test("recover takes its tag out of the errors", () => {
  const app = open
    .recover("Unauthorized", ({ reason }) => Effect.succeed(Context.make(CurrentUser, { name: reason })))
    .handle(greet)
  expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<DatabaseDown | NotFound>()
  expectTypeOf<Effect.Services<typeof app>>().toEqualTypeOf<Database | Ambient>()
})

test("server 1.20: recover must supply the services that the error skipped", () => {
  // @ts-expect-error CurrentUser is missing
  open.recover("Unauthorized", () => Effect.succeed(Context.empty()))
  // @ts-expect-error nothing at all is given
  open.recover("Unauthorized", () => Effect.void)
  // @ts-expect-error another service is given
  open.recover("Unauthorized", () => Effect.succeed(Context.make(Trace, "")))
})

test("recover returns nothing where nothing was skipped", () => {
  const app = Pipeline.make("x")
    .before(trace)
    .before(limit)
    .recover("TooSlow", () => Effect.void)
  expectTypeOf(app).toEqualTypeOf<Pipeline.Open<Trace, never, never>>()
})

test("server 1.20: recover has only what was there when the error was raised", () => {
  const recovered = open.recover("Unauthorized", () =>
    Effect.gen(function* () {
      const user = yield* CurrentUser
      return Context.make(CurrentUser, { name: (yield* Trace) + user.name })
    })
  )
  expectTypeOf(recovered).toEqualTypeOf<
    Pipeline.Open<Trace | CurrentUser, Pipeline.State.Skips<DatabaseDown, CurrentUser>, Database | CurrentUser>
  >()
})

test("recover takes several tags", () => {
  const recovered = open.recover(["Unauthorized", "DatabaseDown"], (error) => {
    expectTypeOf(error).toEqualTypeOf<Unauthorized | DatabaseDown>()
    return Effect.succeed(Context.make(CurrentUser, { name: error._tag }))
  })
  expectTypeOf(recovered).toEqualTypeOf<Pipeline.Open<Trace | CurrentUser, never, Database>>()
})

test("server 1.20: recover knows only tags that an earlier stage can raise", () => {
  // @ts-expect-error nothing raises TooSlow
  open.recover("TooSlow", () => Effect.void)
  // @ts-expect-error not even beside one that can be raised
  open.recover(["Unauthorized", "TooSlow"], () => Effect.succeed(Context.make(CurrentUser, { name: "" })))
  // @ts-expect-error a stage's own recover is not called for a later stage
  Pipeline.make("x").recover("TooSlow", () => Effect.void)
})

test("an error that a recovery raises has skipped what the recovered one did", () => {
  const failing = Pipeline.make("x")
    .before(limit)
    .before(trace)
    .recover("TooSlow", () => Effect.fail(new DatabaseDown()))
  expectTypeOf(failing).toEqualTypeOf<Pipeline.Open<Trace, Pipeline.State.Skips<DatabaseDown, Trace>, never>>()
})

const both = Pipeline.make("x").before(limit).before(trace).before(limit).before(authenticate)

test("an error raised twice has skipped the services of both places", () => {
  expectTypeOf(both).toEqualTypeOf<
    Pipeline.Open<
      Trace | CurrentUser,
      | Pipeline.State.Skips<TooSlow, Trace | CurrentUser>
      | Pipeline.State.Skips<TooSlow, CurrentUser>
      | Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>,
      Database
    >
  >()
  // @ts-expect-error Trace may be missing too
  both.recover("TooSlow", () => Effect.succeed(Context.make(CurrentUser, { name: "" })))
  const given = both.recover("TooSlow", () =>
    Effect.succeed(Context.make(CurrentUser, { name: "" }).pipe(Context.add(Trace, "")))
  )
  expectTypeOf(given).toEqualTypeOf<
    Pipeline.Open<Trace | CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database>
  >()
})

test("a before with both methods: its cases return the skipped services and its own", () => {
  const slow = Pipeline.make("x").before(trace).before(limit)
  const two = slow.before(authenticate, {
    TooSlow: () => Effect.map(Trace, (name) => Context.make(CurrentUser, { name }))
  })
  expectTypeOf(two).toEqualTypeOf<
    Pipeline.Open<Trace | CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database>
  >()
  // @ts-expect-error its own CurrentUser is missing
  slow.before(authenticate, { TooSlow: () => Effect.void })
  // @ts-expect-error nothing raises Conflict
  slow.before(authenticate, { Conflict: () => Effect.succeed(Context.make(CurrentUser, { name: "" })) })
})

test("a case of a before with both methods may fail with something else", () => {
  const failing = Pipeline.make("x")
    .before(limit)
    .before(trace)
    .before(authenticate, { TooSlow: () => Effect.fail(new NotFound({ path: "" })) })
  expectTypeOf(failing).toEqualTypeOf<
    Pipeline.Open<
      Trace | CurrentUser,
      | Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>
      | Pipeline.State.Skips<NotFound, Trace | CurrentUser>,
      Database
    >
  >()
})

test("server 1.20: a case of a before with both methods has only what was there", () => {
  const needy = Pipeline.make("x")
    .before(limit)
    .before(trace)
    .before(authenticate, {
      TooSlow: () => Effect.map(Trace, (id) => Context.make(CurrentUser, { name: id }).pipe(Context.add(Trace, id)))
    })
  expectTypeOf(needy).toEqualTypeOf<
    Pipeline.Open<Trace | CurrentUser, Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>, Database | Trace>
  >()
})

test("link adds both halves of a pair: its after is certain of the services of outers only", () => {
  const session = Middleware.pair("session", Trace, "id", (response) => Effect.as(Trace, response))
  expectTypeOf(Pipeline.make("x").link(session)).toEqualTypeOf<Pipeline.Open<Trace, never, Trace>>()
  expectTypeOf(Pipeline.make("x").before(limit).link(session).before(authenticate).handle(greet)).toEqualTypeOf<
    Pipeline.Closed<
      Trace | CurrentUser,
      | Pipeline.State.Skips<TooSlow, Trace | CurrentUser>
      | Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>
      | NotFound,
      Database | Trace
    >
  >()
  const needy = Middleware.pair(
    "needy",
    () => Effect.fail(new TooSlow()),
    (response) => Effect.as(Database, response)
  )
  expectTypeOf(Pipeline.make("x").link(needy)).toEqualTypeOf<Pipeline.Open<never, TooSlow, Database>>()
})

test("an after sees every certain service, and needs the others", () => {
  const stamped = open.handle(greet).after(stampTrace).after(stampUser)
  expectTypeOf<Effect.Services<typeof stamped>>().toEqualTypeOf<Database | Ambient>()
  const late = Pipeline.make("x").handle(empty).after(stampTrace)
  expectTypeOf(late).toEqualTypeOf<Pipeline.Closed<never, never, Trace>>()
  const failing = Pipeline.make("x")
    .handle(empty)
    .after(Middleware.after("x", () => Effect.fail(new TooSlow())))
  expectTypeOf(failing).toEqualTypeOf<Pipeline.Closed<never, TooSlow, never>>()
  // @ts-expect-error a before is no after
  void Pipeline.make("x").handle(empty).after(trace)
  // @ts-expect-error and an after is no before
  Pipeline.make("x").before(stampTrace)
})

test("a generic preset is a function over pipelines", () => {
  const preset = <P, F, R>(pipeline: Pipeline.Open<P, F, R>) => pipeline.before(trace).before(authenticate)
  const app = preset(Pipeline.make("x").before(limit))
    .handle(greet)
    .catchTag("Unauthorized", () => empty)
  expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<TooSlow | DatabaseDown | NotFound>()
  expectTypeOf<Effect.Services<typeof app>>().toEqualTypeOf<Database | Ambient>()
})

test("server 1.20: a generic preset cannot recover: the skipped services are not known there", () => {
  const preset = <P, F, R>(pipeline: Pipeline.Open<P, F, R>): void => {
    const slow = pipeline.before(limit)
    // @ts-expect-error TooSlow may have skipped something before
    slow.recover("TooSlow", () => Effect.void)
    // @ts-expect-error neither can a before with both methods
    slow.before(authenticate, { TooSlow: () => Effect.void })
    const skipping = slow.before(trace)
    // @ts-expect-error and here it has skipped Trace
    skipping.recover("TooSlow", () => Effect.void)
  }
  expectTypeOf(preset).returns.toBeVoid()
})
