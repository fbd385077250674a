/** The modes of a call, `Cache-Status`, and the options. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain } from "fairlead/client"
import { cache, CacheStore, log } from "fairlead/client/handlers"
import type { CacheOptions, ClientReport } from "fairlead/client/handlers"

import { wireOf } from "../Wire.ts"
import { cached, call, fresh, outcome, tagged, url } from "./Caching.ts"

describe("the modes of a call", () => {
  it.effect.each([
    ["default", "hit", 1],
    ["no-store", "bypass", 2],
    ["reload", "request", 2],
    ["no-cache", "request", 2],
    ["force-cache", "hit", 1],
    ["only-if-cached", "hit", 1]
  ] as const)("cache 5: %s with a fresh response: %s", ([mode, expected, asked]) =>
    Effect.gen(function* () {
      const { client, count } = cached(tagged('"a"', fresh))
      yield* call(client)
      assert.deepStrictEqual([outcome(yield* call(client, { mode })), count()], [expected, asked])
    })
  )

  it.effect.each([
    ["default", "stale", 200],
    ["force-cache", "hit", 200],
    ["only-if-cached", "hit", 200]
  ] as const)("cache 5: %s with a stale response: %s", ([mode, expected, status]) =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: fresh }))
      yield* call(client)
      yield* TestClock.adjust("2 minutes")
      const got = yield* call(client, { mode })
      assert.deepStrictEqual([outcome(got), got.status], [expected, status])
    })
  )

  it.effect("cache 5: only-if-cached without a stored response is answered by 504, force-cache by the network", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers: fresh }))
      assert.strictEqual((yield* call(client, { mode: "only-if-cached" })).status, 504)
      assert.deepStrictEqual([(yield* call(client, { mode: "force-cache" })).status, count()], [200, 1])
    })
  )

  it.effect("cache 5: no-store stores nothing, and reload stores", () =>
    Effect.gen(function* () {
      for (const [mode, expected] of [
        ["no-store", "uri-miss"],
        ["reload", "hit"]
      ] as const) {
        const { client } = cached(() => ({ headers: fresh }))
        yield* call(client, { mode })
        assert.strictEqual(outcome(yield* call(client)), expected)
      }
    })
  )

  it.effect("cache 5: modes add the fields that fetch adds, unless the caller has set them", () =>
    Effect.gen(function* () {
      const { client, sent } = cached(tagged('"a"', fresh))
      yield* call(client, { mode: "reload" })
      yield* call(client, { mode: "no-store" })
      yield* call(client, { mode: "no-cache" })
      yield* call(client, { mode: "reload", headers: { "cache-control": "x" } })
      assert.deepStrictEqual(sent("cache-control"), ["no-cache", "no-cache", "max-age=0", "x"])
      assert.deepStrictEqual(sent("pragma"), ["no-cache", "no-cache", undefined, undefined])
    })
  )

  it.effect("cache 5: immutable is not validated while it is fresh, and then like any other", () =>
    Effect.gen(function* () {
      const { client } = cached(tagged('"a"', { "cache-control": "max-age=60, immutable" }))
      yield* call(client)
      assert.strictEqual(outcome(yield* call(client, { mode: "no-cache" })), "hit")
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(outcome(yield* call(client, { mode: "no-cache" })), "stale")
    })
  )

  it("cache 3: a fetch made of a client has the mode of its init", async () => {
    const { client, count } = cached(() => ({ headers: fresh }))
    const fetching = ClientChain.toFetch(client)
    for (const mode of ["default", "default", "no-store", "force-cache"] as const) {
      assert.strictEqual(await (await fetching(url, { cache: mode })).text(), "body")
    }
    assert.strictEqual(count(), 2)
    const hit = await fetching(url)
    assert.match(hit.headers.get("cache-status") ?? "", /^cache; hit; ttl=\d+$/)
  })
})

describe("Cache-Status", () => {
  it.effect("cache 5: Cache-Status says what the cache did, after what others said", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: { ...fresh, "cache-status": "cdn; hit" } }))
      const first = yield* call(client)
      assert.strictEqual(first.headers["cache-status"], "cdn; hit, cache; fwd=uri-miss; stored")
      yield* TestClock.adjust("10 seconds")
      const second = yield* call(client)
      assert.deepStrictEqual(
        [second.headers["cache-status"], second.headers["age"]],
        ["cdn; hit, cache; hit; ttl=50", "10"]
      )
    })
  )

  it.effect("cache 5: a name with a blank is a quoted string, and the reason of a refusal is a detail", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: { "cache-control": "no-store" } }), { name: 'my "cache"' })
      const got = yield* call(client)
      assert.strictEqual(got.headers["cache-status"], '"my \\"cache\\""; fwd=uri-miss; detail=no-store')
    })
  )

  it.effect("cache 5: log, metrics and tracing report it", () =>
    Effect.gen(function* () {
      const reports: Array<ClientReport> = []
      const { client: wire } = wireOf(() => new Response("x", { headers: fresh }))
      const reporting = log({ level: (report) => (reports.push(report), undefined) })
      const client = ClientChain.over(ClientChain.make("c").use(reporting).use(cache()), wire)
      yield* call(client)
      yield* call(client)
      const statuses = reports.filter(({ kind }) => kind === "request").map(({ cacheStatus }) => cacheStatus)
      assert.deepStrictEqual(statuses, ["cache; fwd=uri-miss; stored", "cache; hit; ttl=60"])
    })
  )
})

describe("options", () => {
  const invalid: ReadonlyArray<readonly [string, CacheOptions]> = [
    ["name", { name: " " }],
    ["heuristicFraction", { heuristicFraction: 2 }],
    ["heuristicFraction", { heuristicFraction: Number.NaN }],
    ["maxHeuristicLifetime", { maxHeuristicLifetime: -1 }],
    ["staleIfError", { staleIfError: -1 }],
    ["lockTimeout", { lockTimeout: Number.NaN }],
    ["maxAbandonedBytes", { maxAbandonedBytes: -1 }]
  ]
  it.each(invalid)("cache 1: %s is checked at once", (option, options) => {
    try {
      cache(options)
    } catch (error) {
      assert.instanceOf(error, InvalidOption)
      return assert.strictEqual(error.option, option)
    }
    throw new Error("nothing was thrown")
  })

  it.each([
    ["maxBytes", { maxBytes: 0 }],
    ["maxEntries", { maxEntries: 0 }],
    ["maxEntryBytes", { maxEntryBytes: Number.NaN }]
  ])("cache 7: %s of a store is checked at once", (_, options) => {
    assert.throws(() => CacheStore.makeMemory(options), InvalidOption)
  })

  it.effect("cache 1: other schemes than HTTP, and upgrades, pass untouched", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: fresh }))
      const got = yield* call(client, { headers: { upgrade: "x" } })
      assert.strictEqual(outcome(got), "none")
      const failing = yield* Effect.exit(
        HttpClient.get("nothing").pipe(Effect.provideService(HttpClient.HttpClient, client as HttpClient.HttpClient))
      )
      assert.strictEqual(failing._tag, "Failure")
    })
  )
})
