import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"

import { keyIn } from "../../examples/harbour/PeerKey.ts"

/** A folder that is removed with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "harbour-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

describe("the key of a peer", () => {
  it.effect("harbour: a key is made once, in a file of its owner's alone, and is not shown", () =>
    Effect.gen(function* () {
      const place = yield* folder
      const file = join(place, "harbour.db.key")
      const key = yield* keyIn(file)
      assert.deepStrictEqual(Redacted.value(yield* keyIn(file)), Redacted.value(key))
      assert.deepStrictEqual([...Redacted.value(key)], [...readFileSync(file)])
      assert.strictEqual(Redacted.value(key).length, 32)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.deepStrictEqual(readdirSync(place), ["harbour.db.key"])
      assert.notInclude(JSON.stringify(key), Buffer.from(Redacted.value(key)).toString("hex"))
    })
  )

  it.effect("harbour: a key that others can read, a truncated one, or one that cannot be made says what to do", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "harbour.db.key")
      yield* keyIn(file)
      chmodSync(file, 0o640)
      const open = yield* Effect.flip(keyIn(file))
      assert.strictEqual(
        open.message,
        `The key of this Harbour as a peer, ${file}, can be read by others: chmod 600 it.`
      )
      writeFileSync(file, "short")
      chmodSync(file, 0o600)
      assert.match(
        (yield* Effect.flip(keyIn(file))).message,
        /has 5 bytes instead of 32: remove it to get a new one\.$/
      )
      const nowhere = yield* Effect.flip(keyIn(join(file, "key")))
      assert.match(nowhere.message, /can neither be read nor made: ENOTDIR/)
    })
  )
})
