import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { breakable, canBreak, canFill, fillable } from "./Disks.ts"
import { dataFile, furnish, spawned, start } from "./Process.ts"
import type { Harbour } from "./Process.ts"

const path = "/api/rooms/quay/messages"

const untilStatus = (harbour: Harbour, status: number) =>
  Effect.repeat(Effect.delay(harbour.call("GET", "/ready"), "100 millis"), {
    until: (answer) => answer.status === status
  })

describe("the disk of the data", () => {
  it.live.skipIf(!canFill)("app2 4.1: /ready turns 503 when the disk is full, and 200 when there is space again", () =>
    Effect.gen(function* () {
      const disk = yield* fillable
      const harbour = yield* start(join(disk.folder, "harbour.db"))
      const token = yield* furnish(harbour, "quay")
      yield* untilStatus(harbour, 200)
      disk.breakIt()
      const { json } = yield* untilStatus(harbour, 503)
      assert.deepStrictEqual(json.checks, { storage: "down" })
      const text = "x".repeat(4000)
      const posts = yield* Effect.forEach(Array.from({ length: 300 }), () =>
        harbour.call("POST", path, { token, body: { text } })
      )
      assert.strictEqual(posts.at(-1)?.status, 503)
      assert.strictEqual((yield* harbour.call("GET", "/live")).status, 200)
      assert.match(harbour.output(), /storage.*failed in .*writable.* of \S+harbour\.db.*(?:is full|ENOSPC)/s)
      disk.mend()
      yield* untilStatus(harbour, 200)
      assert.strictEqual((yield* harbour.call("POST", path, { token, body: { text: "again" } })).status, 201)
    })
  )

  it.live.skipIf(!canBreak)(
    "app2 4.1: /ready turns 503 when the disk becomes read-only, and rooms can still be read",
    () =>
      Effect.gen(function* () {
        const disk = yield* breakable
        const harbour = yield* start(join(disk.folder, "harbour.db"))
        const token = yield* furnish(harbour, "quay")
        yield* untilStatus(harbour, 200)
        disk.breakIt()
        yield* untilStatus(harbour, 503)
        assert.strictEqual((yield* harbour.call("POST", path, { token, body: { text: "lost" } })).status, 503)
        assert.strictEqual((yield* harbour.call("GET", path)).status, 200)
        assert.strictEqual((yield* harbour.call("GET", "/live")).status, 200)
        assert.match(harbour.output(), /failed in .*writable.* of \S+harbour\.db/s)
      })
  )

  it.live("app2 4.1: a start-up fault names the file and the cause, each in its own words", () =>
    Effect.gen(function* () {
      const [foreign, newer] = [yield* dataFile, yield* dataFile]
      for (const file of [foreign, newer]) mkdirSync(dirname(file))
      writeFileSync(foreign, "no database ".repeat(1000))
      const db = new DatabaseSync(newer)
      db.exec("PRAGMA user_version = 999")
      db.close()
      const faults = [
        ["/proc/harbour/harbour.db", /ENOENT/],
        [foreign, /file is not a database/],
        [newer, /written by a newer Harbour/]
      ] as const
      for (const [file, cause] of faults) {
        const { ended, output } = yield* spawned({ HARBOUR_DATA: file })
        const { code } = yield* ended
        assert.strictEqual(code, 1)
        assert.include(output(), `"open" of ${file}`.replaceAll('"', '\\"'))
        assert.match(output(), cause)
      }
    })
  )
})
