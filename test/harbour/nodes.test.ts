/** Two Harbours over one Redis and one database file. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"

import { Redis, missing as noRedis } from "../channel/redis/Redis.ts"
import { missing as noBrowser } from "../Chromium.ts"
import { browser, open, stands, texts } from "./Browser.ts"
import type { Reader } from "./Browser.ts"
import { dataFile, furnish, start } from "./Process.ts"
import type { Harbour } from "./Process.ts"

const path = "/api/rooms/quay/messages"

const memberOf = (harbour: Harbour, name: string): Effect.Effect<Reader> =>
  Effect.map(harbour.call("POST", "/api/tokens", { body: { name } }), ({ json }) => json)

/** Waits until the page says that these members are here. */
const here = (page: Page, names: string) =>
  Effect.promise(() => page.locator("#present", { hasText: new RegExp(`^Here: ${names}$`) }).waitFor())

describe.skipIf(noRedis || noBrowser)("two nodes", () => {
  it.live(
    "harbour: people on two nodes see who is here and each other's posts; when a node is killed, its people go and come back to another",
    Effect.fn(function* () {
      const redis = yield* Effect.acquireRelease(
        Effect.promise(() => Redis.start()),
        (redis) => Effect.promise(() => redis.kill())
      )
      const data = yield* dataFile
      const environment = { REDIS_URL: redis.url }
      const left = yield* start(data, "main", environment)
      const right = yield* start(data, "main", environment)
      yield* furnish(left, "quay")
      const chromium = yield* browser
      const [ada, bob] = [yield* memberOf(left, "Ada"), yield* memberOf(right, "Bob")]
      const hers = yield* open(chromium, left, "quay", ada)
      const his = yield* open(chromium, right, "quay", bob)
      yield* stands(hers, "Live")
      yield* stands(his, "Live")
      yield* here(hers, "Ada, Bob")
      yield* here(his, "Ada, Bob")
      yield* Effect.promise(async () => {
        await his.locator("#text").fill("From the other node")
        await his.locator("#text").press("Control+Enter")
      })
      assert.deepStrictEqual(yield* texts(hers, "From the other node"), ["From the other node"])

      yield* right.signal("SIGKILL")
      yield* right.ended
      yield* stands(his, "Reconnecting")
      // Its lease ends after 10 seconds.
      yield* here(hers, "Ada")
      yield* left.call("POST", path, { token: ada.token, body: { text: "While you were away" } })
      yield* start(data, "main", { ...environment, PORT: String(right.port) })
      yield* stands(his, "Live")
      yield* here(hers, "Ada, Bob")
      yield* here(his, "Ada, Bob")
      const all = ["From the other node", "While you were away"]
      assert.deepStrictEqual(yield* texts(his, "While you were away"), all)
    })
  )
})
