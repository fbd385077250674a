import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Interceptor, InvalidOption } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { bodyLimit } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { Name, Place } from "./Journal.ts"

class NoName extends Schema.TaggedError<NoName>()("NoName", {}, { httpApiStatus: 401 }) {}
class NoKey extends Schema.TaggedError<NoKey>()("NoKey", {}, { httpApiStatus: 403 }) {}

const name = Middleware.before(
  "name",
  Name,
  RequestView.header("x-name", () => new NoName())
)
const key = Middleware.before("key", RequestView.header("x-key", () => new NoKey()).pipe(Effect.asVoid))
const place = Middleware.before("place", Place, ({ url }) => url)
const machine = Middleware.every("machine", key, place, Middleware.before("as-name", Name, Place))

class NameOf extends Middleware.Service<NameOf>()("test/some/NameOf", { provides: Name, error: NoName }) {}

const shown = Effect.gen(function* () {
  const where = Option.getOrElse(yield* Middleware.optional(Place), () => "nowhere")
  return HttpServerResponse.text(`${yield* Name} ${where}`)
})

describe("some", () => {
  it.effect("lets in whom one alternative lets in, and fails as the last", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.some("who", machine, name))
        .handle(shown)
        .respond(NoName)
      const server = yield* TestServer.make(app)
      assert.strictEqual((yield* server.get("/a", { headers: { "x-key": "k" } })).text, "/a /a")
      assert.strictEqual((yield* server.get("/a", { headers: { "x-name": "Ada" } })).text, "Ada nowhere")
      assert.strictEqual((yield* server.get("/a", { headers: { "x-key": "k", "x-name": "Ada" } })).text, "/a /a")
      assert.strictEqual((yield* server.get("/a")).status, 401)
      const other = Pipeline.make("p")
        .before(Middleware.some("who", name, key))
        .handle(HttpServerResponse.empty())
        .respond(NoKey)
      assert.strictEqual((yield* (yield* TestServer.make(other)).get("/")).status, 403)
    })
  )

  it.effect("never runs an alternative because the handler or a later stage failed", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const noting = (text: string) => Middleware.before(text, () => void ran.push(text))
      const app = Pipeline.make("p")
        .before(Middleware.some("either", noting("first"), noting("second")))
        .before(Middleware.before("later", ({ url }) => (url === "/later" ? Effect.fail(new NoKey()) : Effect.void)))
        .handle(({ url }) => (url === "/" ? Effect.fail(new NoName()) : Effect.die("bug")))
        .respond(NoName, NoKey)
      const server = yield* TestServer.make(app)
      for (const [path, status] of [
        ["/", 401],
        ["/later", 403],
        ["/die", 500]
      ] as const) {
        assert.strictEqual((yield* server.get(path)).status, status)
      }
      assert.deepStrictEqual(ran, ["first", "first", "first"])
    })
  )

  it.effect("stops at a defect and at an interruption", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const second = Middleware.before("second", () => void ran.push("second"))
      for (const first of [
        Middleware.before("dies", () => Effect.die("bug")),
        Middleware.before("throws", (): void => {
          throw new Error("bug")
        }),
        Middleware.before("interrupted", () => Effect.interrupt)
      ]) {
        const app = Pipeline.make("p")
          .before(Middleware.some("either", first, second))
          .handle(HttpServerResponse.empty())
        const request = HttpServerRequest.fromWeb(new Request("http://t/"))
        const exit = yield* Effect.exit(
          Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, request))
        )
        assert.isTrue(Exit.isFailure(exit))
      }
      assert.deepStrictEqual(ran, [])
    })
  )

  it.effect("drops the services and the changed request of an alternative that failed", () =>
    Effect.gen(function* () {
      const changing = Middleware.every(
        "changing",
        Middleware.mapRequest("changed", (request) => RequestView.modify(request, { url: "/changed" })),
        place,
        key
      )
      const app = Pipeline.make("p")
        .before(Middleware.some("either", changing, name))
        .handle((request) =>
          Effect.map(Middleware.optional(Place), (where) => HttpServerResponse.text(`${request.url} ${where._tag}`))
        )
        .respond(NoName)
      const server = yield* TestServer.make(app)
      assert.strictEqual((yield* server.get("/a", { headers: { "x-name": "Ada" } })).text, "/a None")
      assert.strictEqual((yield* server.get("/a", { headers: { "x-key": "k" } })).text, "/changed Some")
    })
  )

  it.effect("takes a service from outside where not every alternative provides it", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.some("either", place, key))
        .handle(Effect.map(Place, HttpServerResponse.text))
        .respond(NoKey)
      const server = yield* TestServer.make(app, Layer.succeed(Place, "outside"))
      assert.strictEqual((yield* server.get("/inside")).text, "outside")
    })
  )

  it.effect("keeps what an alternative sets beside its services: a limit of the body", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.some("either", Middleware.every("small", key, bodyLimit({ maxBytes: 2 })), name))
        .handle(
          Effect.map(
            Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text),
            HttpServerResponse.text
          )
        )
        .respond(NoName)
      const server = yield* TestServer.make(app)
      const body = () => new Blob(["1234"]).stream() as never
      assert.strictEqual((yield* server.post("/", { body: body(), headers: { "x-key": "k" } })).status, 413)
      assert.strictEqual((yield* server.post("/", { body: body(), headers: { "x-name": "Ada" } })).text, "1234")
    })
  )

  it.effect("nests, and looks a class up where it runs", () =>
    Effect.gen(function* () {
      const either = Middleware.some("either", Middleware.some("inner", machine, NameOf), name)
      const app = Pipeline.make("p").before(either).handle(Effect.map(Name, HttpServerResponse.text)).respond(NoName)
      const fixed = Middleware.before("fixed", Name, ({ url }) =>
        url === "/" ? Effect.succeed("fixed") : Effect.fail(new NoName())
      )
      const server = yield* TestServer.make(app, NameOf.layer(fixed))
      assert.strictEqual((yield* server.get("/")).text, "fixed")
      assert.strictEqual((yield* server.get("/a", { headers: { "x-name": "Ada" } })).text, "Ada")
      assert.strictEqual((yield* server.get("/a")).status, 401)
    })
  )

  it("describes its alternatives", () => {
    const app = Pipeline.make("p")
      .before(Middleware.some("who", machine, name))
      .handle(HttpServerResponse.empty())
    const [info] = Interceptor.describe(app).interceptors
    assert.deepStrictEqual(info?.provides, [Name.key, `${Place.key}/optional`])
    assert.deepStrictEqual(
      info?.inner.map((inner) => inner.name),
      ["machine", "name"]
    )
    assert.include(Interceptor.toText(app), "machine")
  })

  it("takes befores only, and one at least", () => {
    assert.throws(() => Middleware.some("none", ...([] as never)), InvalidOption)
    assert.throws(() => Middleware.some("wrong", {} as never), InvalidOption)
  })
})
