import { assert, describe, it } from "@effect/vitest"
import type { Exit } from "effect"
import { Deferred, Effect, Fiber, Schedule, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)

describe("the testing kit of the server part", () => {
  it.effect("server2 5.1: keeps binary bodies as bytes, in both directions", () =>
    Effect.gen(function* () {
      const echo = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.map(Effect.orDie(request.arrayBuffer), (body) => HttpServerResponse.uint8Array(new Uint8Array(body)))
      )
      const server = yield* TestServer.make(Pipeline.make("p").handle(echo))
      const reply = yield* server.post("/", { body: bytes })
      assert.deepStrictEqual(reply.bytes, bytes)
    })
  )

  it.effect("server2 5.1: reads an endless stream in part, and hangs up at the end of the scope", () =>
    Effect.gen(function* () {
      const released = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const ticks = Stream.fromSchedule(Schedule.forever).pipe(
        Stream.map((at) => new TextEncoder().encode(`${at};`)),
        Stream.onExit((exit) => Deferred.succeed(released, exit))
      )
      const server = yield* TestServer.make(Pipeline.make("p").handle(HttpServerResponse.stream(ticks)))
      const text = yield* Effect.scoped(
        Effect.gen(function* () {
          const { body, status } = yield* server.open("GET", "/")
          assert.strictEqual(status, 200)
          return yield* body.pipe(Stream.decodeText, Stream.take(3), Stream.mkString)
        })
      )
      assert.match(text, /^0;/)
      yield* Deferred.await(released)
    })
  )

  it.effect("server2 5.1: has the remote address of a request", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").handle(({ remoteAddress }) => HttpServerResponse.jsonUnsafe(remoteAddress))
      const server = yield* TestServer.make(app)
      assert.include((yield* server.get("/", { remoteAddress: "192.0.2.1" })).text, "192.0.2.1")
      assert.notInclude((yield* server.get("/")).text, "192.0.2.1")
    })
  )

  it.effect("server2 5.1: keeps cookies between requests, unless its option is false", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").handle((request) =>
        HttpServerResponse.text(request.cookies["visit"] ?? "first").pipe(
          HttpServerResponse.setCookieUnsafe("visit", "again")
        )
      )
      const server = yield* TestServer.make(app)
      assert.deepStrictEqual([(yield* server.get("/")).text, (yield* server.get("/")).text], ["first", "again"])
      assert.strictEqual((yield* server.get("/", { headers: { cookie: "visit=own" } })).text, "own")
      assert.deepStrictEqual(
        (yield* server.cookies).map(({ name }) => name),
        ["visit"]
      )
      const forgetful = yield* TestServer.make(app, undefined, { cookies: false })
      assert.deepStrictEqual([(yield* forgetful.get("/")).text, (yield* forgetful.get("/")).text], ["first", "first"])
      assert.deepStrictEqual(yield* forgetful.cookies, [])
    })
  )

  const chat = Effect.gen(function* () {
    const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
    const pull = yield* Socket.readerString(socket)
    const writer = yield* socket.writer
    return yield* Effect.forever(Effect.flatMap(pull, ([text]) => writer.write(`echo ${text}`)))
  }).pipe(
    Effect.scoped,
    Effect.catchTag("SocketError", () => Effect.succeed(HttpServerResponse.empty())),
    Effect.orDie
  )

  it.effect("server2 5.1: upgrades to a socket, also a changed request, and closes it from either side", () =>
    Effect.gen(function* () {
      const rewrite = Middleware.mapRequest("rewrite", (request) => RequestView.modify(request, { url: "/changed" }))
      const app = Pipeline.make("p").before(rewrite).handle(chat)
      const server = yield* TestServer.make(app)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const socket = yield* server.upgrade("/chat")
          const writer = yield* socket.writer
          const pull = yield* Socket.readerString(socket)
          yield* writer.write("hello")
          assert.deepStrictEqual(yield* pull, ["echo hello"])
          yield* writer.write(new Socket.CloseEvent(1000, "done"))
          const { reason } = yield* Effect.flip(pull)
          assert.strictEqual(reason._tag, "SocketCloseError")
        })
      )
      const leaving = yield* Effect.forkChild(Effect.scoped(Effect.asVoid(server.upgrade("/chat"))))
      yield* Fiber.join(leaving)
    })
  )

  it.effect("server2 5.1: returns the reply of a handler that does not upgrade", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.make(Pipeline.make("p").handle(HttpServerResponse.empty({ status: 403 })))
      const reply = yield* Effect.flip(server.upgrade("/chat"))
      assert.strictEqual(reply.status, 403)
    })
  )

  it.effect("server2 5.2: refuses what a socket refuses", () =>
    Effect.gen(function* () {
      const wrong = HttpServerResponse.setHeader(HttpServerResponse.text("hello"), "content-length", "3")
      const server = yield* TestServer.make(Pipeline.make("p").handle(wrong))
      const dies = (reply: Effect.Effect<unknown>) => Effect.map(Effect.exit(reply), String)
      assert.include(yield* dies(server.get("/")), "The body has 5 bytes, and its content-length is 3")
      assert.strictEqual((yield* server.send("HEAD", "/")).status, 200)
      assert.include(yield* dies(server.get("/", { headers: { "x-long": "a".repeat(17_000) } })), "431")
      assert.include(yield* dies(server.get("/", { headers: { "x-name": "a\r\nb: c" } })), "TypeError")
      assert.include(yield* dies(server.get("/", { headers: { "x name": "a" } })), "TypeError")
      assert.include(yield* dies(server.get("/", { headers: { "x-name": "Łukasz" } })), "TypeError")
    })
  )
})
