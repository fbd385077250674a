import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Layer, Logger } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { App } from "fairlead/app"
import { loadShed as fairing } from "fairlead/app/fairings"
import { Middleware, Pipeline } from "fairlead/server"
import { loadShed, ServerLoad } from "fairlead/server/middleware"
import { TestApp } from "fairlead/testing/app"
import { TestServer } from "fairlead/testing/server"

/** A load that a test changes. */
const fake = () => {
  const load = { delay: 0, heap: 0 }
  const layer = Layer.succeed(ServerLoad, {
    current: Effect.sync(() => ({ eventLoopDelay: Duration.millis(load.delay), heapRatio: load.heap }))
  })
  return { load, layer }
}

const appOf = (options: Parameters<typeof loadShed>[0] = {}) =>
  Pipeline.make("p").outer(loadShed(options)).handle(HttpServerResponse.empty())

class Shed extends Middleware.Service<Shed>()("test/LoadShed", { kind: "outer" }) {}

describe("loadShed", () => {
  it.effect("rejects with 503 and Retry-After while a measure is beyond its limit", () =>
    Effect.gen(function* () {
      const { layer, load } = fake()
      const server = yield* TestServer.make(appOf({ retryAfter: "3 seconds" }), layer)
      for (const [delay, heap, status] of [
        [0, 0, 204],
        [250, 0.9, 204],
        [251, 0, 503],
        [0, 0.91, 503],
        [Infinity, 1, 503],
        [0, 0, 204]
      ] as const) {
        Object.assign(load, { delay, heap })
        const reply = yield* server.get("/")
        assert.deepStrictEqual([reply.status, reply.headers.get("retry-after")], [status, status === 503 ? "3" : null])
      }
    })
  )

  it.effect("passes health checks and exempt requests", () =>
    Effect.gen(function* () {
      const { layer, load } = fake()
      load.heap = 1
      const server = yield* TestServer.make(appOf(), layer)
      for (const [path, status] of [
        ["/ready", 204],
        ["/live?a", 204],
        ["/readyx", 503],
        ["/x/ready", 503]
      ] as const) {
        assert.strictEqual((yield* server.get(path)).status, status, path)
      }
      const own = yield* TestServer.make(appOf({ isExempt: ({ method }) => method === "POST" }), layer)
      assert.strictEqual((yield* own.post("/")).status, 204)
      assert.strictEqual((yield* own.get("/ready")).status, 503)
    })
  )

  it.effect("switches a limit off with Infinity and with a ratio of 1", () =>
    Effect.gen(function* () {
      const { layer, load } = fake()
      Object.assign(load, { delay: 1e9, heap: 1 })
      const server = yield* TestServer.make(appOf({ maxEventLoopDelay: Infinity, maxHeapRatio: 1 }), layer)
      assert.strictEqual((yield* server.get("/")).status, 204)
    })
  )

  it.effect("logs the first rejection of each time of overload", () =>
    Effect.gen(function* () {
      const { layer, load } = fake()
      const lines: Array<unknown> = []
      const logger = Logger.layer([
        Logger.make(({ logLevel, message }) => {
          if (logLevel === "Warn") lines.push(message)
        })
      ])
      const server = yield* TestServer.make(appOf(), Layer.merge(layer, logger))
      for (const heap of [0.95, 0.96, 0, 0.97]) {
        load.heap = heap
        yield* server.get("/")
      }
      assert.deepStrictEqual(lines.flat(), [
        '"loadShed" rejects requests: 95 % of the heap are used',
        '"loadShed" rejects requests: 97 % of the heap are used'
      ])
    })
  )

  it.effect("is implemented as a Layer, and attached as a fairing", () =>
    Effect.gen(function* () {
      const { layer, load } = fake()
      load.heap = 1
      const classed = Pipeline.make("p").outer(Shed).handle(HttpServerResponse.empty())
      const server = yield* TestServer.make(classed, Layer.provide(Shed.layer(loadShed()), layer))
      assert.strictEqual((yield* server.get("/")).status, 503)
      const app = App.make("shop")
        .manage(layer)
        .attach(fairing())
        .mount(HttpRouter.add("GET", "/", HttpServerResponse.empty()))
      const shop = yield* TestApp.make(app)
      assert.strictEqual((yield* shop.get("/missing")).status, 503)
    })
  )

  it("rejects options that cannot work", () => {
    for (const options of [
      { maxEventLoopDelay: 0 },
      { maxHeapRatio: 90 },
      { maxHeapRatio: Number.NaN },
      { retryAfter: -1 }
    ]) {
      assert.throws(() => loadShed(options), InvalidOption)
    }
    assert.throws(() => ServerLoad.layerOptions({ interval: 0 }), InvalidOption)
  })
})

describe("ServerLoad", () => {
  it.live("measures how late the event loop is, and the heap", () =>
    Effect.gen(function* () {
      const { current } = yield* ServerLoad
      const idle = yield* current
      assert.isAbove(idle.heapRatio, 0)
      assert.isBelow(idle.heapRatio, 1)
      const isLate = Effect.gen(function* () {
        const until = performance.now() + 80
        while (performance.now() < until);
        yield* Effect.sleep("5 millis")
        return Duration.toMillis((yield* current).eventLoopDelay) > 20
      })
      assert.isTrue(yield* Effect.repeat(isLate, { until: (late) => late, times: 50 }))
    }).pipe(Effect.provide(ServerLoad.layerOptions({ interval: "100 millis" })))
  )

  it.effect("says on a runtime without perf_hooks that another one is to be provided", () =>
    Effect.gen(function* () {
      const original: unknown = Reflect.get(process, "getBuiltinModule")
      Reflect.set(process, "getBuiltinModule", () => undefined)
      const exit = yield* Effect.exit(Effect.provide(ServerLoad, ServerLoad.layerOptions({}))).pipe(
        Effect.ensuring(Effect.sync(() => Reflect.set(process, "getBuiltinModule", original)))
      )
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "provide another ServerLoad on this runtime")
    })
  )
})
