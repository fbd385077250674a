/** Every ready-made middleware as a fairing of the same name: what it does for a whole application. */
import { readFileSync } from "node:fs"

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { App } from "fairlead/app"
import type { Fairing } from "fairlead/app"
import * as fairings from "fairlead/app/fairings"
import * as middleware from "fairlead/server/middleware"
import { TestApp } from "fairlead/testing/app"

const { RequestId, ServerLoad } = middleware

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.text("ok")),
  HttpRouter.add(
    "GET",
    "/address",
    Effect.map(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
      HttpServerResponse.text(Option.getOrElse(remoteAddress, () => "unknown"))
    )
  ),
  HttpRouter.add(
    "GET",
    "/id",
    Effect.map(Effect.serviceOption(RequestId), (id) => HttpServerResponse.text(Option.getOrElse(id, () => "none")))
  ),
  HttpRouter.add(
    "POST",
    "/",
    Effect.map(
      Effect.orDie(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text)),
      HttpServerResponse.text
    )
  ),
  HttpRouter.add("GET", "/slow", Effect.as(Effect.sleep("1 minute"), HttpServerResponse.text("late")))
)

const limiter = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)
const fullHeap = Layer.succeed(ServerLoad, { current: Effect.succeed({ eventLoopDelay: Duration.zero, heapRatio: 1 }) })

interface Row {
  readonly fairing: () => Fairing.Fairing
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly remoteAddress?: string
  readonly body?: string
  /** How many requests are sent; the last one is judged. Default: 1. */
  readonly times?: number
  readonly status?: number
  readonly header?: readonly [name: string, value: string | RegExp]
  readonly text?: string
  /** Whether it holds for a path of no route too. Default: true. */
  readonly isForAll?: boolean
}

const provided = <R>(fairing: Fairing.Fairing<never, never, R>) => fairing as Fairing.Fairing

const rows: Readonly<Record<string, Row>> = {
  accessLog: { fairing: () => fairings.accessLog(), status: 200, isForAll: false },
  addressList: {
    fairing: () => fairings.addressList({ deny: ["192.0.2.0/24"] }),
    remoteAddress: "192.0.2.7",
    status: 403
  },
  bodyLimit: {
    fairing: () => fairings.bodyLimit({ maxBytes: 3 }),
    method: "POST",
    headers: { "content-length": "8" },
    body: "too long",
    status: 413
  },
  concurrencyLimit: { fairing: () => fairings.concurrencyLimit({ maxRequests: 1 }), status: 200, isForAll: false },
  conditional: {
    fairing: () => fairings.conditional(),
    headers: { "if-none-match": "*" },
    status: 304,
    isForAll: false
  },
  cors: {
    fairing: () => fairings.cors({ allowedOrigins: "*" }),
    headers: { origin: "https://a.test" },
    header: ["access-control-allow-origin", "*"]
  },
  csrf: {
    fairing: () => fairings.csrf(),
    method: "POST",
    headers: { "sec-fetch-site": "cross-site" },
    status: 403
  },
  deadlineHeader: {
    fairing: () => fairings.deadlineHeader(),
    path: "/slow",
    headers: { "x-request-timeout-ms": "10" },
    status: 504,
    isForAll: false
  },
  hostPolicy: {
    fairing: () => fairings.hostPolicy({ hosts: ["shop.test"] }),
    headers: { host: "evil.test" },
    status: 421
  },
  loadShed: { fairing: () => provided(fairings.loadShed()), status: 503, header: ["retry-after", /^\d+$/] },
  methodNotAllowed: {
    fairing: () => fairings.methodNotAllowed(),
    method: "PUT",
    status: 405,
    header: ["allow", "GET, HEAD, POST, OPTIONS"],
    isForAll: false
  },
  metrics: { fairing: () => fairings.metrics(), status: 200, isForAll: false },
  problemDetails: {
    fairing: () => fairings.problemDetails(),
    path: "/missing",
    status: 404,
    header: ["content-type", "application/problem+json"]
  },
  rateLimit: {
    fairing: () => provided(fairings.rateLimit({ limit: 2, window: "1 hour" })),
    times: 3,
    status: 429,
    header: ["retry-after", /^\d+$/]
  },
  requestFirewall: { fairing: () => fairings.requestFirewall(), path: "/%2e%2e%2f", status: 400 },
  requestId: {
    fairing: () => fairings.requestId({ trust: true }),
    path: "/id",
    headers: { "x-request-id": "r-1" },
    header: ["x-request-id", "r-1"],
    text: "r-1"
  },
  securityHeaders: { fairing: () => fairings.securityHeaders(), header: ["x-content-type-options", "nosniff"] },
  timeouts: { fairing: () => fairings.timeouts({ handler: "10 millis" }), path: "/slow", status: 503, isForAll: false },
  trustedProxy: {
    fairing: () => fairings.trustedProxy({ trust: ["10.0.0.0/8"] }),
    path: "/address",
    headers: { "x-forwarded-for": "203.0.113.7" },
    remoteAddress: "10.1.2.3",
    text: "203.0.113.7",
    isForAll: false
  }
}

/** Exports that are no middleware. */
const helpers = new Set(["readSession", "cspNonce", "sameSecret", "secureCookie"])
/** Middleware for a pipeline alone; the guide says why. */
const forPipelines = ["authentication", "idempotencyKey", "recommended", "session", "validation"]

const serverOf = (list: ReadonlyArray<Fairing.Fairing>) => {
  const app = list.reduce<App.App<never, never, never>>(
    (app, fairing) => app.attach(fairing),
    App.make("shop")
      .manage(Layer.merge(Layer.fresh(limiter), fullHeap))
      .mount(HttpRouter.add("GET", "/unused", HttpServerResponse.empty())) as never
  )
  return TestApp.make(app.mount(routes))
}

/** The last reply to the requests of a row. */
const replyTo = (
  server: Effect.Success<ReturnType<typeof serverOf>>,
  { body, headers = {}, method = "GET", path = "/", remoteAddress, times = 1 }: Row
) =>
  Effect.gen(function* () {
    const options = {
      headers,
      ...(body === undefined ? {} : { body }),
      ...(remoteAddress === undefined ? {} : { remoteAddress })
    }
    let reply = yield* Effect.forkChild(server.send(method, path, options), { startImmediately: true })
    for (let time = 1; time < times; time++) {
      yield* Fiber.join(reply)
      reply = yield* Effect.forkChild(server.send(method, path, options), { startImmediately: true })
    }
    yield* TestClock.adjust("10 millis")
    return yield* Fiber.join(reply)
  })

describe("the middleware of an application", () => {
  it("has a fairing for each ready-made middleware that needs no schema, user or handler of a route", () => {
    const makers = Object.entries(middleware)
      .filter(([name, made]) => typeof made === "function" && /^[a-z]/.test(name) && !helpers.has(name))
      .map(([name]) => name)
    assert.deepStrictEqual(makers.toSorted(), [...Object.keys(rows), ...forPipelines].toSorted())
    const guide = readFileSync("docs/app/fairings.md", "utf8")
    for (const name of Object.keys(rows)) assert.include(guide, `[\`${name}\`](#`, name)
    for (const name of forPipelines) assert.match(guide, new RegExp(`^\\| \`${name}\` \\| [A-Za-z]`, "m"), name)
  })

  for (const [name, row] of Object.entries(rows)) {
    it.effect(`middleware: ${name} acts on a route, and attached twice it acts once`, () =>
      Effect.gen(function* () {
        const replies = []
        const isShared = name === "rateLimit"
        if (isShared) assert.throws(() => App.make("a").attach(row.fairing()).attach(row.fairing()), InvalidOption)
        for (const list of isShared ? [[row.fairing()]] : [[row.fairing()], [row.fairing(), row.fairing()]]) {
          const server = yield* serverOf(list)
          const reply = yield* replyTo(server, row)
          assert.strictEqual(reply.status, row.status ?? 200)
          if (row.text !== undefined) assert.strictEqual(reply.text, row.text)
          if (row.header !== undefined) {
            const [header, value] = row.header
            if (typeof value === "string") assert.strictEqual(reply.headers.get(header), value)
            else assert.match(reply.headers.get(header) ?? "", value)
          }
          replies.push([reply.status, reply.text, [...reply.headers]])
          if (row.isForAll !== false) {
            const missing = yield* replyTo(yield* serverOf(list), {
              ...row,
              ...(row.path === undefined || row.path === "/id" ? { path: "/no-route" } : {})
            })
            assert.strictEqual(missing.status, row.status ?? 404)
          }
        }
        if (replies.length > 1) assert.deepStrictEqual(replies[0], replies[1])
        // It is a fairing like any other: by name in the description of the application.
        assert.deepInclude(App.fairings(App.make("a").attach(row.fairing()))[0], { name })
      })
    )
  }

  it.effect("middleware: a fairing refuses only what its middleware refuses", () =>
    Effect.gen(function* () {
      for (const [name, { fairing }] of Object.entries(rows)) {
        if (["loadShed", "hostPolicy"].includes(name)) continue
        const server = yield* serverOf([fairing()])
        assert.strictEqual((yield* server.get("/", { remoteAddress: "198.51.100.7" })).text, "ok", name)
      }
    })
  )

  it.effect("middleware: two applications with one recipe have a state each", () =>
    Effect.gen(function* () {
      const fairing = provided(fairings.rateLimit({ limit: 1, window: "1 hour" }))
      for (let time = 0; time < 2; time++) {
        const server = yield* serverOf([fairing])
        const statuses = [(yield* server.get("/")).status, (yield* server.get("/")).status]
        assert.deepStrictEqual(statuses, [200, 429])
      }
    })
  )

  it.effect("middleware 5: methodNotAllowed knows the routes of every mount and every fairing", () =>
    Effect.gen(function* () {
      const server = yield* TestApp.make(
        App.make("shop")
          .attach(fairings.methodNotAllowed())
          .attach(fairings.health())
          .mount(HttpRouter.add("GET", "/items/:id", HttpServerResponse.text("item")))
          .mount(HttpRouter.add("DELETE", "/items/:id", HttpServerResponse.empty()))
      )
      const allowed = (method: string, path: string) =>
        Effect.map(server.send(method, path), ({ headers, status }) => [status, headers.get("allow")])
      assert.deepStrictEqual(yield* allowed("PUT", "/items/7"), [405, "DELETE, GET, HEAD, OPTIONS"])
      assert.deepStrictEqual(yield* allowed("OPTIONS", "/items/7"), [204, "DELETE, GET, HEAD, OPTIONS"])
      assert.deepStrictEqual(yield* allowed("POST", "/live"), [405, "GET, HEAD, OPTIONS"])
      assert.deepStrictEqual(yield* allowed("PUT", "/missing"), [404, null])
      assert.deepStrictEqual(yield* allowed("GET", "/items/7"), [200, null])
    })
  )

  it("middleware: options that cannot work throw", () => {
    assert.throws(() => fairings.bodyLimit({ maxBytes: -1 }), InvalidOption)
    assert.throws(() => fairings.methodNotAllowed({ name: " " }), InvalidOption)
  })
})
