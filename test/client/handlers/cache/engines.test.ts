/** Stores outside of the process: files, SQLite, Redis, and two processes over one of them. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

import { NodeRedis } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import { KeyValueStore } from "effect/persistence"
import { InvalidOption } from "fairlead"
import { RedisKeyValueStore } from "fairlead/client/handlers"
import { SqliteKeyValueStore } from "fairlead/client/node"
import { afterAll, beforeAll } from "vitest"

import { missing, Redis } from "../../../channel/redis/Redis.ts"
import { loopback } from "../Loopback.ts"
import { cached, call, fresh, outcome } from "./Caching.ts"
import { entriesOf, folder, storeIn } from "./Stores.ts"
import type { Place } from "./Stores.ts"

let redis: Redis
beforeAll(async () => {
  if (!missing) redis = await Redis.start()
})
afterAll(() => redis?.kill())

const inFolder = (kind: "files" | "sqlite") => Effect.map(folder, (path): Place => ({ kind, path }))
const inRedis = Effect.sync((): Place => ({ kind: "redis", url: redis.url, prefix: `${crypto.randomUUID()}*:` }))
const kinds: ReadonlyArray<readonly [kind: string, place: Effect.Effect<Place, never, Scope.Scope>]> = [
  ["files", inFolder("files")],
  ["SQLite", inFolder("sqlite")],
  ...(missing ? [] : [["Redis", inRedis] as const])
]

const entriesIn = (place: Place) =>
  Effect.map(Layer.build(Layer.fresh(entriesOf(place))), (context) => Context.get(context, KeyValueStore.KeyValueStore))

describe.each(kinds)("a KeyValueStore in %s", (_, place) => {
  it.live("cache 7: keeps texts and bytes, and lists and clears its own entries alone", () =>
    Effect.gen(function* () {
      const [kvs, other] = [yield* entriesIn(yield* place), yield* entriesIn(yield* place)]
      yield* other.set("a", "theirs")
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
      yield* kvs.set("a", 'ä"\u0000')
      yield* kvs.set("b/1", bytes)
      assert.strictEqual(yield* kvs.get("a"), 'ä"\u0000')
      assert.deepStrictEqual([...(yield* kvs.getUint8Array("b/1"))!], [...bytes])
      assert.deepStrictEqual([yield* kvs.get("c"), yield* kvs.getUint8Array("c")], [undefined, undefined])
      assert.deepStrictEqual([(yield* kvs.keys).toSorted(), yield* kvs.size], [["a", "b/1"], 2])
      assert.deepStrictEqual([yield* kvs.has("a"), yield* kvs.has("c")], [true, false])
      yield* kvs.remove("a")
      assert.isUndefined(yield* kvs.get("a"))
      yield* kvs.set("b/1", "text")
      assert.strictEqual(yield* kvs.get("b/1"), "text")
      yield* kvs.clear
      assert.deepStrictEqual([yield* kvs.size, yield* other.get("a")], [0, "theirs"])
    })
  )

  it.live("cache 7: a cut or a foreign entry is a miss, and is replaced", () =>
    Effect.gen(function* () {
      const where = yield* place
      const kvs = yield* entriesIn(where)
      const { client, count } = cached(() => ({ headers: fresh, body: "x".repeat(200_000) }), {
        store: yield* storeIn(where)
      })
      for (const [part, damage] of [
        ["/h/", "{"],
        ["/b/", "cut"],
        ["/h/", "\u0000"],
        ["/b/", ""]
      ] as const) {
        yield* kvs.clear
        yield* call(client)
        const before = count()
        const name = (yield* kvs.keys).find((key) => key.includes(part))!
        yield* kvs.set(name, damage)
        const got = yield* call(client)
        assert.deepStrictEqual([got.text.length, count()], [200_000, before + 1], `${part} ${damage}`)
        assert.strictEqual(outcome(yield* call(client)), "hit")
      }
    })
  )

  it.live(
    "cache 7: two processes at the same time use each other's entries, and each clears what the other stored",
    () =>
      Effect.gen(function* () {
        const where = yield* place
        const counts = new Map<string, number>()
        const { origin } = yield* loopback((request, response) => {
          const path = request.url!
          if (request.method === "GET") counts.set(path, (counts.get(path) ?? 0) + 1)
          response.setHeader("cache-control", "max-age=60").end(`${path} ${"x".repeat(5000)}`)
        })
        const run = (paths: ReadonlyArray<string>) =>
          Effect.promise(async () => {
            const program = fileURLToPath(new URL("StoreProcess.ts", import.meta.url))
            const urls = paths.map((path) => path.replace("/", `${origin}/`))
            const args = ["--conditions=fairlead:source", program, JSON.stringify(where), JSON.stringify(urls)]
            const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 10_000_000 })
            return JSON.parse(stdout) as ReadonlyArray<readonly [text: string, outcome: string]>
          })
        const paths = Array.from({ length: 20 }, (_, index) => `/${index}`)
        const turns = yield* Effect.all([run([...paths, ...paths]), run([...paths.toReversed(), ...paths])], {
          concurrency: 2
        })
        for (const [index, path] of [...paths, ...paths].entries()) {
          assert.strictEqual(turns[0][index]![0], `${path} ${"x".repeat(5000)}`)
        }
        // At most both have asked, and the second turn of a process asks for nothing.
        for (const path of paths) assert.isAtMost(counts.get(path)!, 2)
        assert.isTrue(turns.every((turn) => turn.slice(20).every(([, outcome]) => outcome === "hit")))
        const before = counts.get("/3")!
        const [, put] = yield* run(["/3", "PUT /3"])
        assert.strictEqual(put![1], "none")
        const [again, other] = yield* run(["/3", "/4"])
        assert.deepStrictEqual([again![1], other![1], counts.get("/3")], ["uri-miss", "hit", before + 1])
      })
  )
})

describe("a KeyValueStore in SQLite", () => {
  it.effect("cache 7: a file that cannot be opened, and one that is closed, are typed errors", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const opening = Effect.scoped(Layer.build(SqliteKeyValueStore.layer({ filename: path })))
      const error = yield* Effect.flip(opening)
      assert.deepStrictEqual([error._tag, error.method], ["KeyValueStoreError", "open"])
      const closed = yield* Effect.scoped(entriesIn({ kind: "sqlite", path }))
      for (const operation of [closed.get("a"), closed.set("a", "b"), closed.keys]) {
        assert.strictEqual((yield* Effect.flip(operation))._tag, "KeyValueStoreError")
      }
    })
  )

  it.live("cache 7: a file that another process has locked makes writes fail, and the network answers", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { client, count } = cached(() => ({ headers: fresh }), { store: yield* storeIn({ kind: "sqlite", path }) })
      yield* call(client)
      const { DatabaseSync } = yield* Effect.promise(() => import("node:sqlite"))
      const other = new DatabaseSync(join(path, "cache.db"))
      other.exec("BEGIN EXCLUSIVE")
      assert.strictEqual((yield* call(client, { mode: "reload" })).text, "body")
      // Readers of a write-ahead log wait for nobody.
      assert.strictEqual(outcome(yield* call(client)), "hit")
      other.exec("ROLLBACK")
      other.close()
      assert.strictEqual(count(), 2)
    })
  )
})

describe("a KeyValueStore in Redis", () => {
  it("cache 7: rejects a time to live that cannot work", () => {
    for (const timeToLive of [0, -1, Number.NaN]) {
      assert.throws(() => RedisKeyValueStore.layer({ timeToLive }), InvalidOption)
    }
  })

  it.live.skipIf(missing)("cache 7: entries expire after their time to live", () =>
    Effect.gen(function* () {
      const prefix = `${crypto.randomUUID()}:`
      const layer = RedisKeyValueStore.layer({ prefix, timeToLive: "1 hour" }).pipe(
        Layer.provide(Layer.orDie(NodeRedis.layer({ url: redis.url, disableOfflineQueue: true })))
      )
      const kvs = yield* Effect.provide(KeyValueStore.KeyValueStore, yield* Layer.build(layer))
      yield* kvs.set("a", "b")
      const [left] = yield* Effect.promise(() => redis.command(["PTTL", `${prefix}a`]))
      assert.isAbove(Number(left), 3_500_000)
      assert.isAtMost(Number(left), 3_600_000)
    })
  )

  it.live.skipIf(missing)("cache 7: a Redis that hangs, dies and comes back only slows the first call", () =>
    Effect.gen(function* () {
      const own = yield* Effect.acquireRelease(
        Effect.promise(() => Redis.start()),
        (each) => Effect.promise(() => each.kill())
      )
      const store = yield* storeIn({ kind: "redis", url: own.url })
      const { client, count } = cached((_, count) => ({ headers: fresh, body: `${count}` }), {
        store,
        storeTimeout: "100 millis"
      })
      const headers = { authorization: "Bearer t" }
      yield* call(client, { headers })
      assert.strictEqual(outcome(yield* call(client, { headers })), "hit")
      own.signal("SIGSTOP")
      const begin = performance.now()
      for (let turn = 2; turn < 12; turn++) {
        const got = yield* call(client, { headers })
        assert.deepStrictEqual([got.text, count()], [`${turn}`, turn])
        assert.include(got.headers["cache-status"], "detail=store-failed")
      }
      // A call without a rest of the store would wait for it twice and more.
      assert.isBelow(performance.now() - begin, 4000)
      yield* call(client, { method: "PUT", body: "x" })
      yield* Effect.promise(() => own.kill())
      assert.strictEqual((yield* call(client, { headers })).text, "13")
      yield* Effect.promise(() => own.restart())
      yield* Effect.sleep("5 seconds")
      // It came back empty, and keeps responses again.
      let last = yield* call(client, { headers })
      for (let left = 50; outcome(last) !== "hit" && left > 0; left--) {
        yield* Effect.sleep("100 millis")
        last = yield* call(client, { headers })
      }
      assert.strictEqual(outcome(last), "hit")
    })
  )
})
