import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Metric } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { App, Fairing } from "fairlead/app"
import { requestTimer } from "fairlead/app/fairings"
import { Pipeline, RequestView } from "fairlead/server"
import * as TestApp from "fairlead/testing/app"

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
    metric.id === "http_server_request_duration" && metric.type === "Histogram"
      ? [{ attributes: metric.attributes, count: metric.state.count, max: metric.state.max }]
      : []
  )
)

const series = (method: string, route: string, status: string) => ({ method, route, status, time_unit: "milliseconds" })

describe("requestTimer", () => {
  it.effect("tells the client and the histogram how long a request took, by the pattern of its route", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(requestTimer()).mount(routes))
      const call = yield* Effect.forkChild(app.get("/rooms/7?q=1"))
      yield* TestClock.adjust("20 millis")
      TestApp.expect(yield* Fiber.join(call), { status: 200, headers: { "server-timing": "total;dur=20.0" } })
      assert.deepStrictEqual(yield* measured, [{ attributes: series("GET", "/rooms/:room", "200"), count: 1, max: 20 }])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("labels no series by what a client makes up: not the path, not the method", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(App.make("shop").attach(requestTimer()).mount(routes))
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
          [series("GET", "unmatched", "404"), 20],
          [series("_OTHER", "unmatched", "404"), 20],
          [series("GET", "/outer/inner/:id", "200"), 20],
          [series("GET", "/defect", "500"), 1]
        ]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("takes the pattern from an app that knows its routes itself, and sets no header when told so", () =>
    Effect.gen(function* () {
      const app = App.make("shop")
        .attach(requestTimer({ header: false, route: ({ url }) => (url.startsWith("/a") ? "/a*" : undefined) }))
        .serve(Pipeline.make("site").handle(() => HttpServerResponse.empty()))
      const server = yield* TestApp.make(app)
      TestApp.expect(yield* server.get("/abc"), { status: 204, headers: { "server-timing": undefined } })
      yield* server.get("/b")
      assert.sameDeepMembers(
        (yield* measured).map(({ attributes }) => attributes),
        [series("GET", "/a*", "204"), series("GET", "unmatched", "204")]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect(
    "measures from its own hook on, whatever later hooks make of the request, and keeps the handler's timings",
    () =>
      Effect.gen(function* () {
        const app = App.make("shop")
          .attach(requestTimer())
          .attach(
            Fairing.onRequest("rewrite", (request) =>
              Effect.as(Effect.sleep("5 millis"), RequestView.modify(request, { url: "/db" }))
            )
          )
          .mount(HttpRouter.add("GET", "/db", HttpServerResponse.empty({ headers: { "server-timing": "db;dur=3" } })))
        const server = yield* TestApp.make(app)
        const call = yield* Effect.forkChild(server.get("/anything"))
        yield* TestClock.adjust("5 millis")
        TestApp.expect(yield* Fiber.join(call), { headers: { "server-timing": "db;dur=3, total;dur=5.0" } })
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("counts into the buckets that it is given", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(
        App.make("shop")
          .attach(requestTimer({ boundaries: [10, 30] }))
          .mount(routes)
      )
      const call = yield* Effect.forkChild(app.get("/rooms/7"))
      yield* TestClock.adjust("20 millis")
      yield* Fiber.join(call)
      const [metric] = yield* Metric.snapshot
      assert.deepStrictEqual(metric?.type === "Histogram" ? metric.state.buckets : undefined, [
        [10, 0],
        [30, 1]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
