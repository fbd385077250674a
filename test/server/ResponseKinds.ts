/**
 * One app that comes to every kind of response, on each of the terminals: what `sending` and `ended` are held against.
 */
import { join } from "node:path"

import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Socket } from "effect/socket"
import { Middleware, Pipeline } from "fairlead/server"

import { Green, Red } from "./Journal.ts"

class Taken extends Schema.TaggedError<Taken>()("Taken", {}, { httpApiStatus: 409 }) {}
class Closed extends Schema.TaggedError<Closed>()("Closed", {}, { httpApiStatus: 410 }) {}

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("rooms")
    .add(HttpApiEndpoint.get("declared", "/api/declared", { success: Schema.String, error: Closed }))
    .add(HttpApiEndpoint.post("schema", "/api/schema", { payload: Schema.Struct({ name: Schema.String }) }))
)

const Rooms = HttpApiBuilder.group(Api, "rooms", (handlers) =>
  handlers.handle("declared", () => Effect.fail(new Closed())).handle("schema", () => Effect.void)
)

const parts = (count: number) =>
  Stream.fromIterable(Array.from({ length: count }, () => new TextEncoder().encode("part")))

/** The routes, with a place where the request that will be aborted waits. */
export const makeRoutes = (reached: Deferred.Deferred<void>, through: (route: Effect.Effect<any, any, any>) => any) => {
  const add = (path: `/${string}`, route: Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, any>) =>
    HttpRouter.add("GET", path, through(route))
  return Layer.mergeAll(
    add("/success/:id", Effect.succeed(HttpServerResponse.text("body"))),
    add("/recovered", Effect.fail(new Red({ by: "route" }))),
    add("/responds", Effect.fail(new Taken())),
    add("/defect", Effect.die("boom")),
    add("/unhandled", Effect.fail(new Green({ by: "route" }))),
    add(
      "/unreadable",
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.fail(new HttpServerError.HttpServerError({ reason: new HttpServerError.RequestParseError({ request }) }))
      )
    ),
    add("/not-modified", Effect.succeed(HttpServerResponse.empty({ status: 304 }))),
    add("/stream", Effect.succeed(HttpServerResponse.stream(parts(3)))),
    add(
      "/breaks",
      Effect.succeed(HttpServerResponse.stream(Stream.concat(parts(2), Stream.fail(new Error("broken")))))
    ),
    add("/file", HttpServerResponse.file(join(import.meta.dirname, "hover.snapshot.txt"), { bytesToRead: 16 })),
    add("/aborted", Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)),
    add(
      "/socket",
      Effect.gen(function* () {
        const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
        const pull = yield* Socket.readerString(socket)
        yield* (yield* socket.writer).write("welcome")
        yield* Effect.ignore(Effect.forever(pull))
        return HttpServerResponse.empty()
      }).pipe(Effect.scoped)
    ),
    HttpApiBuilder.layer(Api).pipe(Layer.provide(Rooms))
  )
}

/** What happened to the responses of one test. */
export interface Seen {
  readonly sent: Array<string>
  readonly ended: Array<string>
  /** The ends of the pipeline's flow, as a probe sees them. */
  readonly flows: Array<string>
}

/** The stages under test, in a pipeline whose outer answers `/early` itself. */
const makePipeline = (seen: Seen) => {
  const sending = Middleware.sending("mark", (response, { url }, { route }) => {
    seen.sent.push(`${response.status} ${route ?? url}`)
    return HttpServerResponse.setHeader(response, "x-sent", "yes")
  })
  const ended = Middleware.ended("note", (exit, { aborted, bytes, status }) => {
    seen.ended.push([status, exit._tag, ...(aborted ? ["aborted"] : []), bytes === undefined ? "?" : bytes].join(" "))
  })
  const early = Middleware.outer("early", (app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      request.url.endsWith("/early") ? Effect.succeed(HttpServerResponse.empty({ status: 503 })) : app
    )
  )
  return Pipeline.make("under-test").sending(sending).ended(ended).outer(early)
}

const recovered = () => HttpServerResponse.text("recovered", { status: 202 })

/** The whole app as one pipeline around the routes. */
export const makeApp = (seen: Seen, reached: Deferred.Deferred<void>) =>
  Effect.map(Pipeline.routes(makeRoutes(reached, (route) => route)), (routes) =>
    makePipeline(seen)
      .handle(routes as unknown as Effect.Effect<HttpServerResponse.HttpServerResponse, Red | Taken>)
      .catchTag("Red", recovered)
      .respond(Taken)
  )

/** The same stages in front of routes that another server runs. */
export const makeFront = (seen: Seen) =>
  makePipeline(seen).next<Red | Taken>().catchTag("Red", recovered).respond(Taken)
