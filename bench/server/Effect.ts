import { createServer } from "node:http"

/** Effect without Fairlead: its router inside hand-written middleware, and a bare app wrapped by hand. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type { ServeError } from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { header, host, indices, message } from "./Contender.ts"
import type { Serve } from "./Contender.ts"

export const answer = Effect.sync(() => HttpServerResponse.jsonUnsafe(message()))

export const route = HttpRouter.add("GET", "/", answer)

/** Runs a server's layer until the process ends. */
export const listen = (port: number, server: Layer.Layer<never, ServeError, HttpServer.HttpServer>): Promise<void> =>
  Effect.runPromise(
    Effect.asVoid(
      Layer.buildWithScope(
        Layer.provide(
          server,
          NodeHttpServer.layer(() => createServer(), { port, host })
        ),
        Scope.makeUnsafe()
      )
    )
  )

const setting =
  (stage: number) =>
  <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.map(app, (response) => HttpServerResponse.setHeader(response, header(stage), "1"))

export const effectRouter: Serve = (port, stages) => {
  const middleware = indices(stages).map((stage) =>
    HttpRouter.middleware((app) => setting(stage)(app), { global: true })
  )
  const app = middleware.reduce((app, layer) => Layer.merge(app, layer), route)
  return listen(port, HttpRouter.serve(app, { disableLogger: true, disableListenLog: true }))
}

export const effectApp: Serve = (port, stages) =>
  listen(port, HttpServer.serve(indices(stages).reduce((app, stage) => setting(stage)(app), answer)))
