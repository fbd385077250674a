import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { App } from "fairlead/app"
import { concurrencyLimit as fairing, health } from "fairlead/app/fairings"
import { Middleware, Pipeline } from "fairlead/server"
import { concurrencyLimit, problemDetails, timeouts } from "fairlead/server/middleware"
import { TestApp } from "fairlead/testing/app"
import { TestServer } from "fairlead/testing/server"

import { start } from "../../kit/Starting.ts"
import { received, serving } from "../Socket.ts"

/** An app whose handler waits for a latch, and that notes what runs. */
const gated = (options: Parameters<typeof concurrencyLimit>[0]) => {
  const latch = Latch.makeUnsafe()
  const seen: Array<string> = []
  const app = Pipeline.make("p")
    .outer(concurrencyLimit(options))
    .before(Middleware.before("seen", ({ url }) => void seen.push(url)))
    .handle(Effect.as(latch.await, HttpServerResponse.text("done")))
  return { app, latch, seen }
}

class Limit extends Middleware.Service<Limit>()("test/ConcurrencyLimit", { kind: "outer" }) {}

describe("concurrencyLimit", () => {
  it.effect("rejects at once with 503 and Retry-After where there is no queue, before any stage runs", () =>
    Effect.gen(function* () {
      const { app, latch, seen } = gated({ maxRequests: 2, retryAfter: "1500 millis" })
      const server = yield* TestServer.make(app)
      const calls = [yield* start(server.get("/1")), yield* start(server.get("/2"))]
      const rejected = yield* server.get("/3")
      assert.deepStrictEqual([rejected.status, rejected.headers.get("retry-after"), rejected.text], [503, "2", ""])
      yield* latch.open
      for (const call of calls) assert.strictEqual((yield* Fiber.join(call)).status, 200)
      assert.strictEqual((yield* server.get("/4")).status, 200)
      assert.deepStrictEqual(seen, ["/1", "/2", "/4"])
    })
  )

  it.effect("queues maxPending requests in their order, and rejects the next", () =>
    Effect.gen(function* () {
      const { app, latch, seen } = gated({ maxRequests: 1, maxPending: 2 })
      const server = yield* TestServer.make(app)
      const calls = [yield* start(server.get("/1")), yield* start(server.get("/2")), yield* start(server.get("/3"))]
      assert.strictEqual((yield* server.get("/4")).status, 503)
      assert.deepStrictEqual(seen, ["/1"])
      yield* latch.open
      for (const call of calls) assert.strictEqual((yield* Fiber.join(call)).status, 200)
      assert.deepStrictEqual(seen, ["/1", "/2", "/3"])
    })
  )

  it.effect("rejects a request that waited for `timeout`, and frees its place at once", () =>
    Effect.gen(function* () {
      const { app, latch, seen } = gated({ maxRequests: 1, maxPending: 1, timeout: "2 seconds" })
      const server = yield* TestServer.make(app)
      const first = yield* start(server.get("/1"))
      const waiting = yield* start(server.get("/2"))
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(waiting)).status, 503)
      const next = yield* start(server.get("/3"))
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
      assert.strictEqual((yield* Fiber.join(next)).status, 200)
      assert.deepStrictEqual(seen, ["/1", "/3"])
    })
  )

  it.effect("forgets a request that stops waiting, whoever interrupts it", () =>
    Effect.gen(function* () {
      const { app, latch, seen } = gated({ maxRequests: 1, maxPending: 1 })
      const server = yield* TestServer.make(app)
      const first = yield* start(server.get("/1"))
      yield* Fiber.interrupt(yield* start(server.get("/2")))
      const next = yield* start(server.get("/3"))
      yield* latch.open
      yield* Fiber.join(first)
      assert.strictEqual((yield* Fiber.join(next)).status, 200)
      assert.deepStrictEqual(seen, ["/1", "/3"])
    })
  )

  it.effect("holds the slot until a streamed body ends, not only its head (tower-http#447)", () =>
    Effect.gen(function* () {
      const end = yield* Deferred.make<void>()
      const body = Stream.concat(Stream.make(new Uint8Array(1)), Stream.drain(Stream.fromEffect(Deferred.await(end))))
      const app = Pipeline.make("p")
        .outer(concurrencyLimit({ maxRequests: 1 }))
        .handle((request) => (request.url === "/" ? HttpServerResponse.stream(body) : HttpServerResponse.empty()))
      const server = yield* TestServer.make(app)
      const open = yield* server.open("GET", "/")
      assert.strictEqual(open.status, 200)
      assert.strictEqual((yield* server.get("/a")).status, 503)
      yield* Deferred.succeed(end, undefined)
      yield* Stream.runDrain(open.body)
      assert.strictEqual((yield* server.get("/a")).status, 204)
    })
  )

  it.effect("frees the slot of a failure, a defect, a body that fails and a client that goes away", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(concurrencyLimit({ maxRequests: 1 }))
        .handle(({ url }) => {
          if (url === "/fail") return Effect.fail("no" as const)
          if (url === "/die") return Effect.die("bug")
          if (url === "/cut") return Effect.succeed(HttpServerResponse.stream(Stream.fail("cut")))
          return url === "/never" ? Effect.never : Effect.succeed(HttpServerResponse.empty())
        })
        .catch(() => HttpServerResponse.empty({ status: 400 }))
      const server = yield* TestServer.make(app)
      yield* server.get("/fail")
      yield* server.get("/die")
      yield* Effect.exit(server.get("/cut"))
      yield* Fiber.interrupt(yield* start(server.get("/never")))
      assert.strictEqual((yield* server.get("/")).status, 204)
    })
  )

  it.effect("passes exempt requests: /ready and /live by default", () =>
    Effect.gen(function* () {
      const { app, latch } = gated({ maxRequests: 1 })
      const server = yield* TestServer.make(app)
      yield* start(server.get("/1"))
      const live = yield* start(server.get("/live?verbose"))
      assert.strictEqual((yield* server.get("/lively")).status, 503)
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(live)).status, 200)
      const own = gated({ maxRequests: 1, isExempt: ({ url }) => url === "/events" })
      const second = yield* TestServer.make(own.app)
      yield* start(second.get("/events"))
      const call = yield* start(second.get("/1"))
      assert.strictEqual((yield* second.get("/live")).status, 503)
      yield* own.latch.open
      assert.strictEqual((yield* Fiber.join(call)).status, 200)
    })
  )

  it.effect("leaves the queue when an outer limit of time ends the wait", () =>
    Effect.gen(function* () {
      const latch = Latch.makeUnsafe()
      const app = Pipeline.make("p")
        .sending(problemDetails())
        .outer(timeouts({ handler: "1 second", isExempt: ({ url }) => url === "/1" }))
        .outer(concurrencyLimit({ maxRequests: 1, maxPending: 1, timeout: "1 minute" }))
        .handle(({ url }) => Effect.as(url === "/1" ? latch.await : Effect.void, HttpServerResponse.empty()))
      const server = yield* TestServer.make(app)
      const first = yield* start(server.get("/1"))
      const waiting = yield* start(server.get("/2"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting)).status, 503)
      const next = yield* start(server.get("/3"))
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(first)).status, 204)
      assert.strictEqual((yield* Fiber.join(next)).status, 204)
    })
  )

  it.effect("counts each build on its own, and a request mounted twice as one", () =>
    Effect.gen(function* () {
      const latch = Latch.makeUnsafe()
      const limit = concurrencyLimit({ maxRequests: 1 })
      const app = Pipeline.make("p")
        .outer(limit)
        .outer(limit)
        .handle(Effect.as(latch.await, HttpServerResponse.empty()))
      const [one, two] = [Pipeline.toWebHandler(app), Pipeline.toWebHandler(app)]
      const statusOf = (handler: typeof one) =>
        Effect.promise(async () => (await handler(new Request("http://t/"))).status)
      const calls = [yield* start(statusOf(one)), yield* start(statusOf(two))]
      assert.strictEqual(yield* statusOf(one), 503)
      yield* latch.open
      for (const call of calls) assert.strictEqual(yield* Fiber.join(call), 204)
    })
  )

  it.effect("is implemented as a Layer, and attached as a fairing", () =>
    Effect.gen(function* () {
      const classed = Pipeline.make("p").outer(Limit).handle(HttpServerResponse.empty())
      const server = yield* TestServer.make(classed, Limit.layer(concurrencyLimit({ maxRequests: 1 })))
      assert.strictEqual((yield* server.get("/")).status, 204)

      const latch = Latch.makeUnsafe()
      const app = App.make("shop")
        .attach(health())
        .attach(fairing({ maxRequests: 1 }))
        .mount(HttpRouter.add("GET", "/", Effect.as(latch.await, HttpServerResponse.empty())))
      const shop = yield* TestApp.make(app)
      const first = yield* start(shop.get("/"))
      assert.strictEqual((yield* shop.get("/")).status, 503)
      assert.strictEqual((yield* shop.get("/missing")).status, 503)
      assert.strictEqual((yield* shop.get("/ready")).status, 200)
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(first)).status, 204)
    })
  )

  it.live("frees the slot of a client that closes its connection while it reads, on a socket", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(concurrencyLimit({ maxRequests: 1 }))
        .handle(({ url }) =>
          url === "/"
            ? HttpServerResponse.stream(Stream.concat(Stream.make(new Uint8Array(1)), Stream.never))
            : HttpServerResponse.empty()
        )
      const server = yield* serving(Pipeline.serve(app))
      const socket = yield* server.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n")
      yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)))
      const full = yield* Effect.flatMap(
        server.send("GET /a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
        received
      )
      assert.match(full, /^HTTP\/1\.1 503 /)
      assert.match(full, /retry-after: 1\r\n/i)
      socket.destroy()
      const free = Effect.map(server.call("/a"), ({ status }) => status)
      const status = yield* Effect.repeat(free, { until: (status) => status === 204, times: 1000 })
      assert.strictEqual(status, 204)
    })
  )

  it("rejects options that cannot work", () => {
    for (const options of [{ maxRequests: 0 }, { maxPending: -1 }, { timeout: 0 }, { retryAfter: Number.NaN }]) {
      assert.throws(() => concurrencyLimit(options), InvalidOption)
    }
  })
})
