/** The responses that a cache hands out: their parts, and their bodies read more than once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Stream } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import type { HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { cache, CacheMode, CacheStore, CookieJar, cookies } from "fairlead/client/handlers"

import { wireOf } from "../Wire.ts"
import { cached, call, fresh, outcome, url } from "./Caching.ts"

const request = HttpClientRequest.get(url)

describe("a response", () => {
  it.effect("cache 4: passed on has its cookies, and a stored one is no socket", () =>
    Effect.gen(function* () {
      const { client } = cached(({ url }) => ({
        headers: [
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"],
          ["cache-control", url.endsWith("stored") ? "max-age=60" : "no-store"]
        ]
      }))
      const passed = yield* client.execute(request)
      assert.deepStrictEqual(Object.keys(passed.cookies.cookies), ["a", "b"])
      assert.isTrue(Option.isNone(passed.remoteAddress))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(passed.upgrade)))
      assert.strictEqual(yield* passed.text, "body")
      const stored = { url: "https://api.com/stored" }
      yield* call(client, stored)
      const hit = yield* client.get(stored.url)
      assert.deepStrictEqual([Object.keys(hit.cookies.cookies), Option.isNone(hit.remoteAddress)], [[], true])
      const error = yield* Effect.flip(hit.upgrade)
      assert.strictEqual(error.reason._tag, "StatusCodeError")
    })
  )

  it.effect("cache 6: is read as often as a caller wants, in each way", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers: fresh, body: '{"a":1}' }))
      for (const each of ["uri-miss", "hit"]) {
        const response = yield* client.execute(request)
        assert.include(response.headers["cache-status"], each)
        assert.strictEqual(yield* response.text, '{"a":1}')
        assert.deepStrictEqual(yield* response.json, { a: 1 })
        const [first, second] = [yield* response.arrayBuffer, yield* response.arrayBuffer]
        assert.strictEqual(first, second)
        assert.deepStrictEqual((yield* Stream.mkUint8Array(response.stream)).length, 7)
      }
      assert.strictEqual(count(), 1)
    })
  )

  it.effect("cache 6: that one reader has changed is whole for the next", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: fresh }))
      yield* call(client)
      const first = yield* client.execute(request)
      new Uint8Array(yield* first.arrayBuffer).fill(0)
      assert.strictEqual((yield* call(client)).text, "body")
    })
  )

  it.effect("cache 4: whose small body breaks off fails where it is read, stored or not", () =>
    Effect.gen(function* () {
      for (const control of ["max-age=60", "no-store"]) {
        const { client } = cached(() => ({
          headers: { "cache-control": control, "content-length": "4" },
          body: new ReadableStream({ start: (controller) => controller.error(new Error("cut")) })
        }))
        for (const read of [
          (response: HttpClientResponse.HttpClientResponse) => response.text,
          (response: HttpClientResponse.HttpClientResponse) => Stream.runDrain(response.stream)
        ]) {
          const response = yield* client.execute(request)
          assert.instanceOf(yield* Effect.flip(read(response)), HttpClientError.HttpClientError)
        }
      }
    })
  )
})

describe("a cache inside of cookies", () => {
  it.effect("cache 1: hits have no cookies to keep, and leave those that are kept", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const wire = wireOf(({ headers }) => {
        seen.push(headers["cookie"])
        return new Response("body", { headers: { ...fresh, "set-cookie": "a=1" } })
      })
      const chain = ClientChain.make("c")
        .use(cookies())
        .use(cache({ partition: () => "" }))
      const client = ClientChain.over(chain, wire.client)
      yield* Effect.flatMap(client.execute(request), ({ text }) => text)
      for (const _ of [1, 2]) assert.include((yield* client.execute(request)).headers["cache-status"], "hit")
      yield* Effect.provideService(client.execute(request), CacheMode, "reload")
      assert.deepStrictEqual(seen, [undefined, "a=1"])
    }).pipe(Effect.provide(CookieJar.layer()))
  )
})

describe("a store as a service", () => {
  const layers = [
    ["layerMemory", CacheStore.layerMemory()],
    ["layerKvs", Layer.provide(CacheStore.layerKvs(), KeyValueStore.layerMemory)]
  ] as const

  it.effect.each(layers)("cache 7: of %s is shared by the clients that use it", ([, layer]) =>
    Effect.gen(function* () {
      const store = yield* CacheStore
      const chain = ClientChain.make("c").use(cache({ store }))
      const { client, count } = cached(() => ({ headers: { ...fresh, "cache-control": "max-age=60" } }), { store })
      yield* call(client)
      const other = ClientChain.over(
        chain,
        HttpClient.make(() => Effect.die("no request is sent"))
      )
      assert.deepStrictEqual([outcome(yield* call(other)), count()], ["hit", 1])
    }).pipe(Effect.provide(layer))
  )
})
