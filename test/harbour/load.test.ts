import { DatabaseSync } from "node:sqlite"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"

import { dataFile, furnish, readAll, start } from "./Process.ts"

const path = "/api/rooms/quay/messages"
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

describe("load", () => {
  it.live(
    "harbour: 1,000 concurrent requests are all answered right: no message lost, none twice",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const answers = yield* Effect.forEach(
        numbers(1000),
        (n) =>
          n % 4 === 3
            ? Effect.map(harbour.call("GET", "/api/rooms/quay"), ({ json, status }) => ({ n, status, echo: json.name }))
            : Effect.map(harbour.call("POST", path, { token, body: { text: `message ${n}` } }), ({ json, status }) => ({
                n,
                status,
                echo: json.text
              })),
        { concurrency: "unbounded" }
      )
      for (const { echo, n, status } of answers) {
        assert.deepStrictEqual([status, echo], n % 4 === 3 ? [200, "quay"] : [201, `message ${n}`])
      }
      const stored = yield* readAll(harbour, "quay")
      assert.strictEqual(new Set(stored.map(({ id }) => id)).size, 750)
      assert.sameMembers(
        stored.map(({ text }) => text),
        numbers(1000).flatMap((n) => (n % 4 === 3 ? [] : [`message ${n}`]))
      )
    })
  )

  it.live(
    "harbour: pages stay in place while others post: no message is skipped and none is seen twice",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const post = (text: string) => harbour.call("POST", path, { token, body: { text } })
      yield* Effect.forEach(numbers(60), (n) => post(`early ${n}`))
      const early = yield* readAll(harbour, "quay")

      const seen: Array<number> = []
      let page = yield* harbour.call("GET", `${path}?limit=7`)
      let late = 0
      while (true) {
        seen.push(...page.json.items.map(({ id }: { readonly id: number }) => id))
        if (page.json.next === null) break
        yield* Effect.forEach(numbers(5), () => post(`late ${late++}`), { concurrency: "unbounded" })
        page = yield* harbour.call("GET", `${path}?limit=7&before=${page.json.next}`)
      }
      assert.deepStrictEqual(
        seen,
        early.map(({ id }) => id)
      )
      assert.strictEqual((yield* readAll(harbour, "quay")).length, 60 + late)
    })
  )

  it.live(
    "harbour: every message acknowledged before a kill -9 is there after a restart",
    Effect.fn(function* () {
      const data = yield* dataFile
      const harbour = yield* start(data)
      const token = yield* furnish(harbour, "quay")
      const acknowledged = new Map<number, string>()
      const writer = (name: number) =>
        Effect.gen(function* () {
          for (let n = 0; ; n++) {
            const text = `writer ${name} message ${n}`
            const { json, status } = yield* harbour.call("POST", path, { token, body: { text } })
            if (status === 201) acknowledged.set(json.id, text)
            if (acknowledged.size === 300) yield* harbour.signal("SIGKILL")
          }
        })
      // A writer ends when its connection breaks: `call` dies then.
      const writers = yield* Effect.forEach(numbers(16), (name) => Effect.forkChild(Effect.exit(writer(name))))
      yield* Fiber.joinAll(writers)
      assert.strictEqual((yield* harbour.ended).signal, "SIGKILL")
      assert.isAtLeast(acknowledged.size, 300)

      const again = yield* start(data)
      const stored = new Map((yield* readAll(again, "quay")).map(({ id, text }) => [id, text]))
      for (const [id, text] of acknowledged) assert.strictEqual(stored.get(id), text)
      // What was under way when the process died may be there or not, but whole.
      assert.isAtMost(stored.size - acknowledged.size, 16)
      yield* again.signal("SIGTERM")
      yield* again.ended
      const db = new DatabaseSync(data, { readOnly: true })
      assert.deepStrictEqual({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" })
      db.close()
    })
  )
})
