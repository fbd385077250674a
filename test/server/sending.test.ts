import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import type { Scope } from "effect"
import { HttpMiddleware, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import { response } from "./Journal.ts"
import { logsOf } from "./Logs.ts"
import { received, serving } from "./Socket.ts"

const order = "x-order"

/** Writes its name at the end of a header. */
const mark = (name: string, as = name) =>
  Middleware.sending(name, (response) =>
    HttpServerResponse.setHeader(response, order, `${response.headers[order] ?? ""}${as} `)
  )

const orderOf = (reply: TestServer.Reply) => reply.headers.get(order)?.trim()

const get = <E>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, any>,
  options?: TestServer.RequestOptions
) =>
  Effect.flatMap(TestServer.make(app as never) as Effect.Effect<TestServer.TestServer, never, Scope.Scope>, (server) =>
    server.get("/", options)
  )

describe("sending", () => {
  it.effect("server2 1.1: the last declared runs first, and after every after", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .sending(mark("a"))
        .sending(mark("b"))
        .handle(response("H"))
        .sending(mark("c"))
        .after(Middleware.after("after", HttpServerResponse.setHeader(order, "after ")))
      assert.strictEqual(orderOf(yield* get(app)), "after c b a")
    })
  )

  it.effect("server2 1.1: an inner pipeline's run before an outer's, and of one name the innermost runs once", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner").sending(mark("i")).sending(mark("both", "inner-both")).handle(response("H"))
      const app = Pipeline.make("outer").sending(mark("o")).sending(mark("both", "outer-both")).handle(inner)
      assert.strictEqual(orderOf(yield* get(app)), "inner-both i o")
    })
  )

  it.effect("server2 1.1: of one name in one pipeline the last declared runs", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").sending(mark("same", "1")).sending(mark("same", "2")).handle(response("H"))
      assert.strictEqual(orderOf(yield* get(app)), "2")
    })
  )

  it.effect("server2 1.1: a pipeline that an around runs twice has its stages run once", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner").sending(mark("i")).handle(response("H"))
      const app = Pipeline.make("outer").handle(inner, (app) => Effect.andThen(app, app))
      assert.strictEqual(orderOf(yield* get(app)), "i")
    })
  )

  it.effect("server2 1.1: it sees the answer of an outer, and the bare 500 of a defect with its cause", () =>
    Effect.gen(function* () {
      const status = Middleware.sending("status", (response, _, { cause }) =>
        HttpServerResponse.setHeader(response, order, `${response.status} ${cause?.reasons[0]?._tag ?? "answer"}`)
      )
      const early = Middleware.outer("early", () => Effect.succeed(response("early", 503)))
      assert.strictEqual(
        orderOf(yield* get(Pipeline.make("p").sending(status).outer(early).handle(response("H")))),
        "503 answer"
      )
      const [died] = yield* logsOf(get(Pipeline.make("p").sending(status).handle(Effect.die("boom"))))
      assert.strictEqual(orderOf(died), "500 Die")
    })
  )

  it.effect("server2 1.1: a defect in it is logged with its name, and the response goes out without its change", () =>
    Effect.gen(function* () {
      for (const bad of [
        Middleware.sending("bad", () => Effect.die("boom")),
        Middleware.sending("bad", () => {
          throw new Error("boom")
        }),
        Middleware.sending("bad", HttpServerResponse.setHeader("x-name", "Łukasz")),
        Middleware.sending("bad", () => undefined as never)
      ]) {
        const app = Pipeline.make("p").sending(mark("a")).sending(bad).sending(mark("c")).handle(response("H"))
        const [reply, lines] = yield* logsOf(get(app))
        assert.strictEqual(orderOf(reply), "c a")
        assert.isNull(reply.headers.get("x-name"))
        assert.deepStrictEqual(
          lines.map(({ level }) => level),
          ["Error"]
        )
        assert.match(lines[0]!.message, /^Stage "bad" of pipeline "p" died on GET /)
      }
    })
  )

  it.live.each([
    ["is no HTTP", "nonsense\r\n\r\n", 400],
    ["has too long a head", `GET / HTTP/1.1\r\nhost: a\r\nx-long: ${"a".repeat(20_000)}\r\n\r\n`, 431]
  ] as const)(
    "server2 1.1: it does not see an answer of Node's own parser, to a request that %s",
    ([, bytes, status]) =>
      Effect.gen(function* () {
        let seen = 0
        const app = Pipeline.make("p")
          .sending(Middleware.sending("seen", (response) => (seen++, response)))
          .ended(Middleware.ended("ended", () => void seen++))
          .handle(response("H"))
        const { send } = yield* serving(Pipeline.serve(app))
        assert.match(yield* received(yield* send(bytes)), new RegExp(`^HTTP/1.1 ${status} `))
        assert.strictEqual(seen, 0)
      })
  )

  class Build extends Context.Service<Build, string>()("test/Build") {}

  it.effect("server2 1.1: it may be an Effect that uses the pipeline's context", () =>
    Effect.gen(function* () {
      const stamp = Middleware.sending("stamp", (response) =>
        Effect.map(Effect.delay(Build, 0), (build) => HttpServerResponse.setHeader(response, order, build))
      )
      const app = Pipeline.make("p").sending(stamp).handle(response("H"))
      const server = yield* TestServer.make(app, Layer.succeed(Build, "b-1"))
      assert.strictEqual(orderOf(yield* server.get("/")), "b-1")
    })
  )

  it.effect(
    "server2 1.1: it sees the response after Effect's compression, wherever that is, or before it by its option",
    () =>
      Effect.gen(function* () {
        const see = (name: string, compression: "before" | "after") =>
          Middleware.sending(
            name,
            (response) =>
              HttpServerResponse.setHeader(response, `x-${name}`, response.headers["content-encoding"] ?? "plain"),
            { compression }
          )
        const compress = HttpMiddleware.compression({ minSize: 1 })
        const text = HttpServerResponse.text("long enough to compress")
        const inside = Pipeline.make("p")
          .sending(see("late", "after"))
          .sending(see("early", "before"))
          .handle(text, compress)
        const outside = compress(
          Pipeline.make("p").sending(see("late", "after")).sending(see("early", "before")).handle(text)
        )
        for (const app of [inside, outside]) {
          const reply = yield* get(Effect.provide(app, NodeHttpServer.layerHttpServices), {
            headers: { "accept-encoding": "gzip" }
          })
          assert.strictEqual(reply.headers.get("x-early"), "plain")
          assert.strictEqual(reply.headers.get("x-late"), "gzip")
        }
      })
  )
})

describe("ended", () => {
  it.effect("server2 1.2: a defect in an observer is logged with its name, and the others are called", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const app = Pipeline.make("p")
        .ended(Middleware.ended("first", () => void seen.push("first")))
        .ended(Middleware.ended("bad", () => Effect.die("boom")))
        .ended(Middleware.ended("last", () => Effect.sync(() => seen.push("last"))))
        .handle(response("H"))
      const [, lines] = yield* logsOf(get(app))
      assert.deepStrictEqual(seen, ["last", "first"])
      assert.match(lines[0]!.message, /^Stage "bad" of pipeline "p" died on GET /)
      assert.lengthOf(lines, 1)
    })
  )

  it.effect("server2 1.2: it is called after the last byte, when what the handler acquired is released", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const note = (what: string) => Effect.sync(() => void seen.push(what))
      const body = Stream.onExit(Stream.fromIterable([new Uint8Array(3)]), () => note("read"))
      const app = Pipeline.make("p")
        .ended(Middleware.ended("end", (_, { bytes }) => note(`ended ${bytes}`)))
        .handle(Effect.acquireRelease(Effect.succeed(HttpServerResponse.stream(body)), () => note("released")))
      yield* get(app)
      assert.deepStrictEqual(seen, ["read", "released", "ended 3"])
    })
  )
})
