/** Keys, partitions, and what unsafe requests remove: RFC 9111 §2 and §4.4, RFC 9875. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { cache, CacheStore } from "fairlead/client/handlers"

import { wireOf } from "../Wire.ts"
import { cached, call, fresh, outcome, url } from "./Caching.ts"

describe("keys and partitions", () => {
  it.effect("cache 1: requests with other credentials never share a response, unless partition says so", () =>
    Effect.gen(function* () {
      const own = cached(() => ({ headers: fresh }))
      for (const headers of [
        {},
        { authorization: "a" },
        { authorization: "b" },
        { cookie: "a" },
        { authorization: "" }
      ]) {
        assert.strictEqual(outcome(yield* call(own.client, { headers })), "uri-miss")
        assert.strictEqual(outcome(yield* call(own.client, { headers })), "hit")
      }
      const one = cached(() => ({ headers: fresh }), { partition: () => "" })
      yield* call(one.client, { headers: { authorization: "a" } })
      assert.strictEqual(outcome(yield* call(one.client, { headers: { cookie: "b" } })), "hit")
    })
  )

  it.effect("cache 1: two clients of one chain have a cache each; an explicit store is shared", () =>
    Effect.gen(function* () {
      const { client } = wireOf(() => new Response("x", { headers: fresh }))
      const chain = ClientChain.make("c").use(cache())
      const [a, b] = [ClientChain.over(chain, client), ClientChain.over(chain, client)]
      yield* call(a)
      assert.strictEqual(outcome(yield* call(b)), "uri-miss")
      const sharing = ClientChain.make("c").use(cache({ store: CacheStore.makeMemory() }))
      yield* call(ClientChain.over(sharing, client))
      assert.strictEqual(outcome(yield* call(ClientChain.over(sharing, client))), "hit")
    })
  )

  it.effect("cache 4: the query counts as it is, and is never reordered; the fragment does not count", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: fresh }))
      const at = (path: string) => Effect.map(call(client, { url: `https://api.com/${path}` }), outcome)
      const outcomes = yield* Effect.forEach(
        ["?a=1&b=2", "?b=2&a=1", "?a=1&b=2", "?a=1&b=2#x", "?a=%31&b=2", "?a=1&b=2&"],
        at
      )
      assert.deepStrictEqual(outcomes, ["uri-miss", "uri-miss", "hit", "hit", "uri-miss", "uri-miss"])
    })
  )

  it.effect.each([
    ['params=("utm")', "?a=1&utm=2", "?utm=3&a=1", "hit"],
    ['params=("utm")', "?a=1", "?a=2", "uri-miss"],
    ["params", "?a=1", "", "hit"],
    ['params, except=("id")', "?id=1&x=2", "?y=1&id=1", "hit"],
    ['params, except=("id")', "?id=1", "?id=2", "uri-miss"],
    ["key-order", "?a=1&b=2", "?b=2&a=1", "hit"],
    ["key-order", "?a=1&a=2", "?a=2&a=1", "uri-miss"],
    ['params="x"', "?a=1", "?a=2", "uri-miss"],
    ['params=("utm"), &', "?utm=1", "?utm=2", "uri-miss"]
  ] as const)("cache 5: No-Vary-Search: %s: %j answers %j: %s", ([rule, first, second, expected]) =>
    Effect.gen(function* () {
      const { client } = cached(({ headers }) =>
        headers["if-none-match"] === undefined
          ? { headers: { "cache-control": "max-age=60", "no-vary-search": rule, etag: '"a"' } }
          : { status: 304 }
      )
      yield* call(client, { url: `${url}${first}` })
      assert.strictEqual(outcome(yield* call(client, { url: `${url}${second}` })), expected)
      yield* TestClock.adjust("2 minutes")
      const outcomes = [
        outcome(yield* call(client, { url: `${url}${second}` })),
        outcome(yield* call(client, { url: `${url}${second}` }))
      ]
      assert.deepStrictEqual(outcomes, ["stale", "hit"])
    })
  )

  it.effect("cache 4: a QUERY is found by its content and its type", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: fresh }))
      const query = (body: string) => Effect.map(call(client, { method: "QUERY", body }), outcome)
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "a"], query), ["uri-miss", "uri-miss", "hit"])
      assert.strictEqual(outcome(yield* call(client)), "uri-miss")
    })
  )
})

describe("unsafe requests", () => {
  it.effect(
    "cache 4: an unsafe request that succeeds removes its URL, Location and Content-Location of its origin",
    () =>
      Effect.gen(function* () {
        const paths = ["a", "b", "c", "d"]
        const { client } = cached(({ method }) =>
          method === "GET"
            ? { headers: fresh }
            : { headers: { location: "/b", "content-location": "https://api.com/c#x" }, body: "" }
        )
        const outcomes = Effect.forEach(paths, (path) =>
          Effect.map(call(client, { url: `https://api.com/${path}` }), outcome)
        )
        yield* outcomes
        yield* call(client, { method: "PUT", body: "x" })
        assert.deepStrictEqual(yield* outcomes, ["uri-miss", "uri-miss", "uri-miss", "hit"])
        yield* call(client, { method: "HEAD" })
        assert.deepStrictEqual(yield* outcomes, ["hit", "hit", "hit", "hit"])
      })
  )

  it.effect("cache 4: one that fails removes nothing, and one to another origin neither", () =>
    Effect.gen(function* () {
      const { client } = cached(({ method, url }) =>
        method === "GET"
          ? { headers: fresh }
          : { status: url.includes("other") ? 200 : 500, headers: { location: "https://api.com/a" } }
      )
      yield* call(client)
      yield* call(client, { method: "DELETE" })
      yield* call(client, { method: "DELETE", url: "https://other.com/" })
      assert.strictEqual(outcome(yield* call(client)), "hit")
    })
  )

  it.effect("cache 4: a response to POST with freshness and its own Content-Location answers GET", () =>
    Effect.gen(function* () {
      for (const [location, expected] of [
        ["/a", "hit"],
        ["/b", "uri-miss"]
      ] as const) {
        const { client } = cached(({ method }) => ({
          headers: { "cache-control": "max-age=60", ...(method === "POST" ? { "content-location": location } : {}) },
          body: method
        }))
        const posted = yield* call(client, { method: "POST", body: "x" })
        assert.strictEqual(posted.text, "POST")
        const got = yield* call(client)
        assert.deepStrictEqual([outcome(got), got.text], [expected, expected === "hit" ? "POST" : "GET"])
      }
    })
  )

  it.effect("cache 5: Cache-Group-Invalidation removes the responses of its groups, of its origin alone", () =>
    Effect.gen(function* () {
      const { client } = cached(({ method, url }) =>
        method === "GET"
          ? { headers: { ...fresh, "cache-groups": url.endsWith("a") ? '"one", "two"' : '"three"' } }
          : { headers: { "cache-group-invalidation": '"two"' } }
      )
      const targets = ["https://api.com/a", "https://api.com/b", "https://other.com/a"]
      const outcomes = Effect.forEach(targets, (target) => Effect.map(call(client, { url: target }), outcome))
      yield* outcomes
      yield* call(client, { method: "POST", url: "https://api.com/c", body: "x" })
      assert.deepStrictEqual(yield* outcomes, ["uri-miss", "hit", "hit"])
    })
  )

  it.effect("cache 5: a store is cleared by URL, by prefix, by group and as a whole", () =>
    Effect.gen(function* () {
      const store = CacheStore.makeMemory()
      const { client } = cached(() => ({ headers: { ...fresh, "cache-groups": '"g"' } }), { store })
      const paths = ["a", "ab", "b"]
      const hits = Effect.map(
        Effect.forEach(paths, (path) => Effect.map(call(client, { url: `https://api.com/${path}` }), outcome)),
        (outcomes) => paths.filter((_, index) => outcomes[index] === "hit")
      )
      yield* hits
      yield* store.invalidate({ _tag: "Url", url })
      assert.deepStrictEqual(yield* hits, ["ab", "b"])
      yield* store.invalidate({ _tag: "Prefix", prefix: url })
      assert.deepStrictEqual(yield* hits, ["b"])
      yield* store.invalidate({ _tag: "Groups", origin: "https://api.com", groups: ["g"] })
      assert.deepStrictEqual(yield* hits, [])
      yield* store.invalidate({ _tag: "All" })
      assert.deepStrictEqual(yield* hits, [])
    })
  )

  it.effect("cache 4: a response that was asked for before an invalidation is not stored after it", () =>
    Effect.gen(function* () {
      const gate = Deferred.makeUnsafe<void>()
      const { client } = cached(({ method }, count) =>
        method === "GET" && count === 1
          ? Effect.as(Deferred.await(gate), { headers: fresh, body: "old" })
          : { headers: fresh, body: "new" }
      )
      const first = yield* Effect.forkChild(call(client), { startImmediately: true })
      yield* call(client, { method: "PUT", body: "x" })
      const second = yield* call(client)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(first)).text, "old")
      assert.deepStrictEqual([second.text, (yield* call(client)).text], ["new", "new"])
    })
  )
})
