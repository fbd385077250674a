/** The contract of `idempotencyKey` over each of its stores, between two nodes with a connection each. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import type { Layer, Scope } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { idempotencyKey } from "fairlead/server/middleware"
import type { IdempotencyKeyOptions, IdempotencyStore } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { keyPlaces } from "./StorePlaces.ts"

const places = await keyPlaces()

/** Two nodes, whose handler numbers the requests of both and can be held. */
const nodesOf = (keys: Layer.Layer<IdempotencyStore>, options: Partial<IdempotencyKeyOptions<string>> = {}) =>
  Effect.gen(function* () {
    const [begun, held] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    let count = 0
    const handler = Effect.gen(function* () {
      const { url } = yield* HttpServerRequest.HttpServerRequest
      const number = ++count
      if (url === "/hold" && number === 1) {
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(held)
      }
      return HttpServerResponse.text(`${number}`, { status: 201, headers: { "x-number": `${number}` } })
    })
    const app = Pipeline.make("p")
      .handle(handler, idempotencyKey({ user: () => "ann", ...options }))
      .respond()
    const key = crypto.randomUUID()
    const node = Effect.map(
      TestServer.make(app, keys),
      (server) =>
        (path: string, body = "b") =>
          Effect.map(server.post(path, { body, headers: { "idempotency-key": key } }), ({ headers, status, text }) => ({
            status,
            text,
            isReplay: headers.get("idempotency-replayed") === "true",
            number: headers.get("x-number")
          }))
    )
    const [one, two] = [yield* node, yield* node]
    return { one, two, begun: Deferred.await(begun), go: Deferred.succeed(held, undefined), handled: () => count }
  })

describe.each(places)("idempotency keys in $name", ({ keys, missing }) => {
  const test = (title: string, run: Effect.Effect<void, unknown, Scope.Scope>) =>
    it.live.skipIf(missing)(title, () => run)

  test(
    "another node answers a repetition with the first response, and rejects another request by 422",
    Effect.gen(function* () {
      const { handled, one, two } = yield* nodesOf(keys)
      assert.deepStrictEqual(yield* one("/"), { status: 201, text: "1", isReplay: false, number: "1" })
      assert.deepStrictEqual(yield* two("/"), { status: 201, text: "1", isReplay: true, number: "1" })
      assert.strictEqual((yield* two("/", "other")).status, 422)
      assert.strictEqual(handled(), 1)
    })
  )

  test(
    "while a request is at work, its repetition on another node is rejected by 409",
    Effect.gen(function* () {
      const { begun, go, handled, one, two } = yield* nodesOf(keys)
      const first = yield* Effect.forkChild(one("/hold"))
      yield* begun
      assert.strictEqual((yield* two("/hold")).status, 409)
      yield* go
      assert.strictEqual((yield* Fiber.join(first)).text, "1")
      assert.deepStrictEqual(yield* two("/hold"), { status: 201, text: "1", isReplay: true, number: "1" })
      assert.strictEqual(handled(), 1)
    })
  )

  test(
    "of many at once on both nodes one is handled",
    Effect.gen(function* () {
      const { begun, go, handled, one, two } = yield* nodesOf(keys)
      const calls = yield* Effect.forEach(Array.from({ length: 20 }), (_, index) =>
        Effect.forkChild((index % 2 === 0 ? one : two)("/hold"))
      )
      yield* begun
      yield* Effect.forkChild(Effect.delay(go, "20 millis"))
      const replies = yield* Effect.forEach(calls, (call) => Fiber.join(call))
      assert.strictEqual(handled(), 1)
      assert.lengthOf(
        replies.filter(({ isReplay, status }) => status === 201 && !isReplay),
        1
      )
      assert.isTrue(replies.every(({ status, text }) => status === 409 || text === "1"))
    })
  )

  test(
    "a key whose owner takes longer than lockTimeout is taken over, and the late owner does not overwrite the record",
    Effect.gen(function* () {
      const { begun, go, one, two } = yield* nodesOf(keys, { lockTimeout: "1 second" })
      const late = yield* Effect.forkChild(one("/hold"))
      yield* begun
      yield* Effect.sleep("1200 millis")
      assert.deepStrictEqual(yield* two("/hold"), { status: 201, text: "2", isReplay: false, number: "2" })
      yield* go
      assert.strictEqual((yield* Fiber.join(late)).text, "1")
      assert.deepStrictEqual(yield* one("/hold"), { status: 201, text: "2", isReplay: true, number: "2" })
    })
  )

  test(
    "a client that goes away frees the key, and a response is forgotten after timeToLive",
    Effect.gen(function* () {
      const { begun, one, two } = yield* nodesOf(keys, { timeToLive: "150 millis" })
      const gone = yield* Effect.forkChild(one("/hold"))
      yield* begun
      yield* Fiber.interrupt(gone)
      const again = yield* Effect.repeat(two("/hold"), { until: ({ status }) => status !== 409 })
      assert.deepStrictEqual([again.text, again.isReplay], ["2", false])
      yield* Effect.sleep("300 millis")
      assert.deepStrictEqual(yield* one("/hold"), { status: 201, text: "3", isReplay: false, number: "3" })
    })
  )
})
