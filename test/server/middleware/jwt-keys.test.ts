/** The key set of another server: its cache, its pauses and its faults. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { Jwt } from "fairlead/server/middleware"

import { logsOf } from "../Logs.ts"

const url = "https://id.example/keys"
const key = (kid: string, more: object = {}) => ({ kty: "EC", kid, crv: "P-256", ...more })

/** A source over a server that answers with `answer`, after a second; how often it was asked. */
const sourceOf = (answer: () => Response, options: Partial<Jwt.RemoteKeysOptions> = {}) =>
  Effect.gen(function* () {
    let fetches = 0
    const client = HttpClient.make((request) =>
      Effect.map(Effect.sleep("1 second"), () => {
        fetches++
        return HttpClientResponse.fromWeb(request, answer())
      })
    )
    const source = yield* Effect.provideService(Jwt.remoteKeys({ url, ...options }), HttpClient.HttpClient, client)
    const find = (kid: string | undefined, alg = "ES256") =>
      Effect.map(source.find({ alg, kid }), (keys) => keys.map(({ kid }) => kid))
    return { find, fetches: () => fetches }
  })

const set = (...keys: ReadonlyArray<object>) => Response.json({ keys })

/** Runs it to its end on the test clock. */
const settled = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    return yield* Fiber.join(fiber)
  })

describe("Jwt.remoteKeys", () => {
  it.effect("fetches once for all requests at the same time, and again after cacheFor", () =>
    Effect.gen(function* () {
      const { fetches, find } = yield* sourceOf(() => set(key("one")))
      const all = Effect.forEach(Array.from({ length: 50 }), () => find("one"), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set((yield* settled(all)).flat()), new Set(["one"]))
      yield* TestClock.adjust("9 minutes")
      yield* settled(find("one"))
      assert.strictEqual(fetches(), 1)
      yield* TestClock.adjust("1 minute")
      yield* settled(find("one"))
      assert.strictEqual(fetches(), 2)
    })
  )

  it.effect("a flood of unknown ids causes one fetch for each cool-down", () =>
    Effect.gen(function* () {
      const { fetches, find } = yield* sourceOf(() => set(key("one")))
      yield* settled(find("one"))
      for (let turn = 0; turn < 3; turn++) {
        yield* TestClock.adjust("30 seconds")
        const flood = Effect.forEach(Array.from({ length: 100 }), (_, n) => find(`unknown-${n}`), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual((yield* settled(flood)).flat(), [])
      }
      assert.strictEqual(fetches(), 4)
    })
  )

  it.effect("finds a key that was added, after the cool-down", () =>
    Effect.gen(function* () {
      const keys = [key("one")]
      const { find } = yield* sourceOf(() => set(...keys))
      yield* settled(find("one"))
      keys.push(key("two"))
      assert.deepStrictEqual(yield* settled(find("two")), [])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* settled(find("two")), ["two"])
    })
  )

  it.effect("uses the old set while the server fails, for staleFor, and fails then", () =>
    Effect.gen(function* () {
      let status = 200
      const { find } = yield* sourceOf(() => (status === 200 ? set(key("one")) : new Response(null, { status })))
      yield* settled(find("one"))
      status = 500
      yield* TestClock.adjust("69 minutes")
      assert.deepStrictEqual(yield* settled(find("one")), ["one"])
      yield* TestClock.adjust("2 minutes")
      const error = yield* Effect.flip(settled(find("one")))
      assert.instanceOf(error, Jwt.KeysUnavailable)
      assert.include(error.message, url)
    }).pipe(logsOf)
  )

  it.effect(
    "refuses a set beyond maxBytes, of another form, or after the timeout, and fetches no more during the pause",
    () =>
      Effect.gen(function* () {
        const answers: ReadonlyArray<() => Response> = [
          () => new Response("x".repeat(2000)),
          () => new Response("{}"),
          () => new Response("<html>"),
          () => new Response(null, { status: 302, headers: { location: "https://evil.example" } })
        ]
        for (const answer of answers) {
          const { fetches, find } = yield* sourceOf(answer, { maxBytes: 1000 })
          for (let turn = 0; turn < 3; turn++) yield* Effect.flip(settled(find("one")))
          assert.strictEqual(fetches(), 1)
        }
        const { find } = yield* sourceOf(() => set(key("one")), { timeout: "900 millis" })
        assert.instanceOf(yield* Effect.flip(settled(find("one"))), Jwt.KeysUnavailable)
      }).pipe(logsOf)
  )

  it.effect(
    "uses the keys that fit: by type, use, algorithm and operation, never a secret, and no more than maxKeys",
    () =>
      Effect.gen(function* () {
        const { find } = yield* sourceOf(
          () =>
            set(
              key("sig", { use: "sig", alg: "ES256", key_ops: ["verify"] }),
              key("enc", { use: "enc" }),
              key("wrap", { key_ops: ["wrapKey"] }),
              key("other", { alg: "ES512" }),
              key("plain"),
              { kty: "RSA", kid: "rsa" },
              { kty: "oct", kid: "secret", k: "AAAA" },
              { kid: "typeless" },
              key("beyond")
            ),
          { maxKeys: 6 }
        )
        assert.deepStrictEqual(yield* settled(find(undefined)), ["sig", "plain"])
        assert.deepStrictEqual(yield* settled(find("enc")), [])
        assert.deepStrictEqual(yield* settled(find(undefined, "RS256")), ["rsa"])
        assert.deepStrictEqual(yield* settled(find("secret", "HS256")), [])
      })
  )

  it.effect("a client that goes away does not cut the fetch that others wait for", () =>
    Effect.gen(function* () {
      const { fetches, find } = yield* sourceOf(() => set(key("one")))
      const first = yield* Effect.forkChild(find("one"), { startImmediately: true })
      const second = yield* Effect.forkChild(find("one"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(second), ["one"])
      assert.strictEqual(fetches(), 1)
    })
  )

  it.effect("the end of its scope ends a fetch", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { fetches, find } = yield* Effect.provideService(
        sourceOf(() => set(key("one"))),
        Scope.Scope,
        scope
      )
      const waiting = yield* Effect.forkChild(Effect.flip(find("one")), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.instanceOf(yield* Fiber.join(waiting), Jwt.KeysUnavailable)
      assert.strictEqual(fetches(), 0)
    })
  )

  it("refuses options that cannot work", () => {
    for (const changed of [
      { url: "http://id.example/keys" },
      { url: "id.example" },
      { url: "ftp://id.example" },
      { cacheFor: 0 },
      { staleFor: Number.NaN },
      { cooldown: -1 },
      { timeout: 0 },
      { maxBytes: 0 },
      { maxKeys: 1.5 },
      { name: " " }
    ]) {
      assert.throws(() => Jwt.remoteKeys({ url, ...changed }), InvalidOption)
    }
    assert.doesNotThrow(() => Jwt.remoteKeys({ url: "http://127.0.0.1:3000/keys" }))
  })
})
