import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Metric, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import * as fairings from "fairlead/app/fairings"
import { Middleware, Pipeline } from "fairlead/server"
import { metrics } from "fairlead/server/middleware"
import type { MetricsOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { until } from "../../kit/Settling.ts"
import { keepLogs } from "../Logs.ts"
import { serving } from "../Socket.ts"
import { errorPaths, terminalsOf } from "./ErrorPaths.ts"

const ok = HttpServerResponse.text("ok")

/** With metrics of its own. */
const fresh = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

interface Series {
  readonly attributes: Readonly<Record<string, string>>
  readonly count: number
}

const durations: Effect.Effect<ReadonlyArray<Series>> = Effect.map(Metric.snapshot, (all) =>
  all.flatMap((metric) =>
    metric.id === "http.server.request.duration" && metric.type === "Histogram"
      ? [{ attributes: { ...metric.attributes }, count: metric.state.count }]
      : []
  )
)

const active: Effect.Effect<ReadonlyArray<number | bigint>> = Effect.map(Metric.snapshot, (all) =>
  all.flatMap((metric) =>
    metric.id === "http.server.active_requests" && metric.type === "Gauge" ? [metric.state.value] : []
  )
)

describe("metrics", () => {
  for (const [name, served] of Object.entries(terminalsOf(Pipeline.make("all").outer(metrics()), fairings.metrics()))) {
    it.live(`middleware 4: on ${name}, each request is counted once, by the pattern of its route`, () =>
      Effect.gen(function* () {
        const { call } = yield* served
        for (const [method, path] of errorPaths) yield* call(path, { method })
        for (let id = 0; id < 10; id++) yield* call(`/rooms/${id}`)
        for (let id = 0; id < 10; id++) yield* call(`/nowhere/${id}`, { method: id < 5 ? "PROPFIND" : "PURGE" })
        const total = errorPaths.length + 20
        const counted = Effect.map(durations, (all) => all.reduce((sum, { count }) => sum + count, 0))
        yield* until(Effect.map(counted, (sum) => sum >= total))
        assert.strictEqual(yield* counted, total)
        const series = (method: string, route: string | undefined, status: string) => ({
          "http.request.method": method,
          "url.scheme": "http",
          unit: "s",
          "http.response.status_code": status,
          ...(route === undefined ? {} : { "http.route": route }),
          ...(status.startsWith("5") ? { "error.type": status } : {})
        })
        const all = yield* durations
        const countOf = (attributes: object) =>
          all.find((each) => JSON.stringify(sortedOf(each.attributes)) === JSON.stringify(sortedOf(attributes)))?.count
        assert.strictEqual(countOf(series("GET", "/rooms/:id", "200")), 11)
        assert.strictEqual(countOf(series("GET", undefined, "404")), 1)
        assert.strictEqual(countOf(series("_OTHER", undefined, "404")), 10)
        assert.strictEqual(countOf(series("GET", "/defect", "500")), 1)
        assert.notInclude(JSON.stringify(all), "nowhere")
        assert.isTrue((yield* active).every((value) => value === 0))
      }).pipe(fresh, Effect.provide(keepLogs().layer))
    )
  }

  it.live("middleware 4: a client that goes away is a 499, a body that fails a 500, and the gauge is back at 0", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const part = new TextEncoder().encode("part")
      const endless = Stream.concat(
        Stream.succeed(part),
        Stream.fromEffect(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
      )
      const broken = Stream.concat(Stream.succeed(part), Stream.fail({ _tag: "Broken" as const }))
      const app = Pipeline.make("p")
        .outer(metrics())
        .handle(({ url }) => HttpServerResponse.stream(url === "/broken" ? broken : endless))
      const { send } = yield* serving(Pipeline.serve(app))
      const socket = yield* send("GET /endless HTTP/1.1\r\nhost: test\r\n\r\n")
      yield* Deferred.await(reached)
      assert.deepStrictEqual(yield* active, [1])
      socket.destroy()
      yield* until(Effect.map(durations, (all) => all.length === 1))
      yield* send("GET /broken HTTP/1.1\r\nhost: test\r\n\r\n")
      yield* until(Effect.map(durations, (all) => all.length === 2))
      const outcomes = (yield* durations).map(({ attributes }) => [
        attributes["http.response.status_code"],
        attributes["error.type"]
      ])
      assert.sameDeepMembers(outcomes, [
        ["499", "499"],
        ["500", "Broken"]
      ])
      assert.deepStrictEqual(yield* active, [0])
    }).pipe(fresh, Effect.provide(keepLogs().layer))
  )

  it.effect("middleware 4: mounted twice, or answered by an outer, a request counts once", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner").outer(metrics()).handle(ok)
      const seen: Array<ReadonlyArray<number | bigint>> = []
      const look = Middleware.outer("look", (app) => Effect.tap(app, () => Effect.map(active, (now) => seen.push(now))))
      const app = Pipeline.make("outer").outer(metrics()).outer(look).handle(inner)
      yield* Effect.flatMap(TestServer.make(app), (server) => server.get("/"))
      assert.deepStrictEqual(
        (yield* durations).map(({ count }) => count),
        [1]
      )
      assert.deepStrictEqual(seen, [[1]])
      const early = Middleware.outer("early", () => Effect.succeed(HttpServerResponse.empty({ status: 503 })))
      yield* Effect.flatMap(TestServer.make(Pipeline.make("p").outer(metrics()).outer(early).handle(ok)), (server) =>
        server.get("/")
      )
      assert.strictEqual((yield* durations).length, 2)
      assert.deepStrictEqual(yield* active, [0])
    }).pipe(fresh)
  )

  it.effect("middleware 4: the unit is seconds, and boundaries must rise", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<MetricsOptions> = [
        { boundaries: [Number.NaN] },
        { boundaries: [-1] },
        { boundaries: [1, 1] },
        { boundaries: [2, 1] },
        { name: "" }
      ]
      for (const options of bad) assert.throws(() => metrics(options), InvalidOption as never)
      const app = Pipeline.make("p")
        .outer(metrics({ attributes: { "service.name": "shop" }, boundaries: [1, 2] }))
        .handle(ok)
      yield* Effect.flatMap(TestServer.make(app), (server) => server.get("/"))
      const [one] = yield* durations
      assert.deepInclude(one?.attributes, { unit: "s", "service.name": "shop" })
    }).pipe(fresh)
  )
})

const sortedOf = (attributes: object) => Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
