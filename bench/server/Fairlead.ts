/** Fairlead: a whole app on Node's server, and a pipeline in front of Effect's router; an after for each header. */
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { App, Fairing } from "../../src/app/index.ts"
import { NodeApp } from "../../src/app/node/index.ts"
import { Middleware, Pipeline } from "../../src/server/index.ts"
import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"
import { listen, route } from "./Effect.ts"

const setting = (stage: number) =>
  Middleware.after(header(stage), (response) => HttpServerResponse.setHeader(response, header(stage), "1"))

const behind = (app: Pipeline.Closed<never, never, never>, stages: number): Pipeline.Closed<never, never, never> =>
  indices(stages).reduce((app, stage) => app.after(setting(stage)), app)

export const fairleadApp: Serve = (port, stages) =>
  listen(
    port,
    Pipeline.serve(
      behind(
        Pipeline.make("bench").handle(() => HttpServerResponse.jsonUnsafe(message())),
        stages
      )
    )
  )

export const fairleadRoutes: Serve = (port, stages) =>
  listen(
    port,
    Layer.unwrap(
      Effect.map(Pipeline.routes(route), (routes) =>
        Pipeline.serve(behind(Pipeline.make("bench").handle(routes).respond(), stages))
      )
    )
  )

/** An application on Node with a headers stage for each header. */
export const fairleadNodeApp: Serve = async (port, stages) => {
  const pipeline = indices(stages).reduce(
    (app, stage) => app.after(Middleware.headers({ [header(stage)]: "1" })),
    Pipeline.make("bench").handle(() => HttpServerResponse.jsonUnsafe(message()))
  )
  await Effect.runPromise(
    Layer.buildWithScope(NodeApp.launch(App.make("bench").serve(pipeline), { port, host }), Scope.makeUnsafe())
  )
}

/** An App over the same route, with as many fairings that have a request and a response hook. */
export const fairleadHooks: Serve = async (port, stages) => {
  const fairing = (stage: number) =>
    Fairing.make(header(stage), {
      onRequest: () => {},
      onResponse: HttpServerResponse.setHeader(header(stage), "1")
    })
  const app = indices(stages).reduce((app, stage) => app.attach(fairing(stage)), App.make("bench").mount(route))
  await Effect.runPromise(Layer.buildWithScope(NodeApp.launch(app, { port, host }), Scope.makeUnsafe()))
}
