import { DatabaseSync } from "node:sqlite"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"

import { keyOf } from "../../examples/harbour/Names.ts"
import { dataFile, furnish, start } from "./Process.ts"

const path = "/api/rooms/quay/messages"

describe("hostile clients and neighbours", () => {
  it.live("app2 4.1: a write lock that another process holds does not freeze the event loop", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      const harbour = yield* start(data)
      const token = yield* furnish(harbour, "quay")
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(data)),
        (db) => Effect.sync(() => db.close())
      )
      yield* Effect.sync(() => other.exec("BEGIN IMMEDIATE"))
      const posts = yield* Effect.forEach(["1", "2", "3", "4", "5", "6"], (text) =>
        Effect.forkScoped(harbour.call("POST", path, { token, body: { text } }))
      )
      yield* Effect.sleep(200)
      assert.strictEqual((yield* harbour.call("GET", "/live")).status, 200)
      assert.deepStrictEqual(
        posts.map((post) => post.pollUnsafe()),
        Array.from({ length: 6 }, () => undefined),
        "they still wait"
      )
      yield* Effect.sync(() => other.exec("ROLLBACK"))
      for (const post of posts) assert.strictEqual((yield* Fiber.join(post)).status, 201)
    })
  )

  it.live("app2 4.1: /ready turns 503 when the data cannot be written, with its cause in the log", () =>
    Effect.gen(function* () {
      const data = yield* dataFile
      const harbour = yield* start(data)
      assert.strictEqual((yield* harbour.call("GET", "/ready")).status, 200)
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(data)),
        (db) => Effect.sync(() => db.close())
      )
      yield* Effect.sync(() => other.exec("BEGIN IMMEDIATE"))
      yield* Effect.sleep(1100)
      const { json, status } = yield* harbour.call("GET", "/ready")
      assert.deepStrictEqual([status, json.checks], [503, { storage: "down" }])
      assert.match(harbour.output(), /The check .*storage.* failed/)
    })
  )

  it.live("app2 4.1: names are normalised, and invisible characters, mixed scripts and look-alikes are refused", () =>
    Effect.gen(function* () {
      const harbour = yield* start(yield* dataFile)
      const ask = (name: string) => harbour.call("POST", "/api/tokens", { body: { name } })
      const wide = yield* ask("Ａｄａ")
      assert.deepStrictEqual([wide.status, wide.json.name], [201, "Ada"])
      assert.strictEqual((yield* ask("ada")).status, 409)
      // A zero-width space, and a Cyrillic letter among Latin ones.
      assert.strictEqual((yield* ask("Gr\u200bace")).status, 400)
      assert.strictEqual((yield* ask("Gr\u0430ce")).status, 400)
      assert.strictEqual((yield* ask("pay")).status, 201)
      assert.strictEqual((yield* ask("\u0440\u0430\u0443")).status, 409)
      assert.strictEqual((yield* ask("Анна")).status, 201)
      assert.strictEqual(keyOf("B0b"), keyOf("bob"))
    })
  )

  it.live("app2 4.1: ids have one spelling, and a body other than UTF-8 is a 400", () =>
    Effect.gen(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      assert.strictEqual((yield* harbour.call("POST", path, { token, body: { text: "first" } })).status, 201)
      assert.strictEqual((yield* harbour.call("GET", `${path}/1`)).status, 200)
      for (const id of ["1e0", "0x1", "%201", "01", "+1", "1.0"]) {
        assert.strictEqual((yield* harbour.call("GET", `${path}/${id}`)).status, 400, id)
      }
      const bytes = Uint8Array.from([...Buffer.from('{"text":"'), 0xff, 0xfe, ...Buffer.from('"}')])
      const answer = yield* Effect.promise(() =>
        fetch(harbour.url + path, { method: "POST", headers: { authorization: `Bearer ${token}` }, body: bytes })
      )
      assert.strictEqual(answer.status, 400)
    })
  )

  it.live("app2 4.1: an address gets so many tokens a minute, and a Retry-After beyond them", () =>
    Effect.gen(function* () {
      const harbour = yield* start(yield* dataFile)
      const names = Array.from({ length: 101 }, (_, index) => `Member ${index}`)
      const answers = yield* Effect.forEach(names, (name) => harbour.call("POST", "/api/tokens", { body: { name } }))
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [...Array.from({ length: 100 }, () => 201), 429]
      )
      assert.isAbove(Number(answers.at(-1)?.headers.get("retry-after")), 0)
      assert.deepInclude(answers.at(-1)?.json, { status: 429, code: "TooManyTokens" })
    })
  )
})
