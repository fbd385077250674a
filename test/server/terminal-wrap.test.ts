// @effect-diagnostics layerMergeAllWithDependencies:off
import { NodeHttpServer, NodeHttpServerRequest } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiMiddleware
} from "effect/http-api"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

import { endOf, Green, makeJournal, Name, Place, Red, requestOf, response, run, trailOf } from "./Journal.ts"
import { serving } from "./Socket.ts"

const red = new Red({ by: "rest" })
const green = new Green({ by: "gate" })

describe("Pipeline.wrap", () => {
  it.effect("server 3: a pipeline that was opened with next() is an around: its stages run around the rest", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal()
      const inFront = Pipeline.make("inner").before(before("b")).next().after(after("a"))
      const app = Pipeline.make("outer").before(before("B")).handle(handler(), Pipeline.wrap(inFront)).after(after("A"))
      assert.strictEqual(endOf(yield* run(app)), "H a A")
      assert.deepStrictEqual(take(), ["B", "b", "H", "a", "A"])
    })
  )

  it.effect("server 3: it is an outer too, and nests in itself", () =>
    Effect.gen(function* () {
      const { after, before, handler, take } = makeJournal()
      const inFront = Pipeline.make("inner").before(before("b")).next().after(after("a"))
      const wrap = Pipeline.wrap(inFront)
      const app = Pipeline.make("outer")
        .outer(Middleware.outer("O", (app) => wrap(wrap(app))))
        .before(before("B"))
        .handle(handler())
      assert.strictEqual(endOf(yield* run(app)), "H a a")
      assert.deepStrictEqual(take(), ["b", "b", "B", "H", "a", "a"])
    })
  )

  it.effect("server 3: its services are there for the rest, and only there", () =>
    Effect.gen(function* () {
      const inFront = Pipeline.make("inner")
        .before(Middleware.before("b", Name, () => "Ada"))
        .next()
      const app = Pipeline.make("outer")
        .handle(
          Effect.map(Name, (name) => response(name)),
          Pipeline.wrap(inFront)
        )
        .after(
          Middleware.after("A", (answer) =>
            Effect.map(Effect.serviceOption(Name), (name) => response(`${trailOf(answer)} ${name.toString()}`))
          )
        )
      assert.strictEqual(endOf(yield* run(app)), "Ada none()")
    })
  )

  it.effect("server 3: the rest sees a request that the pipeline changed", () =>
    Effect.gen(function* () {
      const inFront = Pipeline.make("inner")
        .before(Middleware.mapRequest("b", (request) => RequestView.modify(request, { method: "PUT", url: "/new" })))
        .next()
      const app = Pipeline.make("outer")
        .handle((request) => response(`${request.method} ${request.url}`), Pipeline.wrap(inFront))
        .after(Middleware.after("A", (answer, request) => response(`${trailOf(answer)} ${request.url}`)))
      assert.strictEqual(endOf(yield* run(app, requestOf("/old"))), "PUT /new /old")
    })
  )

  it.effect("server 3: it handles the errors of the rest that it declares, and passes the others on, by identity", () =>
    Effect.gen(function* () {
      const { answers } = makeJournal()
      const wrap = Pipeline.wrap(Pipeline.make("inner").next<Red>().catchTag("Red", answers("c")))
      assert.strictEqual(endOf(yield* run(wrap(Effect.fail(red)))), "c")
      const passed = yield* run(wrap(Effect.fail<Red | Green>(green)))
      assert.strictEqual(endOf(passed), green)
    })
  )

  it.effect("server 3: its own error keeps the rest from running", () =>
    Effect.gen(function* () {
      const { before, handler, take } = makeJournal()
      const wrap = Pipeline.wrap(Pipeline.make("inner").before(before("b", green)).next())
      const app = Pipeline.make("outer").handle(handler(), wrap)
      assert.strictEqual(endOf(yield* run(app)), green)
      assert.deepStrictEqual(take(), ["b"])
    })
  )
})

/** A pipeline in front of routes: names the user, or refuses. */
const gate = Pipeline.make("gate")
  .before(
    Middleware.before("name", Name, (request) => {
      const name = request.headers["x-name"]
      return name === undefined ? Exit.fail(green) : Effect.map(Place, (place) => `${name} at ${place}`)
    })
  )
  .next<Red>()
  .catchTag("Green", () => HttpServerResponse.text("who?", { status: 401 }))
  .catchTag("Red", (error) => HttpServerResponse.text(error.by, { status: 409 }))
  .after(Middleware.after("mark", HttpServerResponse.setHeader("x-gate", "passed")))

const named = HttpRouter.add(
  "GET",
  "/named",
  Effect.map(Name, (name) => HttpServerResponse.text(name))
)
const refused = HttpRouter.add("GET", "/refused", Effect.fail(red))
const open = HttpRouter.add("GET", "/open", HttpServerResponse.text("open"))

const quiet = { disableLogger: true, disableListenLog: true }
const ada = { headers: { "x-name": "Ada" } }

describe("middleware of Effect's router", () => {
  it.live("server 3: a pipeline is the middleware of the routes it is provided to, and of no other", () =>
    Effect.gen(function* () {
      const layer = Layer.provide(Pipeline.middleware(gate).layer, Layer.succeed(Place, "quay"))
      const routes = Layer.mergeAll(Layer.provide(Layer.mergeAll(named, refused), layer), open)
      const { call } = yield* serving(HttpRouter.serve(routes, quiet))
      const answers = (path: string, init?: RequestInit) =>
        Effect.map(call(path, init), ({ headers, status, text }) => [status, text, headers.get("x-gate")])
      assert.deepStrictEqual(yield* answers("/named", ada), [200, "Ada at quay", "passed"])
      assert.deepStrictEqual(yield* answers("/named"), [401, "who?", "passed"])
      assert.deepStrictEqual(yield* answers("/refused", ada), [409, "rest", "passed"])
      assert.deepStrictEqual(yield* answers("/open"), [200, "open", null])
    })
  )

  it.live("server 3: its services are taken once, save those of each request", () =>
    Effect.gen(function* () {
      let built = 0
      const place = Layer.effect(
        Place,
        Effect.sync(() => `place ${++built}`)
      )
      const once = Layer.provide(Pipeline.middleware(gate).layer, place)
      const each = HttpRouter.middleware<{ provides: Place }>()((app) =>
        Effect.provideService(app, Place, `place of the request`)
      )
      const perRequest = Pipeline.middleware(gate, { requires: [Place] }).combine(each)
      const { call } = yield* serving(
        HttpRouter.serve(
          Layer.mergeAll(
            Layer.provide(named, once),
            Layer.provide(
              HttpRouter.add(
                "GET",
                "/each",
                Effect.map(Name, (name) => HttpServerResponse.text(name))
              ),
              perRequest.layer
            )
          ),
          quiet
        )
      )
      assert.strictEqual((yield* call("/named", ada)).text, "Ada at place 1")
      assert.strictEqual((yield* call("/named", ada)).text, "Ada at place 1")
      assert.strictEqual((yield* call("/each", ada)).text, "Ada at place of the request")
    })
  )

  it.live("server 3: a global middleware is in front of every route, and of requests that match none", () =>
    Effect.gen(function* () {
      const layer = Layer.provide(Pipeline.globalMiddleware(gate), Layer.succeed(Place, "quay"))
      const { call } = yield* serving(HttpRouter.serve(Layer.mergeAll(named, refused, open, layer), quiet))
      const answers = (path: string, init?: RequestInit) =>
        Effect.map(call(path, init), ({ headers, status, text }) => [status, text, headers.get("x-gate")])
      assert.deepStrictEqual(yield* answers("/named", ada), [200, "Ada at quay", "passed"])
      assert.deepStrictEqual(yield* answers("/refused", ada), [409, "rest", "passed"])
      assert.deepStrictEqual(yield* answers("/open"), [401, "who?", "passed"])
      assert.deepStrictEqual(yield* answers("/nowhere"), [401, "who?", "passed"])
      assert.strictEqual((yield* call("/nowhere", ada)).status, 404)
    })
  )

  it.live("server 2: an abort interrupts the pipeline's own stages in front of a route", () =>
    Effect.gen(function* () {
      const entries: Array<string> = []
      const reached = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const waits = Pipeline.make("waits")
        .before(Middleware.before("b", Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)))
        .next()
        .onExit("e", (exit) =>
          Effect.andThen(
            Effect.sync(() => entries.push(Exit.isSuccess(exit) ? "success" : "interrupted")),
            Deferred.succeed(closed, undefined)
          )
        )
      const { send } = yield* serving(HttpRouter.serve(Layer.provide(open, Pipeline.middleware(waits).layer), quiet))
      const socket = yield* send("GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* Deferred.await(reached)
      socket.destroy()
      yield* Deferred.await(closed)
      assert.deepStrictEqual(entries, ["interrupted"])
    })
  )

  it.live.each([true, false])(
    "server 2: an abort spares the route after it if it is uninterruptible: %s",
    (uninterruptible) =>
      Effect.gen(function* () {
        const entries: Array<string> = []
        const reached = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const released = yield* Deferred.make<void>()
        const around = Pipeline.make("around")
          .before(Middleware.before("b", Effect.yieldNow))
          .next()
          .onExit("e", () => Effect.asVoid(Deferred.succeed(released, undefined)))
        const route = HttpRouter.add(
          "GET",
          "/",
          (request) =>
            Effect.gen(function* () {
              const response = NodeHttpServerRequest.toServerResponse(request)
              response.once("close", () => Deferred.doneUnsafe(closed, Exit.void))
              yield* Deferred.succeed(reached, undefined)
              yield* Deferred.await(closed)
              yield* Effect.yieldNow
              entries.push("done")
              return HttpServerResponse.empty()
            }).pipe(Effect.onInterrupt(() => Effect.sync(() => entries.push("interrupted")))),
          { uninterruptible }
        )
        const { send } = yield* serving(
          HttpRouter.serve(Layer.provide(route, Pipeline.middleware(around).layer), quiet)
        )
        const socket = yield* send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield* Deferred.await(reached)
        socket.destroy()
        yield* Deferred.await(released)
        assert.deepStrictEqual(entries, [uninterruptible ? "done" : "interrupted"])
      })
  )
})

describe("Pipeline.layerHttpServer", () => {
  it.live(
    "server 3: a pipeline is put before a router that knows nothing of it, and changes requests before routing",
    () =>
      Effect.gen(function* () {
        const front = Pipeline.make("front")
          .before(
            Middleware.mapRequest("old-paths", (request) =>
              request.url === "/old" ? RequestView.modify(request, { url: "/open" }) : request
            )
          )
          .before(Middleware.before("place", Effect.asVoid(Place)))
          .next()
          .after(Middleware.after("mark", HttpServerResponse.setHeader("x-front", "passed")))
        const decorated = Layer.effectContext(
          Effect.gen(function* () {
            const server = yield* Layer.build(
              Layer.provide(Pipeline.layerHttpServer(front), Layer.succeed(Place, "quay"))
            )
            yield* Layer.build(Layer.provide(HttpRouter.serve(open, quiet), Layer.succeedContext(server)))
            return Context.empty()
          })
        )
        const { call } = yield* serving(decorated)
        const answer = yield* call("/old")
        assert.deepStrictEqual([answer.status, answer.text, answer.headers.get("x-front")], [200, "open", "passed"])
        assert.strictEqual((yield* call("/nowhere")).status, 404)
      })
  )

  it.live("server 3: the middleware that an app brings to the server stays around the pipeline", () =>
    Effect.gen(function* () {
      const front = Pipeline.make("front")
        .next()
        .after(Middleware.after("mark", HttpServerResponse.setHeader("x-front", "passed")))
      const seen: Array<string | undefined> = []
      const app = HttpServer.serve(Effect.succeed(HttpServerResponse.text("open")), (app) =>
        Effect.tap(app, (response) => Effect.sync(() => seen.push(response.headers["x-front"])))
      )
      const { call } = yield* serving(Layer.provide(app, Pipeline.layerHttpServer(front)))
      assert.strictEqual((yield* call("/")).headers.get("x-front"), "passed")
      assert.deepStrictEqual(seen, ["passed"])
    })
  )
})

class Gate extends HttpApiMiddleware.Service<Gate, { provides: Name }>()("test/Gate", {
  error: HttpApiError.Conflict
}) {}
class Shape extends HttpApiMiddleware.Service<Shape>()("test/Shape", { error: HttpApiError.BadRequest }) {}

const Rooms = HttpApiGroup.make("rooms")
  .add(
    HttpApiEndpoint.get("list", "/rooms", {
      query: { page: Schema.FiniteFromString },
      success: Schema.String
    })
  )
  .middleware(Gate)
  .middleware(Shape)
const Api = HttpApi.make("api").add(Rooms)

describe("HttpApiMiddleware", () => {
  it.live("server 3: a pipeline implements it: it provides services, and answers errors of the schema", () =>
    Effect.gen(function* () {
      const { entries } = makeJournal()
      const gating = Pipeline.make("gate")
        .before(Middleware.before("name", Name, (request) => request.headers["x-name"] ?? "nobody"))
        .before(
          Middleware.before(
            "no-eve",
            Effect.flatMap(Name, (name) => (name === "Eve" ? Effect.fail(new HttpApiError.Conflict()) : Effect.void))
          )
        )
        .next()
        .after(Middleware.after("mark", HttpServerResponse.setHeader("x-gate", "passed")))
      const shaping = Pipeline.make("shape")
        .next<HttpApiError.HttpApiSchemaError>()
        .catchTag("HttpApiSchemaError", (error) => {
          entries.push(error.kind)
          return HttpServerResponse.text(`bad ${error.kind}`, { status: 422 })
        })
      const handlers = HttpApiBuilder.group(Api, "rooms", (handlers) =>
        Effect.succeed(handlers.handle("list", ({ query }) => Effect.map(Name, (name) => `${name} ${query.page}`)))
      )
      const api = HttpApiBuilder.layer(Api).pipe(
        Layer.provide(handlers),
        Layer.provide(Layer.succeed(Gate, Pipeline.wrap(gating))),
        Layer.provide(Layer.succeed(Shape, (app) => Pipeline.wrap(shaping)(app)))
      )
      const { call } = yield* serving(Layer.provide(HttpRouter.serve(api, quiet), NodeHttpServer.layerHttpServices))
      const answers = (path: string, init?: RequestInit) =>
        Effect.map(call(path, init), ({ headers, status, text }) => [status, text, headers.get("x-gate")])
      assert.deepStrictEqual(yield* answers("/rooms?page=2", ada), [200, '"Ada 2"', "passed"])
      assert.deepStrictEqual(yield* answers("/rooms?page=two", ada), [422, "bad Query", null])
      assert.strictEqual((yield* call("/rooms?page=2", { headers: { "x-name": "Eve" } })).status, 409)
      assert.deepStrictEqual(entries, ["Query"])
    })
  )
})
