import { gzipSync } from "node:zlib"

import { assert, describe, it } from "@effect/vitest"
import { ByteSize, Deferred, Effect, Stream } from "effect"
import {
  HttpIncomingMessage,
  HttpMiddleware,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  Multipart
} from "effect/http"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { bodyLimit } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { received, serving } from "../Socket.ts"

const { HttpServerRequest: Current } = HttpServerRequest

const bytesText = Effect.map(
  Effect.flatMap(Current, ({ text }) => text),
  (text) => HttpServerResponse.text(String(text.length))
)
const countedStream = Effect.map(
  Effect.flatMap(Current, ({ stream }) =>
    Stream.runFold(
      stream,
      () => 0,
      (sum, part) => sum + part.length
    )
  ),
  (sum) => HttpServerResponse.text(String(sum))
)

const echo = (maxBytes: ByteSize.Input) =>
  Pipeline.make("echo").before(bodyLimit({ maxBytes })).handle(bytesText).respond()
const streamed = (maxBytes: ByteSize.Input) =>
  Pipeline.make("streamed").before(bodyLimit({ maxBytes })).handle(countedStream).respond()

/** A body as a stream: undici writes into a text's body after it was cancelled. */
const streamOf = (text: string) => new Blob([text]).stream()

const post = (app: unknown, body: unknown, headers: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const server = yield* TestServer.make(app as ReturnType<typeof echo>)
    return yield* server.post("/", { body: typeof body === "string" ? streamOf(body) : (body as string), headers })
  })

const requestOf = (text: string) => {
  const init = { method: "POST", body: streamOf(text), duplex: "half" }
  return new Request("http://t/", init)
}

class Limit extends Middleware.Service<Limit>()("test/Limit", { error: HttpServerError.HttpServerError }) {}

describe("bodyLimit", () => {
  it.effect("is implemented as a Layer too", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("class").before(Limit).handle(bytesText).respond()
      const server = yield* TestServer.make(app, Limit.layer(bodyLimit({ maxBytes: 3 })))
      assert.strictEqual((yield* server.post("/", { body: streamOf("123") })).text, "3")
      assert.strictEqual((yield* server.post("/", { body: streamOf("1234") })).status, 413)
    })
  )

  it.effect("lets a body of exactly the limit pass, and rejects one byte more with 413", () =>
    Effect.gen(function* () {
      for (const app of [echo(10), streamed(10)]) {
        const whole = yield* post(app, "x".repeat(10))
        assert.deepStrictEqual([whole.status, whole.text], [200, "10"])
        assert.strictEqual((yield* post(app, "x".repeat(11))).status, 413)
      }
    })
  )

  it.effect("counts a body whose length is missing or unreadable (hono#5278)", () =>
    Effect.gen(function* () {
      for (const length of ["1e1", "-1", "NaN", "0x5", "5, 5"]) {
        const request = requestOf("x".repeat(11))
        request.headers.set("content-length", length)
        const answer = yield* Effect.promise(() => Pipeline.toWebHandler(echo(10))(request))
        assert.strictEqual(answer.status, 413, length)
      }
    })
  )

  it.effect("counts a body that is longer than its Content-Length (GHSA-92vj-g62v-jqhh)", () =>
    Effect.gen(function* () {
      for (const app of [echo(10), streamed(10)]) {
        const request = requestOf("x".repeat(11))
        request.headers.set("content-length", "2")
        request.headers.set("transfer-encoding", "chunked")
        const answer = yield* Effect.promise(() => Pipeline.toWebHandler(app)(request))
        assert.strictEqual(answer.status, 413)
      }
    })
  )

  it.effect("fails early by Content-Length, before the handler runs", () =>
    Effect.gen(function* () {
      const reply = yield* post(echo(10), "x".repeat(11), { "content-length": "11" })
      TestServer.expect(reply, { status: 413, skipped: ["handler"] })
    })
  )

  it.effect("can be caught as HttpServerError", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(bodyLimit({ maxBytes: 3 }))
        .handle(bytesText)
        .catchReason("HttpServerError", "RequestParseError", ({ reason }) =>
          HttpServerResponse.text(String(reason), { status: 400 })
        )
        .respond()
      for (const headers of [{}, { "content-length": "4" }]) {
        const reply = yield* post(app, "xxxx", headers)
        assert.deepStrictEqual([reply.status, reply.text], [400, "BodyTooLarge"])
      }
    })
  )

  it.effect("counts decompressed bytes inside of decompression, and both kinds outside of it", () =>
    Effect.gen(function* () {
      const bomb = gzipSync("x".repeat(100_000))
      assert.isBelow(bomb.length, 500)
      const headers = { "content-encoding": "gzip" }
      const decompression = Middleware.outer("decompression", (app) => HttpMiddleware.decompression()(app))
      const inside = Pipeline.make("i")
        .outer(decompression)
        .before(bodyLimit({ maxBytes: 1000 }))
        .handle(bytesText)
        .respond()
      const outside = Pipeline.make("o")
        .before(bodyLimit({ maxBytes: 1000 }))
        .handle(bytesText, HttpMiddleware.decompression())
        .respond()
      for (const app of [inside, outside]) {
        assert.strictEqual((yield* post(app, bomb, headers)).status, 413)
        const small = yield* post(app, gzipSync("x".repeat(1000)), headers)
        assert.deepStrictEqual([small.status, small.text], [200, "1000"])
      }
    })
  )

  it.effect("limits multipart forms, peeked bodies and modified requests", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.set("file", new Blob(["x".repeat(100)]), "a.txt")
      const parts = Effect.flatMap(Current, ({ multipartStream }) =>
        Stream.runForEach(multipartStream, (part) =>
          Multipart.isFile(part) ? Stream.runDrain(part.content) : Effect.void
        )
      )
      const multipart = Pipeline.make("m")
        .before(bodyLimit({ maxBytes: 50 }))
        .handle(Effect.as(parts, HttpServerResponse.text("all")))
        .respond()
      const encoded = new Response(form)
      const headers = { "content-type": encoded.headers.get("content-type")! }
      const blob = yield* Effect.promise(() => encoded.blob())
      assert.strictEqual((yield* post(multipart, blob.stream(), headers)).status, 413)
      const peeking = Pipeline.make("p")
        .before(bodyLimit({ maxBytes: 5 }))
        .before(
          Middleware.mapRequest("peek", (request) =>
            Effect.map(RequestView.peek(request, 2), ([, next]) => RequestView.modify(next, { method: "PUT" }))
          )
        )
        .handle(bytesText)
        .respond()
      assert.strictEqual((yield* post(peeking, "12345")).text, "5")
      assert.strictEqual((yield* post(peeking, "123456")).status, 413)
    })
  )

  it.effect("holds the smaller of two limits, in either order", () =>
    Effect.gen(function* () {
      for (const [outer, inner] of [
        [5, 10],
        [10, 5]
      ] as const) {
        for (const handler of [bytesText, countedStream]) {
          const app = Pipeline.make("two")
            .before(bodyLimit({ maxBytes: outer, name: "a" }))
            .before(bodyLimit({ maxBytes: inner, name: "b" }))
            .handle(handler)
            .respond()
          assert.strictEqual((yield* post(app, "12345")).text, "5")
          assert.strictEqual((yield* post(app, "123456")).status, 413)
        }
      }
      const outside = Effect.provideService(echo(10), HttpIncomingMessage.MaxBodySize, ByteSize.bytes(3))
      assert.strictEqual((yield* post(outside, "1234")).status, 413)
    })
  )

  it.effect("cancels the body of a web request at the limit (hono#4969)", () =>
    Effect.gen(function* () {
      for (const app of [echo(10), streamed(10)]) {
        const state = { pulled: 0, cancelled: false }
        const body = new ReadableStream<Uint8Array>(
          {
            pull: (controller) => {
              state.pulled++
              controller.enqueue(new Uint8Array(4))
            },
            cancel: () => void (state.cancelled = true)
          },
          { highWaterMark: 0 }
        )
        const init = { method: "POST", body, duplex: "half" }
        const answer = yield* Effect.promise(() => Pipeline.toWebHandler(app)(new Request("http://t/", init)))
        assert.strictEqual(answer.status, 413)
        assert.isTrue(state.cancelled)
        assert.isAtMost(state.pulled, 5)
      }
    })
  )

  it.effect("no split of a body into parts passes the limit, or loses a byte below it", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 8 }),
          fc.integer({ min: 0, max: 20 }),
          async (parts, maxBytes) => {
            const sum = parts.reduce((total, part) => total + part, 0)
            for (const app of [echo(maxBytes), streamed(maxBytes)]) {
              const body = new ReadableStream<Uint8Array>({
                start: (controller) => {
                  for (const part of parts) controller.enqueue(new Uint8Array(part))
                  controller.close()
                }
              })
              const init = { method: "POST", body, duplex: "half" }
              const answer = await Pipeline.toWebHandler(app)(new Request("http://t/", init))
              if (sum > maxBytes) assert.strictEqual(answer.status, 413)
              else assert.strictEqual(await answer.text(), String(sum))
            }
          }
        ),
        { numRuns: 60 }
      )
    )
  )

  it("rejects options that cannot work", () => {
    for (const maxBytes of [NaN, -1, "many" as "1 B"]) assert.throws(() => bodyLimit({ maxBytes }), InvalidOption)
    assert.throws(() => bodyLimit({ name: "" }), InvalidOption)
  })
})

describe("bodyLimit on a socket", () => {
  const head = (lines: ReadonlyArray<string>) => `POST / HTTP/1.1\r\nHost: t\r\n${lines.join("\r\n")}\r\n\r\n`

  it.live("rejects a declared length without a byte of the body, and sends no 100 Continue", () =>
    Effect.gen(function* () {
      const server = yield* serving(Pipeline.serve(echo(10)))
      const socket = yield* server.send(
        head(["Content-Length: 100000000", "Expect: 100-continue", "Connection: close"])
      )
      const text = yield* received(socket)
      assert.match(text, /^HTTP\/1\.1 413 /)
      assert.notInclude(text, "100 Continue")
    })
  )

  it.live("rejects a chunked body at the limit, and ends the connection while the client keeps sending", () =>
    Effect.gen(function* () {
      for (const app of [echo(1000), streamed(1000)]) {
        const server = yield* serving(Pipeline.serve(app))
        const socket = yield* server.send(head(["Transfer-Encoding: chunked"]))
        const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`
        const sender = setInterval(() => socket.writable && socket.write(chunk), 1)
        yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(sender)))
        assert.match(yield* received(socket), /^HTTP\/1\.1 413 /)
        clearInterval(sender)
      }
    })
  )

  it.live("keeps the connection for the next request after a short body that was rejected", () =>
    Effect.gen(function* () {
      const server = yield* serving(Pipeline.serve(echo(3)))
      const requests = ["123456", "12"].map(
        (body, index) => head([`Content-Length: ${body.length}`, ...(index === 1 ? ["Connection: close"] : [])]) + body
      )
      const socket = yield* server.send(requests.join(""))
      const statuses = [...(yield* received(socket)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
      assert.deepStrictEqual(statuses, ["413", "200"])
    })
  )

  it.live("a handler that never reads is not made to read", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<void>()
      const app = Pipeline.make("n")
        .before(bodyLimit({ maxBytes: 5 }))
        .handle(Effect.as(Deferred.succeed(began, undefined), HttpServerResponse.text("unread")))
        .respond()
      const server = yield* serving(Pipeline.serve(app))
      const socket = yield* server.send(head(["Transfer-Encoding: chunked", "Connection: close"]))
      yield* Deferred.await(began)
      socket.end("0\r\n\r\n")
      assert.match(yield* received(socket), /^HTTP\/1\.1 200 [\s\S]*unread/)
    })
  )
})
