import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import type { Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

class Missing extends Schema.TaggedError<Missing>()("Missing", {}, { httpApiStatus: 422 }) {}

const readers = {
  header: RequestView.header,
  cookie: RequestView.cookie,
  query: RequestView.query,
  param: RequestView.param
} as const

const places: ReadonlyArray<keyof typeof readers> = ["header", "cookie", "query", "param"]

type Routes = Effect.Effect<HttpServerResponse.HttpServerResponse, Missing>
const routesOf = (layer: never) =>
  Pipeline.routes(layer) as Effect.Effect<unknown, never, Scope.Scope> as Effect.Effect<Routes, never, Scope.Scope>

/** A route whose path, query, headers and cookies have the value, or not. */
const serverOf = (handler: Effect.Effect<HttpServerResponse.HttpServerResponse, any, any>) =>
  Effect.gen(function* () {
    const routes = yield* routesOf(
      Layer.mergeAll(HttpRouter.add("GET", "/:count", handler), HttpRouter.add("GET", "/", handler)) as never
    )
    const app = Pipeline.make("p").handle(routes)
    return yield* TestServer.make(app.respond(Missing))
  })

const full = { headers: { count: "3", cookie: "count=3" } }

describe.each(places)("RequestView.%s", (place) => {
  const read = readers[place] as typeof RequestView.header

  it.effect("server2 4.4: reads an Option", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(
        Effect.map(read("count"), (found) => HttpServerResponse.text(Option.getOrElse(found, () => "none")))
      )
      assert.strictEqual((yield* server.get("/3?count=3", full)).text, "3")
      assert.strictEqual((yield* server.get("/")).text, "none")
    })
  )

  it.effect("server2 4.4: fails with its error where the value is missing", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(
        Effect.map(
          read("count", () => new Missing()),
          HttpServerResponse.text
        )
      )
      assert.strictEqual((yield* server.get("/3?count=3", full)).text, "3")
      assert.strictEqual((yield* server.get("/")).status, 422)
    })
  )

  it.effect("server2 4.4: decodes by a schema", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(
        Effect.match(read("count", Schema.NumberFromString), {
          onFailure: () => HttpServerResponse.text("wrong", { status: 400 }),
          onSuccess: (count) => HttpServerResponse.text(String(count + 1))
        })
      )
      assert.strictEqual((yield* server.get("/3?count=3", full)).text, "4")
      assert.strictEqual((yield* server.get("/")).status, 400)
    })
  )
})

describe("a reader in a before", () => {
  it.effect("server2 4.4: a header is found by any case of its name; an empty query parameter is a value", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Middleware.before("check", Effect.asVoid(RequestView.header("X-Name", () => new Missing()))))
        .handle(Effect.map(RequestView.query("q"), (q) => HttpServerResponse.text(JSON.stringify(Option.getOrNull(q)))))
        .respond(Missing)
      const server = yield* TestServer.make(app)
      assert.strictEqual((yield* server.get("/?q=", { headers: { "x-name": "Ada" } })).text, `""`)
      assert.strictEqual((yield* server.get("/")).status, 422)
    })
  )
})
