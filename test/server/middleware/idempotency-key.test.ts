import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption, Reject } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { IdempotencyError, idempotencyKey, IdempotencyStore } from "fairlead/server/middleware"
import type { IdempotencyKeyOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { formatIdempotencyKey, parseIdempotencyKey } from "../../../src/core/heads/IdempotencyKeys.ts"

class User extends Context.Service<User, string>()("test/IdempotencyUser") {}

type Options = Partial<IdempotencyKeyOptions<Effect.Effect<string, never, User>>>

/** A server that numbers what it handled, and answers as the path says. */
const serverOf = (
  options: Options = {},
  store: Layer.Layer<IdempotencyStore> = Layer.fresh(IdempotencyStore.layerMemory)
) =>
  Effect.gen(function* () {
    const held = yield* Deferred.make<void>()
    let count = 0
    const handler = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const number = ++count
      const text = yield* Effect.orDie(request.text)
      if (request.url.startsWith("/hold")) yield* Deferred.await(held)
      if (request.url === "/die") return yield* Effect.die("bug")
      if (request.url === "/fail") return yield* new Reject({ status: 404 })
      const status = Number(/^\/status\/(\d+)/.exec(request.url)?.[1] ?? 200)
      if (request.url === "/stream") return HttpServerResponse.stream(Stream.make(new Uint8Array([49])))
      if (request.url === "/empty") return HttpServerResponse.empty({ status: 204 })
      return HttpServerResponse.text(`${number}:${text}`, { status, headers: { "x-number": String(number) } })
    })
    const around = idempotencyKey({ user: () => User, ...options })
    const app = Pipeline.make("p")
      .before(
        Middleware.before(
          "user",
          User,
          RequestView.header("x-user", () => new Reject({ status: 401 }))
        )
      )
      .handle(handler, around)
      .respond()
    const server = yield* TestServer.make(app, store)
    const post = (path: string, key: string | undefined, body = "b", user = "ann", method = "POST") =>
      server.send(method, path, {
        body,
        headers: { "x-user": user, ...(key === undefined ? {} : { "idempotency-key": key }) }
      })
    return { post, held, handled: () => count }
  })

const failing = Layer.succeed(IdempotencyStore, {
  begin: () => Effect.fail(new IdempotencyError({ cause: new Error("down") })),
  complete: () => Effect.fail(new IdempotencyError({ cause: new Error("down") })),
  release: () => Effect.fail(new IdempotencyError({ cause: new Error("down") }))
})

describe("idempotencyKey", () => {
  it.effect("answers a repetition with the first response: status, headers and body", () =>
    Effect.gen(function* () {
      const { handled, post } = yield* serverOf()
      const first = yield* post("/status/201", '"k-1"')
      const again = yield* post("/status/201", '"k-1"')
      assert.deepStrictEqual([first.status, first.text, again.status, again.text], [201, "1:b", 201, "1:b"])
      assert.deepStrictEqual(
        [first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")],
        [null, "true"]
      )
      assert.deepStrictEqual(
        [again.headers.get("x-number"), again.headers.get("content-type")],
        ["1", first.headers.get("content-type")]
      )
      assert.strictEqual(handled(), 1)
      // The same key without quotes, as many clients send it.
      assert.strictEqual((yield* post("/status/201", "k-1")).text, "1:b")
      assert.strictEqual((yield* post("/empty", "k-2")).status, (yield* post("/empty", "k-2")).status)
      assert.strictEqual(handled(), 2)
    })
  )

  it.effect("keeps keys apart by user, method and path", () =>
    Effect.gen(function* () {
      const { handled, post } = yield* serverOf()
      yield* post("/a", "k")
      assert.strictEqual((yield* post("/a", "k", "b", "bob")).text, "2:b")
      assert.strictEqual((yield* post("/c", "k")).text, "3:b")
      assert.strictEqual((yield* post("/a", "k", "b", "ann", "PATCH")).text, "4:b")
      assert.strictEqual(handled(), 4)
    })
  )

  it.effect("rejects another request with the key by 422: another body, another query", () =>
    Effect.gen(function* () {
      const { handled, post } = yield* serverOf()
      yield* post("/a", "k")
      assert.strictEqual((yield* post("/a", "k", "other")).status, 422)
      assert.strictEqual((yield* post("/a?x=1", "k")).status, 422)
      assert.strictEqual((yield* post("/a", "k")).text, "1:b")
      assert.strictEqual(handled(), 1)
    })
  )

  it.effect("rejects a concurrent repetition by 409, and replays when the first has ended", () =>
    Effect.gen(function* () {
      const { handled, held, post } = yield* serverOf()
      const first = yield* Effect.forkChild(post("/hold", "k"), { startImmediately: true })
      while (handled() === 0) yield* Effect.promise(() => new Promise(setImmediate))
      assert.strictEqual((yield* post("/hold", "k")).status, 409)
      assert.strictEqual((yield* post("/hold", "k", "other")).status, 422)
      yield* Deferred.succeed(held, undefined)
      assert.strictEqual((yield* Fiber.join(first)).text, "1:b")
      assert.strictEqual((yield* post("/hold", "k")).text, "1:b")
      assert.strictEqual(handled(), 1)
    })
  )

  it.effect("frees the key after a failure, a defect, a 5xx, a 429 and a streamed response", () =>
    Effect.gen(function* () {
      const { handled, post } = yield* serverOf()
      const paths = ["/fail", "/die", "/status/503", "/status/429", "/stream"]
      for (const [index, path] of paths.entries()) {
        yield* post(path, "k")
        yield* post(path, "k")
        assert.strictEqual(handled(), 2 * (index + 1), path)
      }
      assert.strictEqual((yield* post("/status/404", "k")).text, (yield* post("/status/404", "k")).text)
    })
  )

  it.effect("frees the key of an interrupted request", () =>
    Effect.gen(function* () {
      const { handled, held, post } = yield* serverOf()
      const first = yield* Effect.forkChild(post("/hold", "k"), { startImmediately: true })
      while (handled() === 0) yield* Effect.promise(() => new Promise(setImmediate))
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(held, undefined)
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
      assert.strictEqual((yield* post("/hold", "k")).text, "2:b")
    })
  )

  it.effect("forgets a response after timeToLive", () =>
    Effect.gen(function* () {
      const { post } = yield* serverOf({ timeToLive: "1 hour" })
      yield* post("/a", "k")
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* post("/a", "k")).text, "1:b")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* post("/a", "k")).text, "2:b")
    })
  )

  it.effect("passes other methods, and requests without a key unless one is required", () =>
    Effect.gen(function* () {
      const { handled, post } = yield* serverOf()
      yield* post("/a", undefined)
      yield* post("/a", undefined)
      yield* post("/a", "k", "b", "ann", "PUT")
      yield* post("/a", "k", "b", "ann", "PUT")
      assert.strictEqual(handled(), 4)
      const strict = yield* serverOf({ required: true })
      assert.strictEqual((yield* strict.post("/a", undefined)).status, 400)
      for (const bad of ['"', '"a', "a b", "é", '""', "x".repeat(300), '"a","b"']) {
        assert.strictEqual((yield* strict.post("/a", encodeURI(bad) === bad ? bad : '"'.concat(bad))).status, 400, bad)
      }
      assert.strictEqual(strict.handled(), 0)
    })
  )

  it.effect("acts once when it is mounted twice", () =>
    Effect.gen(function* () {
      let count = 0
      const around = idempotencyKey({ user: () => "ann" })
      const app = Pipeline.make("p")
        .handle(
          Effect.sync(() => HttpServerResponse.text(String(++count))),
          around,
          around
        )
        .respond()
      const server = yield* TestServer.make(app, Layer.fresh(IdempotencyStore.layerMemory))
      const post = server.post("/", { headers: { "idempotency-key": "k" } })
      assert.deepStrictEqual([(yield* post).text, (yield* post).text], ["1", "1"])
    })
  )

  it.effect("rejects with 503 when the store fails, or handles the request without a record", () =>
    Effect.gen(function* () {
      const closed = yield* serverOf({}, failing)
      assert.deepStrictEqual([(yield* closed.post("/a", "k")).status, closed.handled()], [503, 0])
      const open = yield* serverOf({ onStoreError: "allow" }, failing)
      assert.deepStrictEqual([(yield* open.post("/a", "k")).text, (yield* open.post("/a", "k")).text], ["1:b", "2:b"])
    })
  )

  it("rejects options that cannot work", () => {
    const user = () => "ann"
    for (const bad of [
      { methods: [] },
      { timeToLive: 0 },
      { lockTimeout: NaN },
      { timeout: -1 },
      { maxBytes: -1 },
      { name: "" }
    ]) {
      assert.throws(() => idempotencyKey({ user, ...bad }), InvalidOption, undefined, JSON.stringify(bad))
    }
    // @ts-expect-error - a key belongs to a user
    assert.doesNotThrow(() => idempotencyKey({}))
  })
})

describe("the field of a key", () => {
  it("reads back every key", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e]{1,255}$/), (key) => {
        assert.strictEqual(parseIdempotencyKey(formatIdempotencyKey(key)), key)
      })
    )
    fc.assert(fc.property(fc.string(), (text) => void parseIdempotencyKey(text)))
  })
})
