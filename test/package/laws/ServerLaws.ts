/** The laws' view of the server part. */
import { Context, Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import * as serverMiddleware from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { build } from "../../../src/server/Builder.ts"
import { noLayer, noServices, User } from "./Adapter.ts"
import type { BuildSite, Adapter } from "./Adapter.ts"

const ok = HttpServerResponse.empty({ status: 204 })
const anyMiddleware = Middleware as any

export const server: Adapter = {
  part: "server",
  make: (name, run) => anyMiddleware.before(name, () => run()),
  stateful: (name, make) =>
    anyMiddleware.stateful((site: BuildSite) => {
      const run = make(site)
      return anyMiddleware.before(name, () => run())
    }),
  service: (id, options) => Middleware.Service<any>()(id, options as {}),
  composite: ({ discarded = [], interceptors, name, ofCall = noServices }) => {
    const opened: any = Pipeline.make(name)
    for (const each of discarded) opened.before(each)
    const provided = Array.from(ofCall.mapUnsafe).map(([key, value]) =>
      anyMiddleware.before(`provides ${key}`, { key }, () => value)
    )
    return [...provided, ...interceptors].reduce<any>((pipeline, next) => pipeline.before(next), opened).handle(ok)
  },
  // The kit evaluates a pipeline as it stands; a server builds it first.
  build: (pipeline, layer = noLayer) =>
    Effect.gen(function* () {
      const services = yield* Layer.build(layer)
      const built = build(pipeline, Context.merge(yield* Effect.context(), services))
      const kit = yield* TestServer.make(built, Layer.succeedContext(services))
      return Effect.flatMap(kit.get("/"), (reply) => (reply.status === 204 ? Effect.void : Effect.fail(reply)))
    }),
  isInterceptor: anyMiddleware.isBefore,
  takers: {
    use: (given) => Pipeline.make("c").before(given),
    link: (given) => Pipeline.make("c").link(given),
    outer: (given) => Pipeline.make("c").outer(given),
    sending: (given) => Pipeline.make("c").sending(given),
    ended: (given) => Pipeline.make("c").ended(given),
    after: (given) => Pipeline.make("c").handle(ok).after(given),
    "outer of a closed one": (given) => Pipeline.make("c").handle(ok).outer(given),
    handle: (given) => Pipeline.make("c").handle(ok, given)
  },
  defects: "log",
  kind: "before",
  readyMade: {
    authentication: (options) =>
      (serverMiddleware as any).authentication(User, {
        from: "bearer",
        verify: () => Effect.succeed("ann"),
        ...options
      }),
    accessLog: serverMiddleware.accessLog,
    conditional: serverMiddleware.conditional,
    cors: (options) => serverMiddleware.cors({ allowedOrigins: ["https://a.example"], ...options }),
    metrics: serverMiddleware.metrics,
    problemDetails: serverMiddleware.problemDetails,
    requestId: serverMiddleware.requestId,
    securityHeaders: serverMiddleware.securityHeaders
  },
  invalid: []
}
