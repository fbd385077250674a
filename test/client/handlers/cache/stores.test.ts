import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Stores: bounds, damage, failure, two processes. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Scope } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { CacheStore } from "fairlead/client/handlers"

import { cached, call, fresh, outcome } from "./Caching.ts"
import { folder, storeIn } from "./Stores.ts"

type Store = CacheStore["Service"]

const at = (path: string | number) => `https://api.com/${path}`

/** A client over a store, whose bodies have so many bytes. */
const over = (store: Store, size = 4, headers: Readonly<Record<string, string>> = fresh) =>
  cached(() => ({ headers, body: "x".repeat(size) }), { store })

const hits = (client: ReturnType<typeof over>["client"], paths: ReadonlyArray<string | number>) =>
  Effect.map(
    Effect.forEach(paths, (path) =>
      Effect.map(call(client, { url: at(path), mode: "only-if-cached" }), ({ status }) =>
        status === 200 ? [path] : []
      )
    ),
    (found) => found.flat()
  )

const fill = (client: ReturnType<typeof over>["client"], paths: ReadonlyArray<string | number>) =>
  Effect.forEach(paths, (path) => call(client, { url: at(path) }), { discard: true })

/** Every kind of store, with room for three entries of 100 kB. */
const bounds = { maxEntries: 3, maxBytes: 350_000, maxEntryBytes: 300_000 }
const kinds: ReadonlyArray<readonly [string, Effect.Effect<Store, never, Scope.Scope>]> = [
  ["memory", Effect.sync(() => CacheStore.makeMemory(bounds))],
  ["a KeyValueStore", Effect.provide(CacheStore.makeKvs(bounds), KeyValueStore.layerMemory)],
  ["SQLite", Effect.flatMap(folder, (path) => storeIn({ kind: "sqlite", path }, bounds))]
]

describe.each(kinds)("a store in %s", (_, make) => {
  it.effect("cache 7: entries beyond the bound go, the eldest first", () =>
    Effect.gen(function* () {
      const { client } = over(yield* make)
      yield* fill(client, [1, 2, 3, 4, 5])
      assert.deepStrictEqual(yield* hits(client, [1, 2, 3, 4, 5]), [3, 4, 5])
    })
  )

  it.effect("cache 7: bytes beyond the bound go, the eldest first, and one body has its own bound", () =>
    Effect.gen(function* () {
      const store = yield* make
      yield* fill(over(store, 100_000).client, [1, 2, 3])
      const { client } = over(store, 200_000)
      yield* fill(client, [4])
      assert.deepStrictEqual(yield* hits(client, [1, 2, 3, 4]), [3, 4])
      yield* fill(over(store, 320_000).client, [5])
      assert.deepStrictEqual(yield* hits(client, [3, 4, 5]), [3, 4])
    })
  )

  it.effect("cache 7: a response that takes the place of another leaves its room", () =>
    Effect.gen(function* () {
      const { client } = over(yield* make, 100_000)
      yield* fill(client, [1, 2, 3])
      for (const _ of [1, 2, 3]) yield* call(client, { url: at(3), mode: "reload" })
      assert.deepStrictEqual(yield* hits(client, [1, 2, 3]), [1, 2, 3])
    }).pipe(Effect.provide(Layer.empty))
  )

  it.effect("cache 7: large bodies, empty bodies and ranges come back as they were", () =>
    Effect.gen(function* () {
      const store = yield* make
      const body = Array.from({ length: 70_000 }, (_, index) => String(index % 10)).join("")
      const { client } = cached(
        ({ url }) => ({ headers: fresh, body: url.endsWith("0") ? "" : body + body + body + body }),
        { store }
      )
      for (const path of [0, 1]) {
        const [first, second] = [yield* call(client, { url: at(path) }), yield* call(client, { url: at(path) })]
        assert.strictEqual(outcome(second), "hit")
        assert.isTrue(first.text === second.text)
      }
      const part = yield* call(client, { url: at(1), headers: { range: "bytes=131070-131075" } })
      assert.deepStrictEqual([part.status, part.text], [206, "012345"])
    })
  )

  it.effect("cache 7: an invalidation by URL, prefix or group holds for all users, and for new entries no more", () =>
    Effect.gen(function* () {
      const store = yield* make
      const { client } = over(store, 4, { ...fresh, "cache-groups": '"g"' })
      const users = (path: string) =>
        Effect.forEach(["ada", "bob"], (authorization) => call(client, { url: at(path), headers: { authorization } }))
      for (const invalidation of [
        { _tag: "Url", url: at("a") },
        { _tag: "Prefix", prefix: at("a") },
        { _tag: "Groups", origin: "https://api.com", groups: ["g"] },
        { _tag: "All" }
      ] as const) {
        yield* users("a")
        assert.deepStrictEqual((yield* users("a")).map(outcome), ["hit", "hit"])
        yield* store.invalidate(invalidation)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual((yield* users("a")).map(outcome), ["uri-miss", "uri-miss"], invalidation._tag)
      }
    })
  )

  it.effect("cache 4: a 304 updates the head and keeps the body", () =>
    Effect.gen(function* () {
      const store = yield* make
      const { client } = cached(
        ({ headers }) =>
          headers["if-none-match"] === undefined
            ? { headers: { "cache-control": "max-age=1", etag: '"a"' } }
            : { status: 304, headers: { "cache-control": "max-age=60", "x-new": "1" } },
        { store }
      )
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      yield* call(client)
      const got = yield* call(client)
      assert.deepStrictEqual([outcome(got), got.text, got.headers["x-new"]], ["hit", "body", "1"])
    })
  )
})

describe("a store in a KeyValueStore", () => {
  const shared = Effect.map(
    Effect.all([CacheStore.makeKvs(), CacheStore.makeKvs(), KeyValueStore.KeyValueStore]),
    ([a, b, kvs]) => ({ a, b, kvs })
  )

  it.effect("cache 7: two processes over one store use each other's entries, those of a user included", () =>
    Effect.gen(function* () {
      const { a, b } = yield* shared
      const headers = { authorization: "Bearer t" }
      yield* call(over(a).client, { headers })
      const other = over(b)
      assert.strictEqual(outcome(yield* call(other.client, { headers })), "hit")
      yield* call(other.client, { method: "PUT", body: "x" })
      yield* TestClock.adjust(1)
      assert.strictEqual(outcome(yield* call(over(a).client, { headers })), "uri-miss")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("cache 7: damaged and foreign entries are misses, and are replaced", () =>
    Effect.gen(function* () {
      const { a, kvs } = yield* shared
      const { client } = over(a)
      yield* call(client)
      const names = (yield* kvs.keys).filter((key) => key.includes("/h/") || key.includes("/b/"))
      assert.lengthOf(names, 2)
      const wrong = ["", "{", "null", '{"key":1}', '{"heads":[]}', JSON.stringify({ key: "x", heads: [{}] })]
      for (const name of names) {
        for (const value of wrong) {
          yield* kvs.set(name, value)
          assert.deepStrictEqual((yield* call(client)).text, "xxxx")
          assert.strictEqual(outcome(yield* call(client)), "hit", `${name} ${value}`)
          // A body has another name now.
          if (name.includes("/b/")) break
        }
      }
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("cache 7: a damaged ring, damaged slots and a damaged list of prefixes lose no answer", () =>
    Effect.gen(function* () {
      const kvs = yield* KeyValueStore.KeyValueStore
      const store = yield* CacheStore.makeKvs({ maxEntries: 2 })
      const { client } = over(store)
      yield* fill(client, [1, 2])
      for (const name of yield* kvs.keys) {
        if (/\/s\/|\/ring$/.test(name)) yield* kvs.set(name, "[")
      }
      yield* kvs.set("fairlead/cache/p", "{}")
      yield* fill(client, [3, 4, 5, 6])
      assert.includeMembers([...(yield* hits(client, [3, 4, 5, 6]))], [5, 6])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("cache 7: a store that fails in any operation is passed by", () =>
    Effect.gen(function* () {
      const failing = new KeyValueStore.KeyValueStoreError({ method: "x", key: "x", message: "down" })
      const kvs = yield* KeyValueStore.KeyValueStore
      let down: string | undefined
      const guarded = <A>(name: string, effect: Effect.Effect<A, KeyValueStore.KeyValueStoreError>) =>
        Effect.suspend(() => (down === name ? Effect.fail(failing) : effect))
      const unsteady = KeyValueStore.make({
        ...kvs,
        get: (key) => guarded("get", kvs.get(key)),
        getUint8Array: (key) => guarded("getUint8Array", kvs.getUint8Array(key)),
        set: (key, value) => guarded("set", kvs.set(key, value)),
        remove: (key) => guarded("remove", kvs.remove(key))
      })
      for (const operation of ["get", "getUint8Array", "set", "remove"]) {
        const store = yield* Effect.provideService(
          CacheStore.makeKvs({ prefix: operation }),
          KeyValueStore.KeyValueStore,
          unsteady
        )
        const { client } = over(store)
        down = undefined
        yield* call(client)
        down = operation
        for (const headers of [{}, { authorization: "t" }] as ReadonlyArray<Record<string, string>>) {
          assert.strictEqual((yield* call(client, { headers })).text, "xxxx", operation)
          assert.strictEqual((yield* call(client, { headers, mode: "reload" })).text, "xxxx", operation)
        }
        yield* call(client, { method: "PUT", body: "x" })
        down = undefined
        assert.strictEqual((yield* call(client)).text, "xxxx")
      }
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.live("cache 7: files outlive the process, and a file that was cut is a miss", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "fairlead-cache-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
      const files = KeyValueStore.layerFileSystem(folder).pipe(Layer.provide(NodeServices.layer))
      const run = <A, E>(effect: (store: Store) => Effect.Effect<A, E>) =>
        Effect.provide(Effect.flatMap(CacheStore.makeKvs(), effect), files)
      yield* run((store) => call(over(store, 300_000).client))
      const second = yield* run((store) => call(over(store, 300_000).client))
      assert.deepStrictEqual([outcome(second), second.text.length], ["hit", 300_000])
      const body = readdirSync(folder).find((name) => name.includes("b%2F") || name.includes("/b/"))!
      writeFileSync(join(folder, body), "cut")
      const after = over(yield* run((store) => Effect.succeed(store)), 300_000)
      yield* Effect.exit(call(after.client))
      assert.strictEqual((yield* call(after.client)).text.length, 300_000)
    }).pipe(Effect.scoped)
  )
})

describe("a store in memory", () => {
  it.effect("cache 7: an entry larger than the store is not kept, and evicts nothing", () =>
    Effect.gen(function* () {
      const store = CacheStore.makeMemory({ maxBytes: 2000 })
      const { client } = over(store, 100)
      yield* fill(client, [1])
      yield* fill(over(store, 1900).client, [2])
      assert.deepStrictEqual(yield* hits(client, [1, 2]), [1])
    })
  )

  it.live("cache 7: memory outside the heap is freed when entries go", () =>
    Effect.gen(function* () {
      setFlagsFromString("--expose-gc")
      const collect = runInNewContext("gc") as () => void
      const store = CacheStore.makeMemory({ maxEntries: 2, maxBytes: "64 MiB" })
      const { client } = over(store, 1_000_000)
      collect()
      const before = process.memoryUsage().arrayBuffers
      yield* fill(
        client,
        Array.from({ length: 40 }, (_, index) => index)
      )
      yield* Effect.sleep(20)
      collect()
      yield* Effect.sleep(20)
      collect()
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 15_000_000)
    })
  )
})
