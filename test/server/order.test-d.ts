import { Effect } from "effect"
import type { Option } from "effect"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

import {
  authenticate,
  CurrentUser,
  DatabaseDown,
  empty,
  greet,
  limit,
  TooSlow,
  trace,
  Trace
} from "./middleware.test-d.ts"
import type { Unauthorized, Database } from "./middleware.test-d.ts"

const requireAdmin = Middleware.before(
  "require-admin",
  Effect.flatMap(CurrentUser, ({ name }) => (name === "admin" ? Effect.void : Effect.fail(new TooSlow())))
)
const loadUser = Middleware.before("load-user", CurrentUser, { name: "nobody" })

test("server2 4.3: a stage that provides what an earlier one takes from outside does not compile", () => {
  // @ts-expect-error requireAdmin reads the CurrentUser from outside, and not the one of this request
  Pipeline.make("x").before(requireAdmin).before(loadUser)
  const guarded = Pipeline.make("x").before(limit).before(requireAdmin)
  // @ts-expect-error with both methods
  guarded.before(loadUser, { TooSlow: () => Effect.succeed(CurrentUser.context({ name: "" })) })
  const pair = Middleware.pair("pair", CurrentUser, { name: "" }, (response) => response)
  // @ts-expect-error as a pair
  guarded.link(pair)
  // @ts-expect-error in a group
  Middleware.every("group", requireAdmin, loadUser)
  // @ts-expect-error in a list
  Pipeline.make("x").befores([requireAdmin, loadUser])
  // @ts-expect-error across the border of a list
  Pipeline.make("x").before(requireAdmin).befores([trace, loadUser])
  const traced = Middleware.outer("traced", Trace, (app) => Effect.provideService(app, Trace, "id"))
  const needs = Middleware.outer("needs", (app) => Effect.andThen(Trace, app))
  // @ts-expect-error of an outer
  Pipeline.make("x").outer(needs).outer(traced)
  // @ts-expect-error of a class
  Pipeline.make("x").before(requireAdmin).before(Load)
})

class Load extends Middleware.Service<Load>()("types/order/Load", { provides: CurrentUser }) {}

test("server2 4.3: in the right order it compiles, and the service is not among the needs", () => {
  const right = Pipeline.make("x").before(loadUser).before(requireAdmin)
  expectTypeOf(right).toEqualTypeOf<Pipeline.Open<CurrentUser, TooSlow, never>>()
  // What replaces a service of the pipeline itself is in order: the earlier stage took it from inside.
  expectTypeOf(right.before(loadUser)).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.State.Skips<TooSlow, CurrentUser>, never>
  >()
})

test("server2 4.3: shadow permits it, and the earlier stage keeps its need", () => {
  const shadowing = Pipeline.make("x").before(requireAdmin).before(Middleware.shadow(loadUser))
  expectTypeOf(shadowing).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.State.Skips<TooSlow, CurrentUser>, CurrentUser>
  >()
  expectTypeOf(Pipeline.make("x").before(requireAdmin).before(Middleware.shadow(Load))).toEqualTypeOf<
    Pipeline.Open<CurrentUser, Pipeline.State.Skips<TooSlow, CurrentUser>, CurrentUser | Load>
  >()
})

test("server2 4.3: generic presets go on compiling", () => {
  const preset = <P, F, R>(pipeline: Pipeline.Open<P, F, R>) =>
    pipeline
      .before(trace)
      .before(authenticate)
      .befores([limit])
      .link(
        Middleware.pair(
          "pair",
          () => 1,
          (response) => response
        )
      )
  expectTypeOf(preset(Pipeline.make("x"))).toEqualTypeOf<
    Pipeline.Open<
      Trace | CurrentUser,
      TooSlow | Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>,
      Database
    >
  >()
  const generic = <P, F, R, I, E, R2>(pipeline: Pipeline.Open<P, F, R>, before: Middleware.Before<I, E, R2>) =>
    pipeline.before(before).handle(empty)
  void generic
})

test("server2 4.5: a list adds its befores in order", () => {
  const listed = Pipeline.make("x").befores([trace, authenticate, limit])
  expectTypeOf(listed).toEqualTypeOf<
    Pipeline.Open<
      Trace | CurrentUser,
      TooSlow | Pipeline.State.Skips<Unauthorized | DatabaseDown, CurrentUser>,
      Database
    >
  >()
  const many: Array<Middleware.Before<CurrentUser, TooSlow, Database>> = []
  expectTypeOf(Pipeline.make("x").befores(many)).toEqualTypeOf<Pipeline.Open<never, TooSlow, Database>>()
  // @ts-expect-error an after is no before
  Pipeline.make("x").befores([Middleware.after("x", (response) => response)])
})

test("server2 4.5: a conditional before provides its services as an Option", () => {
  const isApi = () => true
  const sometimes = Middleware.when(isApi, authenticate)
  expectTypeOf(sometimes).toEqualTypeOf<
    Middleware.Before<Middleware.Optional<CurrentUser>, Unauthorized | DatabaseDown, Trace | Database>
  >()
  expectTypeOf(Middleware.unless(isApi, limit)).toEqualTypeOf<Middleware.Before<never, TooSlow>>()
  expectTypeOf(
    Middleware.when(
      isApi,
      Middleware.after("x", () => Effect.as(Trace, empty))
    )
  ).toEqualTypeOf<Middleware.After<never, Trace>>()
  const app = Pipeline.make("x")
    .before(trace)
    .before(sometimes)
    .handle(
      Effect.map(Middleware.optional(CurrentUser), (user) => {
        expectTypeOf(user).toEqualTypeOf<Option.Option<{ readonly name: string }>>()
        return empty
      })
    )
  expectTypeOf(Pipeline.make("x").before(trace).before(sometimes).handle(greet)).toEqualTypeOf<
    Pipeline.Closed<
      Trace | Middleware.Optional<CurrentUser>,
      | Pipeline.ErrorsOf<typeof full>
      | Pipeline.State.Skips<Unauthorized | DatabaseDown, Middleware.Optional<CurrentUser>>,
      Database | CurrentUser
    >
  >()
  expectTypeOf<Pipeline.NeededBy<typeof app>>().toEqualTypeOf<Database>()
  // @ts-expect-error a request is either of the kind or not
  Middleware.when(() => "yes", authenticate)
})

const full = Pipeline.make("x").before(loadUser).handle(greet)

test("server2 4.5: a pipeline that fails or needs less, or provides more, is accepted for one that does not", () => {
  const declared = (): Pipeline.Closed<never, TooSlow | DatabaseDown, Database> =>
    Pipeline.make("x").before(limit).handle(empty)
  expectTypeOf(declared().catchTag(["TooSlow", "DatabaseDown"], () => empty)).toEqualTypeOf<
    Pipeline.Closed<never, never, Database>
  >()
  const providing = (): Pipeline.Closed<never, never, never> => Pipeline.make("x").before(trace).handle(empty)
  void providing
  const down = Pipeline.make("x").handle(Effect.fail(new DatabaseDown()))
  // @ts-expect-error DatabaseDown is not declared
  const undeclared = (): Pipeline.Closed<never, TooSlow, never> => down
  void undeclared
  // @ts-expect-error Trace is not provided
  const unprovided = (): Pipeline.Closed<Trace, never, never> => Pipeline.make("x").handle(empty)
  void unprovided
  const stages: ReadonlyArray<Middleware.Before<never, TooSlow, Database>> = []
  const reduced = stages.reduce<Pipeline.Open<never, TooSlow, Database>>(
    (pipeline, stage) => pipeline.before(stage),
    Pipeline.make("x")
  )
  expectTypeOf(reduced).toEqualTypeOf<Pipeline.Open<never, TooSlow, Database>>()
})

test("server2 4.5: ErrorsOf, ProvidedBy and NeededBy are plain unions", () => {
  const open = Pipeline.make("x").before(limit).before(trace).before(authenticate)
  expectTypeOf<Pipeline.ErrorsOf<typeof open>>().toEqualTypeOf<TooSlow | Unauthorized | DatabaseDown>()
  expectTypeOf<Pipeline.ProvidedBy<typeof open>>().toEqualTypeOf<Trace | CurrentUser>()
  expectTypeOf<Pipeline.NeededBy<typeof open>>().toEqualTypeOf<Database>()
  const next = open.next<DatabaseDown>()
  expectTypeOf<Pipeline.ErrorsOf<typeof next>>().toEqualTypeOf<TooSlow | Unauthorized | DatabaseDown>()
  expectTypeOf<Pipeline.NeededBy<typeof next>>().toEqualTypeOf<Database>()
})
