import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

import { endOf, makeJournal, Name, Red, requestOf, response, run, trailOf } from "./Journal.ts"
import { serving } from "./Socket.ts"

const red = new Red({ by: "route" })

class MethodNotAllowed extends Red {
  readonly allow = "GET, PUT"
}

const rooms = Layer.mergeAll(
  HttpRouter.add("GET", "/rooms/:id", (request) =>
    Effect.map(HttpRouter.params, (params) => response(`room ${params["id"]} by ${request.method}`))
  ),
  HttpRouter.add("PUT", "/rooms/:id", Effect.fail(red)),
  HttpRouter.add("POST", "/rooms/:id", Effect.fail(new MethodNotAllowed({ by: "rooms" }))),
  HttpRouter.add("DELETE", "/rooms/:id", Effect.die("defect")),
  HttpRouter.add(
    "GET",
    "/name",
    Effect.map(Name, (name) => response(name))
  )
)

const pattern = Effect.map(Effect.serviceOption(HttpRouter.RouteContext), (context) =>
  Option.match(context, { onNone: () => "no route", onSome: ({ route }) => `${route.method} ${route.path}` })
)

describe("Pipeline.routes", () => {
  it.effect("server 3: the routes of Effect's router are a handler", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("name", Name, () => "Ada"))
        .handle(yield* Pipeline.routes(rooms))
      assert.strictEqual(endOf(yield* run(app, requestOf("/rooms/7?a=b"))), "room 7 by GET")
      assert.strictEqual(endOf(yield* run(app, requestOf("/name"))), "Ada")
      assert.strictEqual(endOf(yield* run(app, requestOf("/rooms/7", { method: "PUT" }))), red)
    })
  )

  it.effect("server 2: their errors are typed: a 404 by the reason RouteNotFound, a 405 by the route's own error", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("name", Name, () => "Ada"))
        .handle(yield* Pipeline.routes(rooms))
        .catchReason("HttpServerError", "RouteNotFound", (reason) => response(`nothing at ${reason.request.url}`, 404))
        .catchTag("Red", (error) =>
          error instanceof MethodNotAllowed
            ? HttpServerResponse.setHeader(response("not allowed", 405), "allow", error.allow)
            : Effect.fail(error)
        )
        .catchTag("Red", () => response("other", 400))
      const answers = (method: string, url: string) =>
        Effect.map(run(app, requestOf(url, { method })), (exit) =>
          Exit.isSuccess(exit) ? [exit.value.status, trailOf(exit.value), exit.value.headers["allow"]] : endOf(exit)
        )
      assert.deepStrictEqual(yield* answers("GET", "/nowhere"), [404, "nothing at /nowhere", undefined])
      assert.deepStrictEqual(yield* answers("POST", "/rooms/1"), [405, "not allowed", "GET, PUT"])
      assert.deepStrictEqual(yield* answers("PUT", "/rooms/1"), [400, "other", undefined])
      assert.strictEqual(yield* answers("DELETE", "/rooms/1"), "defect")
    })
  )

  it.effect("server 2: the pipeline sees a changed method and URL at the router: it routes by them", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("name", Name, () => "Ada"))
        .before(
          Middleware.mapRequest("override", (request) =>
            request.method === "POST" ? RequestView.modify(request, { method: "GET", url: "/rooms/8" }) : request
          )
        )
        .handle(yield* Pipeline.routes(rooms))
      assert.strictEqual(endOf(yield* run(app, requestOf("/elsewhere", { method: "POST" }))), "room 8 by GET")
    })
  )

  it.effect("server 2: the route can be read after the router: in arounds, catches, afters, ensures and outers", () =>
    Effect.gen(function* () {
      const { entries, take } = makeJournal()
      const note = (name: string) => Effect.map(pattern, (route) => void entries.push(`${name} ${route}`))
      const app = Pipeline.make("p")
        .outer(Middleware.outer("O", (app) => Effect.ensuring(Effect.andThen(note("O in"), app), note("O"))))
        .before(Middleware.before("B1", note("B1")))
        .before(Middleware.before("name", Name, () => "Ada"))
        .handle(yield* Pipeline.routes(rooms), (app) => Effect.ensuring(app, note("W")))
        .catchTag("Red", () => Effect.as(note("C"), response("C")))
        .after(Middleware.after("A1", (response) => Effect.as(note("A1"), response)))
        .onExit("E", () => note("E"))
      yield* run(app, requestOf("/rooms/7"))
      const route = "GET /rooms/:id"
      assert.deepStrictEqual(take(), [
        "O in no route",
        "B1 no route",
        ...["W", "A1", "E", "O"].map((name) => `${name} ${route}`)
      ])
      yield* run(app, requestOf("/rooms/7", { method: "PUT" }))
      assert.deepStrictEqual(
        take().slice(2),
        ["W", "C", "A1", "E", "O"].map((name) => `${name} PUT /rooms/:id`)
      )
      yield* run(app, requestOf("/nowhere"))
      assert.deepStrictEqual(
        take().slice(2),
        ["W", "E", "O"].map((name) => `${name} no route`)
      )
      yield* run(app, requestOf("/rooms/7", { method: "DELETE" }))
      assert.deepStrictEqual(
        take().slice(2),
        ["W", "E", "O"].map((name) => `${name} DELETE /rooms/:id`)
      )
    })
  )

  it.effect("server 2: the route is there after a router that needed no service of the pipeline", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(yield* Pipeline.routes(HttpRouter.add("GET", "/a/:b", response("H"))))
        .after(
          Middleware.after("A1", (answer) => Effect.map(pattern, (route) => response(`${trailOf(answer)} ${route}`)))
        )
      assert.strictEqual(endOf(yield* run(app, requestOf("/a/1"))), "H GET /a/:b")
    })
  )

  it.effect("server 2: a route with a prefix sees the rest of the URL; the stages after it see the whole", () =>
    Effect.gen(function* () {
      const prefixed = HttpRouter.use((router) =>
        router.prefixed("/api").add("GET", "/rooms", (request) => Effect.succeed(response(request.url)))
      )
      const app = Pipeline.make("p")
        .before(Middleware.before("B1", Name, () => "Ada"))
        .handle(yield* Pipeline.routes(prefixed))
        .after(
          Middleware.after("A1", (answer, request) =>
            Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) =>
              response(`${trailOf(answer)} ${request.url} ${url}`)
            )
          )
        )
      assert.strictEqual(
        endOf(yield* run(app, requestOf("/api/rooms?x=1"))),
        "/rooms?x=1 /api/rooms?x=1 /api/rooms?x=1"
      )
    })
  )

  it.live("server 3: routes are served on a socket, with 404 and 405 as the pipeline says", () =>
    Effect.gen(function* () {
      const app = Effect.map(Pipeline.routes(rooms), (handler) =>
        Pipeline.serve(
          Pipeline.make("p")
            .before(Middleware.before("name", Name, () => "Ada"))
            .handle(handler)
            .catchReason("HttpServerError", "RouteNotFound", () => HttpServerResponse.text("nothing", { status: 404 }))
            .catchTag("Red", (error) =>
              HttpServerResponse.text(error.by, {
                status: error instanceof MethodNotAllowed ? 405 : 400,
                headers: error instanceof MethodNotAllowed ? { allow: error.allow } : {}
              })
            )
            .respond()
        )
      )
      const { call } = yield* serving(Layer.unwrap(app))
      assert.strictEqual((yield* call("/rooms/7")).headers.get("trail"), "room 7 by GET")
      const missing = yield* call("/nowhere")
      assert.deepStrictEqual([missing.status, missing.text], [404, "nothing"])
      const refused = yield* call("/rooms/7", { method: "POST" })
      assert.deepStrictEqual([refused.status, refused.headers.get("allow")], [405, "GET, PUT"])
      assert.strictEqual((yield* call("/rooms/7", { method: "PUT" })).status, 400)
      assert.strictEqual((yield* call("/name", { method: "HEAD" })).headers.get("trail"), "Ada")
    })
  )
})

describe("failures of a router", () => {
  it.effect("server 3: a route's defect and its interruption are the pipeline's", () =>
    Effect.gen(function* () {
      const layer = Layer.mergeAll(
        HttpRouter.add("GET", "/die", Effect.die("defect")),
        HttpRouter.add("GET", "/interrupt", Effect.interrupt)
      )
      const app = Pipeline.make("p")
        .handle(yield* Pipeline.routes(layer))
        .respond()
      assert.strictEqual(endOf(yield* run(app, requestOf("/die"))), "defect")
      const interrupted = yield* run(app, requestOf("/interrupt"))
      assert.isTrue(Exit.isFailure(interrupted) && Cause.hasInterruptsOnly(interrupted.cause))
    })
  )
})
