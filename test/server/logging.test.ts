import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import type { Scope } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Middleware, Pipeline } from "fairlead/server"
import { RequestId, requestId } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { logsOf, shown } from "./Logs.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { name: Schema.String }, { httpApiStatus: 403 }) {
  override get message() {
    return `No ${this.name}`
  }
}

const forged = "Ada\r\n2026-01-01 INFO paid\u2028\u001b[31m"

type Routes = Effect.Effect<HttpServerResponse.HttpServerResponse>
const routesOf = (layer: never) =>
  Pipeline.routes(layer) as Effect.Effect<unknown, never, Scope.Scope> as Effect.Effect<Routes, never, Scope.Scope>

describe("the log of a request", () => {
  it.effect("server2 3.3: has a line once for each cause except interruptions, whatever produced it", () =>
    Effect.gen(function* () {
      const causes = {
        defect: Effect.die(new Error("boom")),
        failure: Effect.fail(new Denied({ name: "Ada" })),
        outer: Effect.succeed(HttpServerResponse.empty())
      } as const
      for (const [name, handler] of Object.entries(causes)) {
        const pipeline = Pipeline.make("p").handle(handler as Effect.Effect<HttpServerResponse.HttpServerResponse>)
        const app =
          name === "outer" ? pipeline.outer(Middleware.outer("outer", () => Effect.die(new Error("outer")))) : pipeline
        const [, lines] = yield* logsOf(Effect.flatMap(TestServer.make(app), (server) => server.get("/")))
        assert.lengthOf(lines, 1, name)
      }
      const interrupted = Pipeline.make("p").handle(Effect.interrupt)
      const [, none] = yield* logsOf(Effect.flatMap(TestServer.make(interrupted), (server) => server.get("/")))
      assert.deepStrictEqual(none, [])
    })
  )

  it.effect("server2 3.3: escapes control characters, so that no client forges a line", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(Effect.fail(new Denied({ name: forged })))
        .respond(Denied)
      const [reply, lines] = yield* logsOf(Effect.flatMap(TestServer.make(app), (server) => server.get("/")))
      assert.strictEqual(reply.status, 403)
      assert.lengthOf(lines, 1)
      assert.include(lines[0]!.message, String.raw`Ada\u000d\u000a2026-01-01 INFO paid\u2028\u001b[31m`)
      assert.notMatch(lines[0]!.message, /[\p{Cc}\u2028]/u)
    })
  )

  it.effect(
    "server2 3.3: is one line without a stack for a defect that answers below 500, such as a schema error",
    () =>
      Effect.gen(function* () {
        const Api = HttpApi.make("api").add(
          HttpApiGroup.make("rooms").add(
            HttpApiEndpoint.post("make", "/rooms", { payload: Schema.Struct({ name: Schema.String }) })
          )
        )
        const Rooms = HttpApiBuilder.group(Api, "rooms", (handlers) => handlers.handle("make", () => Effect.void))
        const routes = yield* routesOf(HttpApiBuilder.layer(Api).pipe(Layer.provide(Rooms)) as never)
        const app = Pipeline.make("p").handle(routes)
        const server = yield* TestServer.make(app)
        const [reply, lines] = yield* logsOf(server.post("/rooms", { json: {} }))
        assert.strictEqual(reply.status, 400)
        for (const line of lines) {
          assert.notStrictEqual(line.level, "Error")
          assert.notMatch(shown(line), /\n\s+at /)
        }
        assert.isAtMost(lines.length, 1)
      })
  )

  it.effect("server2 3.4: a second requestId in one request keeps the id of the first", () =>
    Effect.gen(function* () {
      let made = 0
      const counting = Effect.sync(() => `id-${++made}`)
      const inner = Pipeline.make("inner")
        .outer(requestId({ generate: counting, name: "second" }))
        .handle(Effect.map(RequestId, (id) => HttpServerResponse.text(id)))
      const app = Pipeline.make("outer")
        .outer(requestId({ generate: counting }))
        .handle(inner)
      const [reply, lines] = yield* logsOf(Effect.flatMap(TestServer.make(app), (server) => server.get("/")))
      assert.strictEqual(reply.text, "id-1")
      assert.strictEqual(reply.headers.get("x-request-id"), "id-1")
      assert.strictEqual(made, 1)
      assert.deepStrictEqual(lines, [])
      assert.isTrue(Exit.isSuccess(reply.exit))
    })
  )
})
