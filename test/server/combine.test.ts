import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Interceptor } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import { Name, Place } from "./Journal.ts"

class NoName extends Schema.TaggedError<NoName>()("NoName", {}, { httpApiStatus: 401 }) {}

const name = Middleware.before(
  "name",
  Name,
  RequestView.header("x-name", () => new NoName())
)
const place = Middleware.before("place", Place, ({ url }) => url)
const isMember = ({ url }: { readonly url: string }) => url.startsWith("/members")

const shown = Effect.gen(function* () {
  const who = Option.getOrElse(yield* Middleware.optional(Name), () => "nobody")
  return HttpServerResponse.text(who)
})

class NameOf extends Middleware.Service<NameOf>()("test/combine/NameOf", { provides: Name, error: NoName }) {}

describe("a conditional stage", () => {
  it.effect("server2 4.5: provides its service as an Option, and fails only where it runs", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").before(Middleware.when(isMember, name)).handle(shown).respond(NoName)
      const server = yield* TestServer.make(app)
      const headers = { "x-name": "Ada" }
      assert.strictEqual((yield* server.get("/members", { headers })).text, "Ada")
      assert.strictEqual((yield* server.get("/", { headers })).text, "nobody")
      assert.strictEqual((yield* server.get("/")).status, 200)
      assert.strictEqual((yield* server.get("/members")).status, 401)
    })
  )

  it.effect("server2 4.5: unless runs for the other requests; a class is looked up where it runs", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").before(Middleware.unless(isMember, NameOf)).handle(shown).respond(NoName)
      const server = yield* TestServer.make(app, NameOf.layer(name))
      const headers = { "x-name": "Ada" }
      assert.strictEqual((yield* server.get("/members", { headers })).text, "nobody")
      assert.strictEqual((yield* server.get("/", { headers })).text, "Ada")
      assert.deepStrictEqual(Interceptor.describe(app).interceptors[0]?.provides, [`${Name.key}/optional`])
    })
  )

  it.effect("server2 4.5: a group provides each of its services as an Option", () =>
    Effect.gen(function* () {
      const both = Middleware.every("both", name, place)
      const app = Pipeline.make("p")
        .before(Middleware.when(isMember, both))
        .handle(
          Effect.gen(function* () {
            const found = [yield* Middleware.optional(Name), yield* Middleware.optional(Place)]
            return HttpServerResponse.text(found.map(Option.getOrElse(() => "-")).join(" "))
          })
        )
        .respond(NoName)
      const server = yield* TestServer.make(app)
      const headers = { "x-name": "Ada" }
      assert.strictEqual((yield* server.get("/members/1", { headers })).text, "Ada /members/1")
      assert.strictEqual((yield* server.get("/", { headers })).text, "- -")
    })
  )

  it.effect("server2 4.5: a conditional mapRequest changes the request of later stages, where it runs", () =>
    Effect.gen(function* () {
      const rewrite = Middleware.mapRequest("rewrite", (request) => RequestView.modify(request, { url: "/changed" }))
      const app = Pipeline.make("p")
        .before(Middleware.when(isMember, rewrite))
        .handle(({ url }) => HttpServerResponse.text(url))
      const server = yield* TestServer.make(app)
      assert.strictEqual((yield* server.get("/members")).text, "/changed")
      assert.strictEqual((yield* server.get("/other")).text, "/other")
    })
  )

  it.effect("server2 4.5: an after runs or leaves the response unchanged", () =>
    Effect.gen(function* () {
      const mark = Middleware.after("mark", HttpServerResponse.setHeader("x-mark", "yes"))
      class Mark extends Middleware.Service<Mark>()("test/combine/Mark", { kind: "after" }) {}
      for (const after of [Middleware.when(isMember, mark), Middleware.when(isMember, Mark)]) {
        const app = Pipeline.make("p").handle(HttpServerResponse.empty()).after(after)
        const server = yield* TestServer.make(app, Mark.layer(mark))
        assert.strictEqual((yield* server.get("/members")).headers.get("x-mark"), "yes")
        assert.isNull((yield* server.get("/")).headers.get("x-mark"))
      }
    })
  )
})

describe("the place of a middleware", () => {
  it.effect("middleware: on a prefix, it runs once for each path below, wherever it is mounted (hono#687)", () =>
    Effect.gen(function* () {
      let runs = 0
      const count = Middleware.before("count", () => void runs++)
      const isBelow = ({ url }: { readonly url: string }) => /^\/members(?:\/|$)/.test(url)
      const routes = (path: `/${string}`) => HttpRouter.add("GET", path, HttpServerResponse.text(path))
      const members = Layer.merge(routes("/members"), routes("/members/:id"))
      const all = Layer.merge(members, routes("/other"))
      const group = Pipeline.middleware(Pipeline.make("group").before(count).next())
      const handlerOf = (layer: unknown) => Pipeline.routes(layer as typeof all)
      const open = Pipeline.make("p")
      const rest = yield* handlerOf(all)
      const grouped = yield* handlerOf(Layer.merge(Layer.provide(members, group.layer), routes("/other")))
      const mounts: Readonly<Record<string, unknown>> = {
        "a condition": open.before(Middleware.when(isBelow, count)).handle(rest),
        "a condition on a group": open.before(Middleware.when(isBelow, Middleware.every("g", count))).handle(rest),
        "the other condition": open.before(Middleware.unless((request) => !isBelow(request), count)).handle(rest),
        "a pipeline around the routes": open.handle(grouped),
        "two pipelines, one of them around the routes": open.handle(Pipeline.make("inner").handle(grouped))
      }
      for (const [mount, app] of Object.entries(mounts)) {
        const server = yield* TestServer.make(app as Pipeline.Closed<never, never, never>)
        for (const [path, expected] of [
          ["/members", 1],
          ["/members/7", 1],
          ["/other", 0]
        ] as const) {
          runs = 0
          assert.strictEqual((yield* server.get(path)).status, 200, mount)
          assert.strictEqual(runs, expected, `${mount}: ${path}`)
        }
      }
    })
  )
})

describe("a list of befores", () => {
  it.effect("server2 4.5: runs in order, each with the services of those before it", () =>
    Effect.gen(function* () {
      const greet = Middleware.before(
        "greet",
        Place,
        Effect.map(Name, (name) => `Hello, ${name}`)
      )
      const app = Pipeline.make("p")
        .befores([name, greet])
        .handle(Effect.map(Place, (text) => HttpServerResponse.text(text)))
      const server = yield* TestServer.make(app.respond(NoName))
      assert.strictEqual((yield* server.get("/", { headers: { "x-name": "Ada" } })).text, "Hello, Ada")
      assert.deepStrictEqual(
        Interceptor.describe(app).interceptors.map((info) => info.name),
        ["name", "greet", "handler"]
      )
    })
  )
})

describe("a stage that shadows", () => {
  it.effect("server2 4.3: the earlier stage reads the service from outside, later ones that of the stage", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const app = Pipeline.make("p")
        .before(
          Middleware.before(
            "early",
            Effect.map(Name, (name) => void seen.push(name))
          )
        )
        .before(Middleware.shadow(name))
        .handle(Effect.map(Name, (name) => HttpServerResponse.text(name)))
        .respond(NoName)
      const server = yield* Effect.provideContext(TestServer.make(app), Context.make(Name, "outside"))
      assert.strictEqual((yield* server.get("/", { headers: { "x-name": "Ada" } })).text, "Ada")
      assert.deepStrictEqual(seen, ["outside"])
    })
  )
})

describe("respond", () => {
  class Base extends Schema.TaggedError<Base>()("Base", { id: Schema.Number }, { httpApiStatus: 404 }) {}
  class Extended extends Base.extend<Extended>("test/combine/Extended")({ since: Schema.Number }) {}
  class Plain extends Base {}

  it.effect("server2 4.2: answers for a subclass with the status of its parent and its own fields", () =>
    Effect.gen(function* () {
      for (const [error, body] of [
        [new Extended({ id: 1, since: 2 }), { _tag: "Base", id: 1, since: 2 }],
        [new Plain({ id: 1 }), { _tag: "Base", id: 1 }],
        [new Base({ id: 1 }), { _tag: "Base", id: 1 }]
      ] as const) {
        const app = Pipeline.make("p").handle(Effect.fail<Base>(error)).respond(Base)
        const reply = yield* Effect.flatMap(TestServer.make(app), (server) => server.get("/"))
        assert.strictEqual(reply.status, 404)
        assert.deepStrictEqual(reply.json(), body)
      }
    })
  )
})
