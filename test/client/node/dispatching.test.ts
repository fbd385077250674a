import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { NodeTransport } from "fairlead/client/node"

import { loopback } from "../handlers/Loopback.ts"

const node = NodeTransport.layer()

const sizeOf = (chunks: ReadonlyArray<Uint8Array>) => chunks.reduce((size, { length }) => size + length, 0)

describe("a plain request over the dispatcher", () => {
  it.live("client2 2.1: sends bytes, and reads a large body whole or by pieces", () =>
    Effect.gen(function* () {
      const server = yield* loopback((request, response) => {
        let size = 0
        request.on("data", (chunk: Uint8Array) => (size += chunk.length))
        request.on("end", () => {
          response.write(String(size))
          response.end(Buffer.alloc(3_000_000, 7))
        })
      })
      const post = HttpClientRequest.bodyUint8Array(HttpClientRequest.post(server.origin), new Uint8Array(200_000))
      const whole = new Uint8Array(yield* (yield* HttpClient.execute(post)).arrayBuffer)
      assert.strictEqual(new TextDecoder().decode(whole.subarray(0, 6)), "200000")
      assert.strictEqual(whole.length, 3_000_006)
      assert.isTrue(whole.subarray(6).every((byte) => byte === 7))
      const pieces = yield* Stream.runCollect((yield* HttpClient.execute(post)).stream)
      assert.strictEqual(sizeOf(pieces), 3_000_006)
      assert.isAbove(pieces.length, 1)
    }).pipe(Effect.provide(node), Effect.scoped)
  )

  it.live("client2 2.1: a body is read once: whole reads share it, and a second stream is an error", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end(`{"a":1}`))
      const response = yield* HttpClient.get(server.origin)
      assert.deepStrictEqual(yield* response.json, { a: 1 })
      assert.strictEqual(yield* response.text, `{"a":1}`)
      const second = yield* Effect.flip(Stream.runDrain(response.stream))
      assert.strictEqual(second.reason._tag, "DecodeError")
      const streamed = yield* HttpClient.get(server.origin)
      yield* Stream.runDrain(streamed.stream)
      assert.strictEqual((yield* Effect.flip(streamed.text)).reason._tag, "DecodeError")
    }).pipe(Effect.provide(node), Effect.scoped)
  )

  it.live("client2 2.1: responses without a body are empty", () =>
    Effect.gen(function* () {
      const server = yield* loopback((request, response) =>
        response.writeHead(request.method === "HEAD" ? 200 : 204, { "x-a": ["1", "2"] }).end()
      )
      for (const request of [HttpClientRequest.get(server.origin), HttpClientRequest.head(server.origin)]) {
        const response = yield* HttpClient.execute(request)
        assert.strictEqual(response.headers["x-a"], "1, 2")
        assert.strictEqual(yield* response.text, "")
        assert.strictEqual((yield* Effect.flip(response.upgrade)).reason._tag, "StatusCodeError")
      }
    }).pipe(Effect.provide(node), Effect.scoped)
  )

  it.live("client2 2.1: a body that breaks off is an error, read whole or by pieces", () =>
    Effect.gen(function* () {
      const server = yield* loopback((request, response) => {
        response.writeHead(200, { "content-length": "100" })
        response.write("part")
        setImmediate(() => request.socket.destroy())
      })
      const whole = yield* Effect.flip(Effect.flatMap(HttpClient.get(server.origin), ({ text }) => text))
      const pieces = yield* Effect.flip(
        Effect.flatMap(HttpClient.get(server.origin), ({ stream }) => Stream.runDrain(stream))
      )
      assert.deepStrictEqual([whole.reason._tag, pieces.reason._tag], ["DecodeError", "DecodeError"])
    }).pipe(Effect.provide(node), Effect.scoped)
  )

  it.live("client2 2.1: a slow reader pauses the server, and one that leaves closes the connection", () =>
    Effect.gen(function* () {
      const total = 256 * 1024 * 1024
      const piece = Buffer.alloc(1024 * 1024)
      let written = 0
      const closed = yield* Deferred.make<void>()
      const server = yield* loopback((request, response) => {
        request.socket.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        const writing = async (): Promise<void> => {
          while (written < total && !response.destroyed) {
            written += piece.length
            if (!response.write(piece)) await Promise.race([once(response, "drain"), once(response, "close")])
          }
          response.end()
        }
        void writing()
      })
      const response = yield* HttpClient.get(server.origin)
      const first = yield* Stream.runHead(
        Stream.mapEffect(response.stream, (bytes) =>
          Effect.as(
            Effect.promise(() => sleep(200)),
            bytes
          )
        )
      )
      assert.strictEqual(first._tag, "Some")
      assert.isBelow(written, total)
      yield* Deferred.await(closed)
    }).pipe(Effect.provide(node), Effect.scoped)
  )

  it.live("client2 2.1: an interruption of a whole read closes the connection", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const server = yield* loopback((request, response) => {
        request.socket.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        response.write("part")
      })
      const response = yield* HttpClient.get(server.origin)
      const reading = yield* Effect.forkChild(response.text, { startImmediately: true })
      yield* Fiber.interrupt(reading)
      yield* Deferred.await(closed)
    }).pipe(Effect.provide(node), Effect.scoped)
  )
})
