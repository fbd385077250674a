/** Hits: nothing but the store answers them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CacheStore } from "fairlead/client/handlers"

import { cached, call, fresh, outcome } from "./Caching.ts"

const at = (path: string | number) => `https://api.com/${path}`
const sizes = [2, 10_000, 1_000_000]

describe("a hit", () => {
  it.effect.each(sizes)("cache 9: of %d bytes sends no request, and is the same each time", (size) =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers: { ...fresh, "x-size": `${size}` }, body: "x".repeat(size) }))
      yield* call(client)
      for (let turn = 0; turn < 5; turn++) {
        const got = yield* call(client)
        assert.deepStrictEqual([outcome(got), got.status, got.headers["x-size"]], ["hit", 200, `${size}`])
        assert.isTrue(got.text === "x".repeat(size))
      }
      assert.strictEqual(count(), 1)
    })
  )

  it.effect("cache 9: among many entries sends no request, and has its own body", () =>
    Effect.gen(function* () {
      const store = CacheStore.makeMemory({ maxEntries: 5000 })
      const { client, count } = cached(({ url }) => ({ headers: fresh, body: url }), { store })
      const paths = Array.from({ length: 5000 }, (_, index) => index)
      for (const path of paths) yield* call(client, { url: at(path) })
      for (const path of paths) {
        const got = yield* call(client, { url: at(path) })
        assert.isTrue(got.text === at(path))
      }
      assert.strictEqual(count(), 5000)
    })
  )

  it.effect("cache 9: a hundred equal misses at the same time send one request", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => Effect.as(Effect.yieldNow, { headers: fresh }))
      const calls = Array.from({ length: 100 }, () => call(client))
      const got = yield* Effect.all(calls, { concurrency: "unbounded" })
      assert.deepStrictEqual([[...new Set(got.map(({ text }) => text))], count()], [["body"], 1])
    })
  )
})
