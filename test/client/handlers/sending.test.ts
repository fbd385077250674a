/** The bounds of `timeouts` on the request's body. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { HttpTimeout, timeouts } from "fairlead/client/handlers"
import type { TimeoutsOptions } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { loopback } from "./Loopback.ts"

const url = "http://a.test/upload"
const piece = new Uint8Array(1)

/** A network that reads the whole request, and answers after a time. */
const reading = (answerAfter: number) =>
  HttpClient.make((request) => {
    const { body } = request
    const read = body._tag === "Stream" ? Effect.orDie(Stream.runDrain(body.stream)) : Effect.void
    const response = HttpClientResponse.fromWeb(request, new Response("ok"))
    return Effect.andThen(read, Effect.delay(Effect.succeed(response), answerAfter))
  })

/** How an upload ends, and how many seconds it takes. */
const upload = (body: HttpBody.HttpBody, answerAfter: number, options: TimeoutsOptions = {}) =>
  Effect.gen(function* () {
    const client = ClientChain.over(ClientChain.make("c").use(timeouts(options)), reading(answerAfter))
    const request = HttpClientRequest.setBody(HttpClientRequest.post(url), body)
    const fiber = yield* Effect.forkChild(
      Effect.match(client.execute(request), {
        onSuccess: () => "ok",
        onFailure: (error) => (error instanceof HttpTimeout ? error.phase : String(error))
      }),
      { startImmediately: true }
    )
    let seconds = 0
    while (fiber.pollUnsafe() === undefined && seconds < 1000) {
      yield* TestClock.adjust("1 second")
      seconds++
    }
    return [yield* Fiber.join(fiber), seconds]
  })

const pieces = (count: number, seconds: number) =>
  HttpBody.stream(Stream.take(Stream.fromEffectSchedule(Effect.succeed(piece), Schedule.spaced(seconds * 1000)), count))

describe("the body of a request", () => {
  it.effect("client2 4.2: that makes progress may take longer than any bound", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* upload(pieces(10, 25), 0), ["ok", 225])
      assert.deepStrictEqual(yield* upload(pieces(10, 25), 0, { total: "2 minutes" }), ["total", 120])
    })
  )

  it.effect("client2 4.2: that stops for longer than `send` is a time-out of the phase send", () =>
    Effect.gen(function* () {
      const stopping = HttpBody.stream(Stream.concat(Stream.make(piece), Stream.never))
      assert.deepStrictEqual(yield* upload(stopping, 0), ["send", 30])
      assert.deepStrictEqual(yield* upload(stopping, 0, { send: "5 seconds" }), ["send", 5])
    })
  )

  it.effect("client2 4.2: has its response within `headers` from its end", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* upload(pieces(4, 20), 29_000), ["ok", 89])
      assert.deepStrictEqual(yield* upload(pieces(4, 20), 31_000), ["headers", 90])
    })
  )

  it.effect("client2 4.2: whose progress is not seen may take `send` for each 64 KiB", () =>
    Effect.gen(function* () {
      const bytes = HttpBody.uint8Array(new Uint8Array(130 * 1024))
      assert.deepStrictEqual(yield* upload(bytes, 119_000), ["ok", 119])
      assert.deepStrictEqual(yield* upload(bytes, 121_000), ["headers", 120])
      assert.deepStrictEqual(yield* upload(HttpBody.empty, 31_000), ["headers", 30])
    })
  )

  it.live("client2 4.2: over a socket, a slow upload beyond the bound of the head gets its response", () =>
    Effect.gen(function* () {
      const server = yield* loopback((request, response) => {
        let bytes = 0
        request.on("data", (chunk: Uint8Array) => (bytes += chunk.length)).on("end", () => response.end(String(bytes)))
      })
      const chain = ClientChain.make("c").use(timeouts({ headers: "200 millis", send: "2 seconds" }))
      const client = ClientChain.over(chain, yield* HttpClient.HttpClient)
      const slow = Stream.take(
        Stream.fromEffectSchedule(Effect.succeed(new Uint8Array(10)), Schedule.spaced("50 millis")),
        8
      )
      const response = yield* client.execute(HttpClientRequest.bodyStream(HttpClientRequest.post(server.origin), slow))
      assert.strictEqual(yield* response.text, "80")
    }).pipe(Effect.provide(NodeTransport.layer()), Effect.scoped)
  )
})
