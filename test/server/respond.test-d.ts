// @effect-diagnostics missingEffectError:off missingEffectContext:off
import { Effect } from "effect"
import type { Exit } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { requestId, RequestId, AuthenticationError as InvalidToken } from "fairlead/server/middleware"
import { expectTypeOf, test } from "vitest"

import type { CurrentUser, Database, Unauthorized } from "./middleware.test-d.ts"
import {
  authenticate,
  Conflict,
  DatabaseDown,
  empty,
  greet,
  NotFound,
  stampTrace,
  Teapot,
  TooSlow,
  trace,
  Trace
} from "./middleware.test-d.ts"

const brew = Middleware.before("brew", Effect.fail(new Teapot()))

test("respond answers for errors that are respondable", () => {
  const app = Pipeline.make("x").before(brew).handle(empty).respond()
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
  const token = Pipeline.make("x")
    .handle(Effect.fail(new InvalidToken({ reason: { _tag: "MissingCredential" } })))
    .respond()
  expectTypeOf(token).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
})

test("respond answers for schema classes with a status that are listed", () => {
  const app = Pipeline.make("x").before(brew).handle(Effect.fail(new Conflict()))
  expectTypeOf(app.respond(Conflict)).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
  const both = Pipeline.make("x")
    .before(Middleware.before("y", Effect.fail(new NotFound({ path: "" }))))
    .handle(app)
  expectTypeOf(both.respond(Conflict, NotFound)).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
})

test("respond does not compile while an error does not respond, and says which", () => {
  const app = Pipeline.make("x").before(brew).handle(Effect.fail(new Conflict()))
  // @ts-expect-error Conflict is not listed
  void app.respond()
  // @ts-expect-error nor is it by another class
  void app.respond(NotFound)
  const down = Pipeline.make("x").handle(Effect.fail(new DatabaseDown()))
  // @ts-expect-error DatabaseDown does not respond
  void down.respond()
  // @ts-expect-error a class that is no schema has no status
  void app.respond(CurrentUser)
  expectTypeOf<
    Pipeline.RespondableOr<Conflict | Teapot | Pipeline.State.Skips<NotFound, Trace>, readonly []>
  >().toEqualTypeOf<{
    readonly "does not respond": Conflict | NotFound
  }>()
})

test("server 1.18: after respond only what was provided at every raise point is provided", () => {
  const app = Pipeline.make("x").before(trace).before(brew).before(authenticate).handle(greet)
  const responded = app
    .catchTags({ Unauthorized: () => empty, DatabaseDown: () => empty, NotFound: () => empty })
    .respond()
  expectTypeOf(responded).toEqualTypeOf<Pipeline.Closed<Trace, never, Database>>()
  const direct = Pipeline.make("x").before(brew).before(trace).handle(empty).respond()
  expectTypeOf(direct).toEqualTypeOf<Pipeline.Closed<never, never, never>>()
  expectTypeOf(direct.after(stampTrace)).toEqualTypeOf<Pipeline.Closed<never, never, Trace>>()
  const late = Pipeline.make("x").before(trace).handle(Effect.fail(new Teapot())).respond()
  expectTypeOf(late.after(stampTrace)).toEqualTypeOf<Pipeline.Closed<Trace, never, never>>()
})

test("server 1.18: an outer's services are provided after respond as well", () => {
  const app = Pipeline.make("x").before(brew).outer(requestId()).before(trace).handle(empty).respond()
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<Pipeline.State.Always<RequestId>, never, never>>()
  expectTypeOf(app.after(Middleware.after("y", (response) => Effect.as(RequestId, response)))).toEqualTypeOf<
    Pipeline.Closed<Pipeline.State.Always<RequestId>, never, never>
  >()
})

test("respond leaves the errors of outers", () => {
  const busy = Middleware.outer("busy", (app) => Effect.andThen(Effect.fail(new TooSlow()), app))
  const app = Pipeline.make("x").outer(busy).before(brew).handle(empty).respond()
  expectTypeOf(app).toEqualTypeOf<Pipeline.Closed<never, Pipeline.State.Outside<TooSlow>, never>>()
})

const full = Pipeline.make("x").outer(requestId()).before(trace).before(authenticate).handle(greet)

test("server 1.18: after catchDefect nothing but the services of outers is provided", () => {
  const caught = full.catchDefect((defect) => {
    expectTypeOf(defect).toEqualTypeOf<unknown>()
    return empty
  })
  expectTypeOf(caught).toEqualTypeOf<
    Pipeline.Closed<
      Pipeline.State.Always<RequestId>,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound,
      Database
    >
  >()
  expectTypeOf(caught.after(stampTrace)).toEqualTypeOf<
    Pipeline.Closed<
      Pipeline.State.Always<RequestId>,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound,
      Database | Trace
    >
  >()
  expectTypeOf(full.catchDefect(() => Effect.as(RequestId, empty))).toEqualTypeOf<typeof caught>()
})

test("server 1.18: catchDefect has nothing but the services of outers, and may fail", () => {
  const needy = full.catchDefect(() => Effect.as(Trace, empty))
  expectTypeOf(needy).toEqualTypeOf<
    Pipeline.Closed<
      Pipeline.State.Always<RequestId>,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound,
      Database | Trace
    >
  >()
  const failing = Pipeline.make("x")
    .before(trace)
    .handle(empty)
    .catchDefect(() => Effect.fail(new TooSlow()))
  expectTypeOf(failing).toEqualTypeOf<Pipeline.Closed<never, TooSlow, never>>()
})

test("ensure sees the Exit so far, changes no error, and has nothing but the services of outers", () => {
  const ensured = full.onExit("log", (exit) => {
    expectTypeOf(exit).toEqualTypeOf<
      Exit.Exit<HttpServerResponse.HttpServerResponse, Unauthorized | DatabaseDown | NotFound>
    >()
    return Effect.flatMap(RequestId, Effect.log)
  })
  expectTypeOf(ensured).toEqualTypeOf<typeof full>()
  const needy = full.onExit("log", () => Effect.flatMap(Trace, Effect.log))
  expectTypeOf(needy).toEqualTypeOf<
    Pipeline.Closed<
      Trace | CurrentUser | Pipeline.State.Always<RequestId>,
      Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser> | NotFound,
      Database | Trace
    >
  >()
  // @ts-expect-error a finalizer cannot fail
  void full.onExit("log", () => Effect.fail(new TooSlow()))
  // @ts-expect-error it is an Effect
  void full.onExit("log", () => "done")
})
