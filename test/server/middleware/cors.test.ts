import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import * as fairings from "fairlead/app/fairings"
import { Middleware, Pipeline } from "fairlead/server"
import { authentication, AuthenticationError, cors } from "fairlead/server/middleware"
import type { CorsOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { keepLogs, logsOf } from "../Logs.ts"
import { errorPaths, terminalsOf } from "./ErrorPaths.ts"

const app = "https://app.example"
const evil = "https://evil.example"

const preflight = (origin: string, more: Record<string, string> = {}) => ({
  headers: { origin, "access-control-request-method": "PUT", ...more }
})

/** The CORS headers of a reply by their names after `access-control-`, and `vary`. */
const shared = ({ headers }: { readonly headers: Headers }): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...headers].flatMap(([name, value]) =>
      name === "vary" || name.startsWith("access-control-")
        ? [[name.replace(/^access-control-(?:allow-)?/, ""), value] as const]
        : []
    )
  )

const asked = "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"

const methods = "GET, HEAD, PUT, PATCH, POST, DELETE"

const serverOf = (options: CorsOptions, handler = Effect.succeed(HttpServerResponse.text("ok", { status: 201 }))) =>
  TestServer.make(Pipeline.make("p").outer(cors(options)).handle(handler))

describe("cors: preflights", () => {
  it.effect(
    "middleware 2: a preflight is OPTIONS with Origin and Access-Control-Request-Method, and runs no stage",
    () =>
      Effect.gen(function* () {
        const server = yield* serverOf({ allowedOrigins: [app] })
        const { headers } = preflight(app)
        const reply = yield* server.send("OPTIONS", "/", { headers })
        assert.deepStrictEqual([reply.status, reply.text], [204, ""])
        TestServer.expect(reply, { status: 204, skipped: ["handler"] })
        const others: ReadonlyArray<readonly [string, Record<string, string>]> = [
          ["OPTIONS", {}],
          ["OPTIONS", { origin: app }],
          ["OPTIONS", { "access-control-request-method": "PUT" }],
          ["POST", headers]
        ]
        for (const [method, headers] of others) {
          TestServer.expect(yield* server.send(method, "/", { headers }), { status: 201, ran: ["handler"] })
        }
      })
  )

  it.effect("middleware 2: an allowed one says methods, headers and age; a refused one has no header but Vary", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({
        allowedOrigins: [app],
        allowedHeaders: ["content-type", "x-token"],
        allowedMethods: ["GET", "PUT"],
        exposedHeaders: ["x-total"],
        maxAge: "10 minutes"
      })
      const allowed = yield* server.send("OPTIONS", "/", preflight(app))
      assert.deepStrictEqual(shared(allowed), {
        origin: app,
        methods: "GET, PUT",
        headers: "content-type, x-token",
        "max-age": "600",
        vary: `Origin, ${asked}`
      })
      const refused = yield* server.send("OPTIONS", "/", preflight(evil))
      assert.deepStrictEqual([refused.status, shared(refused)], [204, { vary: `Origin, ${asked}` }])
      assert.deepStrictEqual(shared(yield* server.send("OPTIONS", "/")), { vary: `Origin, ${asked}` })
    })
  )

  it.effect("middleware 2: without allowedHeaders a page may set those it asks for, and only names come back", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ allowedOrigins: "*" })
      const headersFor = (list: string) =>
        Effect.map(
          server.send("OPTIONS", "/", preflight(app, { "access-control-request-headers": list })),
          (reply) => shared(reply)["headers"]
        )
      assert.strictEqual(yield* headersFor("content-type,x-token"), "content-type, x-token")
      assert.strictEqual(yield* headersFor('x-a, "b", c d, , x-e=1'), "x-a")
      assert.isUndefined(yield* headersFor(" , "))
      assert.deepStrictEqual(shared(yield* server.send("OPTIONS", "/", preflight(app))), {
        origin: "*",
        methods,
        vary: asked
      })
    })
  )

  it.effect("middleware 2: a preflight needs no credential, where cors is outside of authentication", () =>
    Effect.gen(function* () {
      class User extends Context.Service<User, string>()("test/User") {}
      const verify = () => Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
      const secured = Pipeline.make("p")
        .outer(cors({ allowedOrigins: [app] }))
        .before(authentication(User, { from: "bearer", verify }))
        .handle(HttpServerResponse.empty())
        .respond()
      const server = yield* TestServer.make(secured)
      assert.strictEqual((yield* server.send("OPTIONS", "/", preflight(app))).status, 204)
      const refused = yield* server.get("/", { headers: { origin: app } })
      assert.deepStrictEqual([refused.status, shared(refused)], [401, { origin: app, vary: "Origin" }])
    })
  )

  it.effect("middleware 2: a private network is reached only where the options say so", () =>
    Effect.gen(function* () {
      const wanted = preflight(app, { "access-control-request-private-network": "true" })
      const reply = (privateNetwork: boolean, options = wanted) =>
        Effect.flatMap(serverOf({ allowedOrigins: [app], privateNetwork }), (server) =>
          Effect.map(server.send("OPTIONS", "/", options), (reply) => shared(reply)["private-network"])
        )
      assert.strictEqual(yield* reply(true), "true")
      assert.isUndefined(yield* reply(false))
      assert.isUndefined(yield* reply(true, preflight(app)))
      assert.isUndefined(yield* reply(true, preflight(evil, { "access-control-request-private-network": "true" })))
    })
  )
})

describe("cors: responses", () => {
  it.effect(
    "middleware 2: an allowed origin gets itself, a refused one nothing, and caches hear of both by Vary (gorilla/handlers#248)",
    () =>
      Effect.gen(function* () {
        const server = yield* serverOf({
          allowedOrigins: [app],
          credentials: true,
          exposedHeaders: ["x-total", "x-page"]
        })
        assert.deepStrictEqual(shared(yield* server.get("/", { headers: { origin: app } })), {
          origin: app,
          credentials: "true",
          "expose-headers": "x-total, x-page",
          vary: "Origin"
        })
        assert.deepStrictEqual(shared(yield* server.get("/", { headers: { origin: evil } })), { vary: "Origin" })
        assert.deepStrictEqual(shared(yield* server.get("/")), { vary: "Origin" })
      })
  )

  it.effect("middleware 2: * is for all origins, the opaque one too, and does not vary", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ allowedOrigins: "*" })
      for (const origin of [app, evil, "null"]) {
        assert.deepStrictEqual(shared(yield* server.get("/", { headers: { origin } })), { origin: "*" })
      }
      assert.deepStrictEqual(shared(yield* server.get("/")), {})
    })
  )

  it.effect("middleware 2: the opaque origin is refused unless it is named", () =>
    Effect.gen(function* () {
      const origin = "null"
      const refusing = yield* serverOf({ allowedOrigins: [app] })
      assert.isUndefined(shared(yield* refusing.get("/", { headers: { origin } }))["origin"])
      const allowing = yield* serverOf({ allowedOrigins: ["null"] })
      assert.strictEqual(shared(yield* allowing.get("/", { headers: { origin } }))["origin"], "null")
    })
  )

  it.effect("middleware 2: a pattern is every subdomain, and nothing that only looks like one", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ allowedOrigins: ["https://*.example.com", "http://localhost:3000"] })
      const isAllowed = (origin: string) =>
        Effect.map(server.get("/", { headers: { origin } }), (reply) => shared(reply)["origin"] === origin)
      for (const origin of ["https://a.example.com", "https://a.b.example.com", "http://localhost:3000"]) {
        assert.isTrue(yield* isAllowed(origin), origin)
      }
      const others = [
        "https://example.com",
        "https://.example.com",
        "http://a.example.com",
        "https://a.example.com:8443",
        "https://evilexample.com",
        "https://a.example.com.evil.example",
        "https://evil.example#.example.com",
        "https://evil.example/.example.com",
        "https://evil.example?.example.com",
        "https://user@a.example.com",
        "https://A.example.com",
        "http://localhost:30000",
        "http://localhost",
        "https://a.example.com, https://evil.example"
      ]
      for (const origin of others) assert.isFalse(yield* isAllowed(origin), origin)
    })
  )

  it.effect("middleware 2: a function decides, with services too; a defect in it refuses", () =>
    Effect.gen(function* () {
      class Tenants extends Context.Service<Tenants, ReadonlySet<string>>()("test/Tenants") {}
      const known = (origin: string) => Effect.map(Tenants, (tenants) => tenants.has(origin))
      const tenanted = Pipeline.make("p")
        .outer(cors({ allowedOrigins: known, credentials: true }))
        .handle(HttpServerResponse.empty())
      const server = yield* TestServer.make(tenanted, Layer.succeed(Tenants, new Set([app])))
      assert.strictEqual(shared(yield* server.get("/", { headers: { origin: app } }))["origin"], app)
      assert.deepStrictEqual(shared(yield* server.get("/", { headers: { origin: evil } })), { vary: "Origin" })
      const plain = yield* serverOf({ allowedOrigins: (origin, { url }) => origin === app && url === "/open" })
      assert.strictEqual(shared(yield* plain.get("/open", { headers: { origin: app } }))["origin"], app)
      assert.isUndefined(shared(yield* plain.get("/other", { headers: { origin: app } }))["origin"])
      const broken = yield* serverOf({
        allowedOrigins: () => {
          throw new Error("broken")
        }
      })
      const [reply, lines] = yield* logsOf(broken.get("/", { headers: { origin: app } }))
      assert.deepStrictEqual([reply.status, shared(reply)["origin"], lines.length], [201, undefined, 1])
    })
  )

  it.effect(
    "middleware 2: the Vary of the response stays, and that of the request never comes back (GHSA-q7jf-gf43-6x6p)",
    () =>
      Effect.gen(function* () {
        const varies = (vary: string) => Effect.succeed(HttpServerResponse.empty({ headers: { vary } }))
        const reply = (vary: string) =>
          Effect.flatMap(serverOf({ allowedOrigins: [app] }, varies(vary)), (server) =>
            server.get("/", { headers: { origin: app, vary: "X-Evil" } })
          )
        assert.strictEqual(shared(yield* reply("Accept"))["vary"], "Accept, Origin")
        assert.strictEqual(shared(yield* reply("accept, ORIGIN"))["vary"], "accept, ORIGIN")
        assert.strictEqual(shared(yield* reply("*"))["vary"], "*")
      })
  )

  it.effect("middleware 2: mounted twice, the headers are there once; a route's own stay", () =>
    Effect.gen(function* () {
      const own = { "access-control-allow-origin": "https://own.example" }
      const inner = Pipeline.make("inner")
        .outer(cors({ allowedOrigins: [app], name: "inner" }))
        .handle((request) => HttpServerResponse.empty({ headers: request.url === "/own" ? own : {} }))
      const outside = Pipeline.make("outer")
        .outer(cors({ allowedOrigins: [app], credentials: true }))
        .handle(inner)
      const server = yield* TestServer.make(outside)
      const get = (path: string) => Effect.map(server.get(path, { headers: { origin: app } }), shared)
      assert.deepStrictEqual(yield* get("/"), { origin: app, vary: "Origin" })
      assert.deepStrictEqual(yield* get("/own"), { origin: "https://own.example", vary: "Origin" })
    })
  )

  it.effect(
    "middleware 2: whatever an origin is, only an allowed one comes back, and credentials never go to all",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.oneof(
              fc.constantFrom(app, evil, "null", "*", `${app}.evil.example`, `${app}:443`),
              fc.webUrl(),
              fc.string({ unit: fc.constantFrom(...Array.from("https://a.x:*,?#@ \t")), maxLength: 40 })
            ),
            fc.boolean(),
            fc.boolean(),
            async (origin, isAll, isPreflight) => {
              const options: CorsOptions = isAll
                ? { allowedOrigins: "*" }
                : { allowedOrigins: [app], credentials: true }
              const program = Effect.flatMap(serverOf(options), (server) =>
                server.send(isPreflight ? "OPTIONS" : "GET", "/", preflight(origin))
              )
              const headers = shared(await Effect.runPromise(Effect.scoped(program)))
              const allowed = headers["origin"]
              if (isAll) assert.include([undefined, "*"], allowed)
              else assert.strictEqual(allowed, origin.trim() === app ? app : undefined)
              if (allowed === "*" || allowed === undefined) assert.isUndefined(headers["credentials"])
              if (!isAll) assert.match(headers["vary"]!, /\bOrigin\b/)
            }
          ),
          { numRuns: 300 }
        )
      )
  )

  for (const [name, served] of Object.entries(
    terminalsOf(Pipeline.make("all").outer(cors({ allowedOrigins: [app] })), fairings.cors({ allowedOrigins: [app] }))
  )) {
    it.live(`middleware 2: on ${name}, every response for an allowed origin has them, errors too`, () =>
      Effect.gen(function* () {
        const { call } = yield* served
        for (const [method, path, status] of errorPaths) {
          for (const origin of [app, evil]) {
            const answer = yield* call(path, { method, headers: { origin } })
            const vary = method === "OPTIONS" ? `Origin, ${asked}` : "Origin"
            const expected = origin === app ? { origin, vary } : { vary }
            assert.deepStrictEqual([answer.status, shared(answer)], [status, expected], `${method} ${path}`)
          }
        }
        const answer = yield* call("/missing", { method: "OPTIONS", ...preflight(app) })
        assert.deepStrictEqual([answer.status, shared(answer)["methods"]], [204, methods])
      }).pipe(Effect.provide(keepLogs().layer))
    )
  }
})

describe("cors as a service", () => {
  class Sharing extends Middleware.Service<Sharing>()("test/Sharing", { kind: "outer" }) {}

  it.effect("middleware 2: a Layer implements it, where a pipeline is built and where it is evaluated", () =>
    Effect.gen(function* () {
      const shares = Pipeline.make("p").outer(Sharing).handle(HttpServerResponse.empty())
      const live = Sharing.layer(cors({ allowedOrigins: [app] }))
      const server = yield* TestServer.make(shares, live)
      assert.deepStrictEqual(shared(yield* server.get("/", { headers: { origin: app } })), {
        origin: app,
        vary: "Origin"
      })
      assert.strictEqual((yield* server.send("OPTIONS", "/", preflight(app))).status, 204)
      const { dispose, handler } = Pipeline.toWebHandlerLayer(shares, live)
      const answer = yield* Effect.promise(() => handler(new Request("http://test/", { headers: { origin: app } })))
      assert.deepStrictEqual(shared(answer), { origin: app, vary: "Origin" })
      yield* Effect.promise(dispose)
    })
  )
})

describe("cors options", () => {
  it.effect(
    "middleware 2: options that the standard forbids, or that no browser would match, throw InvalidOption (hono#4813)",
    () =>
      Effect.sync(() => {
        const bad: ReadonlyArray<readonly [string, unknown]> = [
          ["allowedOrigins", {}],
          ["allowedOrigins", { allowedOrigins: app }],
          ["allowedOrigins", { allowedOrigins: "*", credentials: true }],
          ...[
            "*",
            "app.example",
            `${app}/`,
            `${app}/path`,
            "https://App.example",
            `${app}:443`,
            "https://",
            "https://*",
            "https://*.a/b"
          ].map((origin) => ["allowedOrigins", { allowedOrigins: [origin] }] as const),
          ["allowedMethods", { allowedOrigins: [app], allowedMethods: ["GET POST"] }],
          ["allowedMethods", { allowedOrigins: [app], allowedMethods: ["*"], credentials: true }],
          ["allowedHeaders", { allowedOrigins: [app], allowedHeaders: ["x-a, x-b"] }],
          ["allowedHeaders", { allowedOrigins: [app], allowedHeaders: ["*"], credentials: true }],
          ["exposedHeaders", { allowedOrigins: [app], exposedHeaders: ["*"], credentials: true }],
          ["exposedHeaders", { allowedOrigins: [app], exposedHeaders: ["a\r\nb"] }],
          ["maxAge", { allowedOrigins: [app], maxAge: Number.NaN }],
          ["maxAge", { allowedOrigins: [app], maxAge: -1 }],
          ["credentials", { allowedOrigins: [app], credentials: "yes" }],
          ["name", { allowedOrigins: [app], name: "" }]
        ]
        for (const [option, options] of bad) {
          try {
            cors(options as CorsOptions)
            assert.fail(JSON.stringify(options))
          } catch (error) {
            assert.instanceOf(error, InvalidOption, JSON.stringify(options))
            assert.strictEqual(error.option, option)
          }
        }
        cors({ allowedOrigins: ["chrome-extension://abc", "capacitor://localhost", "http://[::1]:3000"], maxAge: 0 })
      })
  )
})
