/**
 * An app with every path by which a response comes to be, for middleware that must see all of them.
 */
// @effect-diagnostics layerMergeAllWithDependencies:off
import { NodeHttpServer } from "@effect/platform-node"
import type { Scope } from "effect"
import { Effect, Layer, Schema, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Reject } from "fairlead"
import { App } from "fairlead/app"
import type { Fairing } from "fairlead/app"
import { Pipeline } from "fairlead/server"

import { serving } from "../Socket.ts"

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("rooms").add(
    HttpApiEndpoint.post("schema", "/api/schema", { payload: Schema.Struct({ name: Schema.String }) })
  )
)

const Rooms = HttpApiBuilder.group(Api, "rooms", (handlers) => handlers.handle("schema", () => Effect.void))

const part = new TextEncoder().encode("part")

/** The routes; those of an HttpApi need the services of a platform. */
const errorRoutes = Layer.mergeAll(
  HttpRouter.add("GET", "/ok", HttpServerResponse.text("ok")),
  HttpRouter.add("GET", "/rooms/:id", HttpServerResponse.text("room")),
  HttpRouter.add("POST", "/rooms", HttpServerResponse.empty({ status: 201 })),
  HttpRouter.add("GET", "/not-modified", HttpServerResponse.empty({ status: 304 })),
  HttpRouter.add("GET", "/stream", HttpServerResponse.stream(Stream.fromIterable([part, part]))),
  HttpRouter.add("GET", "/taken", Effect.fail(new Reject({ reason: "taken", status: 409 })) as never),
  HttpRouter.add("GET", "/defect", Effect.die("boom")),
  HttpRouter.add(
    "GET",
    "/unreadable",
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Effect.fail(new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request }) }))
    ) as never
  ),
  HttpRouter.add("GET", "/unsendable", Effect.succeed(HttpServerResponse.empty({ headers: { "x-name": "Łukasz" } }))),
  HttpApiBuilder.layer(Api).pipe(Layer.provide(Rooms))
)

/** The requests, with the status that each comes to. */
export const errorPaths: ReadonlyArray<readonly [method: string, path: string, status: number]> = [
  ["GET", "/ok", 200],
  ["HEAD", "/ok", 200],
  ["GET", "/rooms/7", 200],
  ["POST", "/rooms", 201],
  ["GET", "/not-modified", 304],
  ["GET", "/stream", 200],
  ["GET", "/unreadable", 400],
  ["POST", "/api/schema", 400],
  ["GET", "/missing", 404],
  ["OPTIONS", "/ok", 404],
  ["GET", "/taken", 409],
  ["GET", "/defect", 500],
  ["GET", "/unsendable", 500]
]

type Served = Effect.Success<ReturnType<typeof serving>>

const quiet = { disableLogger: true, disableListenLog: true }

/** Serves the routes on a socket: the pipeline by two of its terminals, and the fairing by an application. */
export const terminalsOf = (
  pipeline: Pipeline.Open<never, never, never>,
  fairing: Fairing.Fairing
): Readonly<Record<string, Effect.Effect<Served, never, Scope.Scope>>> => {
  const apps: Readonly<Record<string, unknown>> = {
    serve: Layer.unwrap(
      Effect.map(Pipeline.routes(errorRoutes), (routes) => Pipeline.serve(pipeline.handle(routes) as never))
    ),
    globalMiddleware: HttpRouter.serve(
      errorRoutes.pipe(Layer.provide(Pipeline.globalMiddleware(pipeline.next() as never) as never)),
      quiet
    ),
    fairing: App.launch(
      App.make("site")
        .attach(fairing)
        .mount(errorRoutes as never) as never,
      Layer.effect(HttpServer.HttpServer, HttpServer.HttpServer)
    )
  }
  return Object.fromEntries(
    Object.entries(apps).map(([name, app]) => [
      name,
      serving(Layer.provide(app as never, NodeHttpServer.layerHttpServices) as never) as never
    ])
  )
}
