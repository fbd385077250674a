import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
/** Single measurements other than the price of a stage: recovery, ensure, outer, the Probe; and pipelines that keep the interpreter honest. */
import compose from "koa-compose"

import { Middleware, Pipeline, RequestView } from "../../src/server/index.ts"
import { repeatAsync, status } from "../Evaluation.ts"
import type * as Sampling from "../Sampling.ts"
import type { NoOp } from "./Copies.ts"
import { repeat } from "./Evaluation.ts"
import type { App } from "./Evaluation.ts"

type Case = Sampling.Case<NoOp>

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

class KoaRefused extends Error {
  readonly _tag = "Refused"
}

const response = HttpServerResponse.empty({ status })
const handler = (): HttpServerResponse.HttpServerResponse => response
const held = new Refused()
const heldKoa = new KoaRefused()

type Open<E> = Pipeline.Open<never, E, never>

const behind = <E>(open: Open<E>, stages: ReadonlyArray<NoOp>): Open<E> =>
  stages.reduce((open, stage, n) => open.before(Middleware.before(`stage-${n}`, stage.before)) as Open<E>, open)

/** The first of 20 stages fails, the last recovers, the 18 between are skipped. */
const recovering =
  (refuse: () => Refused): Case["make"] =>
  (stages) =>
    repeat(
      behind(
        Pipeline.make("bench").before(
          Middleware.before("refuse", (): Exit.Exit<void, Refused> => Exit.fail(refuse()))
        ) as Open<Refused>,
        stages.slice(0, 18)
      )
        .handle(handler)
        .catchTag("Refused", handler)
    )

/** Koa recovers from the outside: the first of 20 middleware catches, the last throws, and 18 are passed twice. */
const koaRecovering =
  (refuse: () => Error, far: boolean): Case["make"] =>
  (stages) => {
    const passed = stages.slice(0, 18).map((stage) => stage.koa)
    const refusing = (): Promise<void> => {
      throw refuse()
    }
    const composed = compose<{ status: number }>([
      async (context, next) => {
        try {
          await next()
        } catch (error) {
          if (!(error instanceof KoaRefused)) throw error
          context.status = status
        }
      },
      ...(far ? [...passed, refusing] : [refusing, ...passed])
    ])
    return repeatAsync(async () => {
      const context = { status: 404 }
      await composed(context)
      return context
    })
  }

const effectRecovering =
  (refuse: () => Refused): Case["make"] =>
  (stages) => {
    const failing: Effect.Effect<HttpServerResponse.HttpServerResponse, Refused> = Effect.suspend(() =>
      Effect.fail(refuse())
    )
    const app = stages.slice(0, 18).reduce((app, stage) => Effect.flatMap(app, stage.afterExit), failing)
    return repeat(Effect.catchTag(app, "Refused", () => Effect.succeed(response)))
  }

const bare = Pipeline.make("bench").handle(handler)
const probe = { report: () => {} }

export const cases: ReadonlyArray<Case> = [
  { name: "recover over 20: Fairlead, error at hand", make: recovering(() => held) },
  { name: "recover over 20: Fairlead, new error", make: recovering(() => new Refused()) },
  { name: "recover over 20: Koa, error at hand", make: koaRecovering(() => heldKoa, true) },
  { name: "recover over 20: Koa, new error", make: koaRecovering(() => new KoaRefused(), true) },
  { name: "recover next to it: Koa, error at hand", make: koaRecovering(() => heldKoa, false) },
  { name: "recover over 20: nested flatMap, error at hand", make: effectRecovering(() => held) },
  { name: "pipeline of a handler", make: () => repeat(bare) },
  { name: "pipeline with an ensure", make: () => repeat(bare.onExit("ensure", () => Effect.void)) },
  {
    name: "pipeline with an outer",
    make: ([stage]) => repeat(bare.outer(Middleware.outer("outer", (app) => stage!.around(app))))
  },
  {
    name: "pipeline with an outer and an ensure",
    make: ([stage]) =>
      repeat(bare.onExit("ensure", () => Effect.void).outer(Middleware.outer("outer", (app) => stage!.around(app))))
  },
  {
    name: "20 plain befores, Probe off",
    make: (stages) => repeat(behind(Pipeline.make("bench"), stages).handle(handler))
  },
  {
    name: "20 plain befores, Probe on",
    make: (stages) => repeat(behind(Pipeline.make("bench"), stages).handle(handler), probe)
  }
]

class Tenant extends Context.Service<Tenant, string>()("bench/Tenant") {}
class Budget extends Context.Service<Budget, number>()("bench/Budget") {}

const inner = Pipeline.make("inner")
  .before(Middleware.before("budget", Budget, () => Effect.map(Tenant, (tenant) => tenant.length)))
  .handle(Effect.map(Budget, handler))

/** Five pipelines of different shapes: run between the contenders, so that no call in the interpreter knows only one kind of stage. */
export const shapes: ReadonlyArray<App> = [
  Pipeline.make("provides")
    .before(Middleware.before("tenant", Tenant, () => "harbour"))
    .handle(inner),
  Pipeline.make("recovers")
    .before(Middleware.before("tenant", Tenant, (): Exit.Exit<string, Refused> => Exit.fail(held)))
    .recover("Refused", () => Effect.succeed(Context.make(Tenant, "guest")))
    .handle(Effect.map(Tenant, handler), (app) => Effect.map(app, (response) => response))
    .after(Middleware.after("same", (response) => Effect.succeed(response))),
  Pipeline.make("pairs")
    .link(
      Middleware.pair(
        "pair",
        () => 1,
        (response, _, stored) => (stored._tag === "Some" ? response : HttpServerResponse.empty())
      )
    )
    .before(Middleware.mapRequest("request", (request) => RequestView.modify(request, { url: "/elsewhere" })))
    .handle(handler)
    .onExit("ensure", () => Effect.void),
  Pipeline.make("catches")
    .handle((): Effect.Effect<HttpServerResponse.HttpServerResponse, Refused> => Effect.fail(held))
    .catchTags({ Refused: handler })
    .after(
      Middleware.after("same", (response, request) =>
        request.method === "GET" ? response : HttpServerResponse.empty()
      )
    ),
  Pipeline.make("wraps")
    .outer(Middleware.outer("tenant", Tenant, (app) => Effect.provideService(app, Tenant, "outer")))
    .before(
      Middleware.before(
        "check",
        Effect.map(Tenant, () => {})
      )
    )
    .handle(Effect.sync(handler))
]
