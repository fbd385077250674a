import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Metric } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { App, Fairing } from "fairlead/app"
import { accessLog, metrics } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

const room = Effect.as(Effect.sleep("20 millis"), HttpServerResponse.text("room"))

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/rooms/:room", room),
  HttpRouter.add("POST", "/rooms", HttpServerResponse.empty({ status: 201 })),
  HttpRouter.add("GET", "/defect", Effect.die("cracked")),
  Layer.provide(
    HttpRouter.add("GET", "/inner/:id", HttpServerResponse.text("inner")),
    Layer.effect(
      HttpRouter.HttpRouter,
      Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed("/outer"))
    )
  )
)

interface Series {
  readonly attributes: unknown
  readonly count: number
  readonly max: number
}

/** The series of the histogram. */
const measured: Effect.Effect<ReadonlyArray<Series>> = Effect.map(Metric.snapshot, (metrics) =>
  metrics.flatMap((metric) =>
    metric.id === "http.server.request.duration" && metric.type === "Histogram"
      ? [{ attributes: metric.attributes, count: metric.state.count, max: metric.state.max }]
      : []
  )
)

const series = (method: string, route: string | undefined, status: string) => ({
  "http.request.method": method,
  "url.scheme": "http",
  ...(route === undefined ? {} : { "http.route": route }),
  "http.response.status_code": status,
  ...(status.startsWith("5") ? { "error.type": status } : {}),
  unit: "s"
})

const active = Effect.map(
  Metric.snapshot,
  (metrics) => metrics.flatMap((metric) => (metric.type === "Gauge" ? [metric.state.value] : []))[0]
)

describe("metrics", () => {
  it.effect("measures in seconds how long a request took, by the pattern of its route", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(metrics()).mount(routes))
      const call = yield* Effect.forkChild(app.get("/rooms/7?q=1"))
      yield* TestClock.adjust("20 millis")
      TestApp.expect(yield* Fiber.join(call), { status: 200, headers: { "server-timing": undefined } })
      assert.deepStrictEqual(yield* measured, [
        { attributes: series("GET", "/rooms/:room", "200"), count: 1, max: 0.02 }
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("labels no series by a client's inventions: not the path, not the method", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(metrics()).mount(routes))
      yield* app.post("/rooms")
      for (let n = 0; n < 20; n++) {
        yield* app.get(`/nowhere/${n}`)
        yield* app.send(`MADEUP${n}`, "/rooms")
        yield* app.get(`/outer/inner/${n}`)
      }
      yield* app.get("/defect")
      assert.sameDeepMembers(
        (yield* measured).map(({ attributes, count }) => [attributes, count]),
        [
          [series("POST", "/rooms", "201"), 1],
          [series("GET", undefined, "404"), 20],
          [series("_OTHER", undefined, "404"), 20],
          [series("GET", "/outer/inner/:id", "200"), 20],
          [series("GET", "/defect", "500"), 1]
        ]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("knows the route between other fairings, whatever these provide", () =>
    Effect.gen(function* () {
      const hooked = Fairing.make("hooked", { onRequest: () => Effect.void, onResponse: () => Effect.void })
      const surrounded = App.make("shop")
        .attach(accessLog())
        .attach(metrics())
        .attach(accessLog({ name: "inner" }))
      for (const shop of [surrounded, surrounded.attach(hooked), App.make("shop").attach(metrics()).attach(hooked)]) {
        const app = yield* TestApp.make(shop.mount(routes))
        yield* app.get("/outer/inner/1")
      }
      assert.deepStrictEqual(
        (yield* measured).map(({ attributes, count }) => [attributes, count]),
        [[series("GET", "/outer/inner/:id", "200"), 3]]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("counts into the buckets of its options", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(
        App.make("shop")
          .attach(metrics({ boundaries: [0.01, 0.03] }))
          .mount(routes)
      )
      const call = yield* Effect.forkChild(app.get("/rooms/7"))
      yield* TestClock.adjust("20 millis")
      yield* Fiber.join(call)
      const metric = (yield* Metric.snapshot).find(({ type }) => type === "Histogram")
      assert.deepStrictEqual(metric?.type === "Histogram" ? metric.state.buckets : undefined, [
        [0.01, 0],
        [0.03, 1]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("gauges the requests in flight, and is back at nothing however they end", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<void>()
      const entered = yield* Deferred.make<void>()
      const app = yield* TestApp.make(
        App.make("shop")
          .attach(metrics())
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

  it.effect("adds its own attributes to both metrics, so that two applications are distinct", () =>
    Effect.gen(function* () {
      for (const name of ["shop", "desk"]) {
        const app = yield* TestApp.make(
          App.make(name)
            .attach(metrics({ attributes: { app: name } }))
            .mount(routes)
        )
        yield* app.get("/defect")
      }
      assert.sameDeepMembers(
        (yield* Metric.snapshot).map(({ attributes, type }) => [type, attributes?.["app"]]),
        [
          ["Gauge", "shop"],
          ["Histogram", "shop"],
          ["Gauge", "desk"],
          ["Histogram", "desk"]
        ]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
