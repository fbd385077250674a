import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Metric } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"
import { counter } from "fairlead/app/fairings"
import * as TestApp from "fairlead/testing/app"

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.text("open")),
  HttpRouter.add("POST", "/", HttpServerResponse.empty({ status: 201 })),
  HttpRouter.add("GET", "/defect", Effect.die("cracked"))
)

const counted = Effect.map(Metric.snapshot, (metrics) =>
  metrics.flatMap((metric) => (metric.type === "Counter" ? [[metric.attributes, metric.state.count]] : []))
)

const active = Effect.map(
  Metric.snapshot,
  (metrics) => metrics.flatMap((metric) => (metric.type === "Gauge" ? [metric.state.value] : []))[0]
)

describe("counter", () => {
  it.effect("counts requests by method and class of status, a 404 and a defect too", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(counter()).mount(routes))
      yield* app.get("/")
      yield* app.get("/?again")
      yield* app.post("/")
      yield* app.get("/nowhere")
      yield* app.get("/defect")
      yield* app.send("MADEUP", "/")
      assert.sameDeepMembers(yield* counted, [
        [{ method: "GET", status: "2xx" }, 2],
        [{ method: "POST", status: "2xx" }, 1],
        [{ method: "GET", status: "4xx" }, 1],
        [{ method: "GET", status: "5xx" }, 1],
        [{ method: "_OTHER", status: "4xx" }, 1]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("gauges the requests in flight, and is back at nothing however they end", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<void>()
      const entered = yield* Deferred.make<void>()
      const app = yield* TestApp.make(
        App.make("shop")
          .attach(counter())
          .attach(
            Fairing.onResponse("brittle", (response) =>
              response.headers["x-die"] === undefined ? undefined : Effect.die("the hook cracked")
            )
          )
          .mount(routes)
          .mount(HttpRouter.add("GET", "/die", HttpServerResponse.empty({ headers: { "x-die": "1" } })))
          .mount(
            HttpRouter.add(
              "GET",
              "/held",
              Deferred.succeed(entered, undefined).pipe(
                Effect.andThen(Deferred.await(held)),
                Effect.as(HttpServerResponse.empty())
              )
            )
          )
      )
      const leaver = yield* Effect.forkChild(app.get("/held"))
      yield* Deferred.await(entered)
      assert.strictEqual(yield* active, 1)
      const stayer = yield* Effect.forkChild(app.get("/held"), { startImmediately: true })
      yield* app.get("/")
      assert.strictEqual(yield* active, 2)
      yield* Fiber.interrupt(leaver)
      assert.strictEqual(yield* active, 1)
      yield* Deferred.succeed(held, undefined)
      yield* Fiber.join(stayer)
      for (const path of ["/nowhere", "/defect", "/die"]) yield* app.get(path)
      assert.strictEqual(yield* active, 0)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("adds its own attributes to both metrics, so that two applications are told apart", () =>
    Effect.gen(function* () {
      const shop = yield* TestApp.make(
        App.make("shop")
          .attach(counter({ attributes: { app: "shop" } }))
          .mount(routes)
      )
      const desk = yield* TestApp.make(
        App.make("desk")
          .attach(counter({ attributes: { app: "desk" } }))
          .mount(routes)
      )
      yield* shop.get("/")
      yield* desk.get("/")
      yield* desk.get("/")
      assert.sameDeepMembers(
        (yield* Metric.snapshot).map(({ attributes, type }) => [type, attributes?.["app"]]),
        [
          ["Counter", "shop"],
          ["Gauge", "shop"],
          ["Counter", "desk"],
          ["Gauge", "desk"]
        ]
      )
      assert.sameDeepMembers(yield* counted, [
        [{ app: "shop", method: "GET", status: "2xx" }, 1],
        [{ app: "desk", method: "GET", status: "2xx" }, 2]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
