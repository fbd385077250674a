import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Context as HonoContext } from "hono"
/** The contenders of the stages bench: each runs a handler after a number of stages that do nothing. */
import compose from "koa-compose"

import { Middleware, Pipeline } from "../../src/server/index.ts"
import { repeatAsync, repeatPlain, status } from "../Evaluation.ts"
import type { Run } from "../Evaluation.ts"
import type * as Sampling from "../Sampling.ts"
import type { NoOp } from "./Copies.ts"
import { repeat } from "./Evaluation.ts"
import type { App } from "./Evaluation.ts"
import type { Clerk } from "./NoOp.ts"

type Contender = Sampling.Contender<NoOp>

const allDepths = [0, 1, 2, 5, 10, 20]

const contender = (name: string, make: Contender["make"], depths = allDepths): Contender => ({ name, depths, make })

const response = HttpServerResponse.empty({ status })
const handler = (): HttpServerResponse.HttpServerResponse => response
const answer: App = Effect.sync(handler)

type Open = Pipeline.Open<never, never, Clerk>
type Providing = Pipeline.Open<"Own", never, never>
type Closed = Pipeline.Closed<never, never, Clerk>

// The reductions over stages keep one type: that of a pipeline whose stages may need the clerk.
const opened = Pipeline.make("bench") as unknown as Open

/** A pipeline with each stage as a before. */
const befores = (
  name: string,
  before: (stage: NoOp, name: string) => Middleware.Before<never, never, Clerk>
): Contender =>
  contender(name, (stages) =>
    repeat(stages.reduce((open: Open, stage, n) => open.before(before(stage, `stage-${n}`)), opened).handle(handler))
  )

const closing = (name: string, add: (closed: Closed, stage: NoOp, name: string) => Closed): Contender =>
  contender(name, (stages) =>
    repeat(stages.reduce((closed: Closed, stage, n) => add(closed, stage, `stage-${n}`), opened.handle(handler)))
  )

const fairlead: ReadonlyArray<Contender> = [
  befores("Fairlead before, plain function", (stage, name) => Middleware.before(name, stage.before)),
  befores("Fairlead before, returns an Exit", (stage, name) => Middleware.before(name, stage.exit)),
  befores("Fairlead before, Effect.sync", (stage, name) => Middleware.before(name, stage.sync)),
  befores("Fairlead before, Effect.flatMap", (stage, name) => Middleware.before(name, stage.flatMap)),
  befores("Fairlead before, yields a service", (stage, name) => Middleware.before(name, stage.service)),
  contender("Fairlead before, provides a service", (stages) =>
    repeat(
      stages
        .reduce(
          (open: Providing, stage, n) => open.before(Middleware.before(`stage-${n}`, stage.Own, stage.provide)),
          Pipeline.make("bench") as unknown as Providing
        )
        .handle(handler)
    )
  ),
  closing("Fairlead after, plain function", (closed, stage, name) => closed.after(Middleware.after(name, stage.after))),
  closing("Fairlead after, returns an Exit", (closed, stage, name) =>
    closed.after(Middleware.after(name, stage.afterExit))
  ),
  contender(
    "Fairlead around",
    (stages) => {
      const [a, b, c, d] = stages.map((stage, n) => Middleware.around(`stage-${n}`, (app: App) => stage.around(app)))
      if (a === undefined) return repeat(opened.handle(handler))
      if (b === undefined) return repeat(opened.handle(handler, a))
      if (c === undefined || d === undefined) return repeat(opened.handle(handler, a, b))
      return repeat(opened.handle(handler, a, b, c, d))
    },
    [0, 1, 2, 4]
  ),
  closing("Fairlead outer", (closed, stage, name) => closed.outer(Middleware.outer(name, (app) => stage.around(app))))
]

const routed = (stages: ReadonlyArray<NoOp>): Promise<Run> => {
  const layers = stages.map((stage) => HttpRouter.middleware((app) => stage.around(app), { global: true }))
  const routes = HttpRouter.add("GET", "/", answer)
  const app = layers.reduce((app, layer) => Layer.merge(app, layer), routes)
  return Effect.runPromise(
    Effect.map(HttpRouter.toHttpEffect(app), (routed) => repeat(Effect.orDie(routed) as App)).pipe(
      Effect.provideService(Scope.Scope, Scope.makeUnsafe())
    )
  )
}

interface HonoCompose {
  readonly compose: (
    middleware: ReadonlyArray<readonly [readonly [unknown, object], object]>
  ) => (context: HonoContext) => Promise<HonoContext>
}

// Hono does not export it, but an app of several middleware runs it.
const honoCompose: HonoCompose = await import(
  new URL("dist/compose.js", new URL("../node_modules/hono/", import.meta.url)).href
)

const koas = (name: string, pick: (stage: NoOp) => compose.Middleware<{ status: number }>): Contender =>
  contender(name, (stages) => {
    const composed = compose<{ status: number }>([
      ...stages.map(pick),
      (context) => {
        context.status = status
        return Promise.resolve()
      }
    ])
    return repeatAsync(async () => {
      const context = { status: 404 }
      await composed(context)
      return context
    })
  })

const honos = (name: string, pick: (stage: NoOp) => unknown): Contender =>
  contender(name, (stages) => {
    const answer = new Response(null, { status })
    const composed = honoCompose.compose(
      [...stages.map(pick), () => answer].map((middleware) => [[middleware, {}], {}] as const)
    )
    const request = new Request("http://127.0.0.1/")
    return repeatAsync(async () => (await composed(new HonoContext(request))).res)
  })

const effects: ReadonlyArray<Contender> = [
  contender("nested Effect.flatMap", (stages) =>
    repeat(stages.reduce<App>((app, stage) => Effect.flatMap(app, stage.afterExit), answer))
  ),
  contender("fold of matchCauseEffect", (stages) =>
    repeat(
      stages.reduce<App>(
        (app, stage) => Effect.matchCauseEffect(app, { onSuccess: stage.afterExit, onFailure: Exit.failCause }),
        answer
      )
    )
  ),
  contender("Effect HttpRouter, global middleware", routed)
]

const peers: ReadonlyArray<Contender> = [
  contender("nested plain functions", (stages) => {
    const request = new Request("http://127.0.0.1/")
    const app = stages.reduceRight<(request: Request) => HttpServerResponse.HttpServerResponse>(
      (next, stage) => stage.nested(next),
      handler
    )
    return repeatPlain(() => app(request))
  }),
  koas("koa-compose, return next()", (stage) => stage.koa),
  koas("koa-compose, await next()", (stage) => stage.koaAwait),
  honos("Hono compose, return next()", (stage) => stage.hono),
  honos("Hono compose, await next()", (stage) => stage.honoAwait)
]

export const contenders: ReadonlyArray<Contender> = [...fairlead, ...effects, ...peers]
