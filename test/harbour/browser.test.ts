import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { missing } from "../Chromium.ts"
import { browser, noticed, open, stands, texts, violations } from "./Browser.ts"
import type { Reader } from "./Browser.ts"
import { follow } from "./Phoenix.ts"
import { dataFile, furnish, readAll, start } from "./Process.ts"
import type { Harbour } from "./Process.ts"

const path = "/api/rooms/quay/messages"

const memberOf = (harbour: Harbour, name: string): Effect.Effect<Reader> =>
  Effect.map(harbour.call("POST", "/api/tokens", { body: { name } }), ({ json }) => json)

describe.skipIf(missing)("browser", () => {
  it.live(
    "harbour: two people in a room see each other type and post, over a restart of Harbour too: nothing is lost, nothing comes twice",
    Effect.fn(function* () {
      const chromium = yield* browser
      const data = yield* dataFile
      const harbour = yield* start(data)
      const token = yield* furnish(harbour, "quay")
      const [ada, bob] = [yield* memberOf(harbour, "Ada"), yield* memberOf(harbour, "Bob")]
      const hers = yield* open(chromium, harbour, "quay", ada)
      const his = yield* open(chromium, harbour, "quay", bob, { width: 390 })
      yield* stands(hers, "Live")
      yield* stands(his, "Live")

      const typing = yield* noticed(his, "#typing")
      yield* Effect.promise(async () => {
        await hers.locator("#text").fill("The Aurora is in sight")
        assert.strictEqual(await typing(), "Ada is typing…")
        assert.strictEqual(await hers.locator("#typing").textContent(), "")
        await hers.getByRole("button", { name: "Send" }).click()
      })
      assert.deepStrictEqual(yield* texts(his, "The Aurora"), ["The Aurora is in sight"])
      assert.deepStrictEqual(yield* texts(hers, "The Aurora"), ["The Aurora is in sight"])
      assert.strictEqual(yield* Effect.promise(() => his.locator("#typing").textContent()), "")

      yield* harbour.signal("SIGTERM")
      yield* harbour.ended
      yield* stands(hers, "Reconnecting")
      yield* stands(his, "Reconnecting")
      const again = yield* start(data, "main", { PORT: String(harbour.port) })
      // Behind the restart and ahead of their return, perhaps: then it is what they missed.
      yield* again.call("POST", path, { token, body: { text: "Who was away reads this" } })
      yield* stands(hers, "Live")
      yield* stands(his, "Live")
      yield* Effect.promise(async () => {
        await his.locator("#text").fill("We are back")
        await his.locator("#text").press("Control+Enter")
      })
      const all = ["The Aurora is in sight", "Who was away reads this", "We are back"]
      for (const page of [hers, his]) assert.deepStrictEqual(yield* texts(page, "We are back"), all)
      assert.deepStrictEqual((yield* readAll(again, "quay")).map(({ text }) => text).toReversed(), all)
    })
  )

  it.live(
    "harbour: who was away for more than a page of messages reads them all, in order and once, though they posted meanwhile",
    Effect.fn(function* () {
      const chromium = yield* browser
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const say = (text: string) => harbour.call("POST", path, { token, body: { text } })
      const page = yield* open(chromium, harbour, "", yield* memberOf(harbour, "Ada"))
      let [deaf, unread] = [false, false]
      let lose = () => {}
      yield* Effect.promise(async () => {
        await page.route("**/api/**", (route) =>
          unread && route.request().method() === "GET" ? route.abort() : route.continue()
        )
        await page.routeWebSocket("**/socket/**", (socket) => {
          lose = () => void socket.close()
          if (deaf) lose()
          else socket.connectToServer()
        })
        await page.goto(`${harbour.url}/?again#quay`)
      })
      yield* stands(page, "Live")
      yield* say("0")
      yield* texts(page, "0")

      deaf = unread = true
      lose()
      yield* stands(page, "Reconnecting")
      const missed = Array.from({ length: 130 }, (_, n) => `${n + 1}`)
      yield* Effect.forEach(missed, say)
      yield* Effect.promise(async () => {
        await page.locator("#text").fill("mine")
        await page.locator("#text").press("Control+Enter")
      })
      assert.deepStrictEqual(yield* texts(page, "mine"), ["0", "mine"])

      // The channel is joined again, and what was missed cannot be read yet: it is not live.
      deaf = false
      const rejoined = yield* Effect.forkScoped(texts(page, "told"))
      yield* Effect.repeat(Effect.delay(say("told"), "100 millis"), {
        until: () => rejoined.pollUnsafe() !== undefined
      })
      yield* stands(page, "Reconnecting")
      unread = false
      yield* stands(page, "Live")
      yield* say("last")
      const all = yield* texts(page, "last")
      assert.deepStrictEqual(
        all.filter((text) => text !== "told"),
        ["0", ...missed, "mine", "last"]
      )
      assert.deepStrictEqual(all, (yield* readAll(harbour, "quay")).map(({ text }) => text).toReversed())
    })
  )

  it.live(
    "harbour: who was said to be typing is so for five seconds",
    Effect.fn(function* () {
      const chromium = yield* browser
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const page = yield* open(chromium, harbour, "")
      yield* Effect.promise(async () => {
        await page.clock.install()
        await page.goto(`${harbour.url}/?again#quay`)
      })
      yield* stands(page, "Live")
      yield* Effect.promise(() => page.clock.pauseAt(Date.now() + 10_000))
      const ada = yield* follow(harbour, "quay", token)
      yield* ada.payloads("joined", 1)
      ada.tell("typing")
      yield* Effect.promise(async () => {
        const line = page.locator("#typing")
        await line.filter({ hasText: "Keeper of quay is typing…" }).waitFor()
        await page.clock.runFor(4999)
        assert.strictEqual(await line.textContent(), "Keeper of quay is typing…")
        await page.clock.runFor(1)
        assert.strictEqual(await line.textContent(), "")
      })
    })
  )

  it.live(
    "harbour: without the socket the page looks for news by itself, and without script it says where the rooms are",
    Effect.fn(function* () {
      const chromium = yield* browser
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const bare = yield* open(chromium, harbour, "quay", undefined, { script: false })
      const link = bare.locator("noscript a, p.notice a")
      assert.strictEqual(yield* Effect.promise(() => link.first().getAttribute("href")), "/api/rooms")

      const page = yield* open(chromium, harbour, "")
      yield* Effect.promise(async () => {
        await page.route("**/modules/**", (route) => route.abort())
        await page.goto(`${harbour.url}/?again#quay`)
        await page.locator("#room-title", { hasText: "quay" }).waitFor()
      })
      yield* harbour.call("POST", path, { token, body: { text: "seen all the same" } })
      assert.deepStrictEqual(yield* texts(page, "seen all the same"), ["seen all the same"])
      assert.isTrue(yield* Effect.promise(() => page.locator("#connection").isHidden()))
    })
  )

  it.live(
    "harbour: a visitor signs in with a name, stays signed in over a reload and a restart, and signs out; no script reads the cookie",
    Effect.fn(function* () {
      const chromium = yield* browser
      const data = yield* dataFile
      const harbour = yield* start(data)
      yield* furnish(harbour, "quay")
      const page = yield* open(chromium, harbour, "quay")
      yield* stands(page, "Live")
      yield* Effect.promise(async () => {
        await page.locator("#member-name").fill("Ada")
        await page.getByRole("button", { name: "Join" }).click()
        await page.locator("#me", { hasText: "Ada" }).waitFor()
      })
      yield* stands(page, "Live")
      const [cookie] = yield* Effect.promise(() => page.context().cookies())
      assert.include(cookie, { name: "__Host-harbour", secure: true, httpOnly: true, sameSite: "Lax" })
      assert.deepStrictEqual(yield* Effect.promise(() => page.evaluate(() => [document.cookie, localStorage.length])), [
        "",
        0
      ])
      yield* Effect.promise(() => page.reload())
      yield* stands(page, "Live")
      assert.strictEqual(yield* Effect.promise(() => page.locator("#me").textContent()), "Ada")

      yield* harbour.signal("SIGTERM")
      yield* harbour.ended
      const again = yield* start(data, "main", { PORT: String(harbour.port) })
      yield* Effect.promise(() => page.reload())
      yield* stands(page, "Live")
      yield* Effect.promise(async () => {
        await page.locator("#text").fill("Still Ada")
        await page.getByRole("button", { name: "Send" }).click()
      })
      assert.deepStrictEqual(yield* texts(page, "Still Ada"), ["Still Ada"])
      assert.strictEqual((yield* again.call("GET", path)).json.items[0].author, "Ada")

      yield* Effect.promise(async () => {
        await page.getByRole("button", { name: "Sign out" }).click()
        await page.getByRole("button", { name: "Join" }).waitFor()
      })
      assert.isEmpty(yield* Effect.promise(() => page.context().cookies()))
      yield* stands(page, "Live")
      yield* Effect.promise(() => page.reload())
      yield* Effect.promise(() => page.getByRole("button", { name: "Join" }).waitFor())
    })
  )

  it.live(
    "harbour: an unknown session makes its owner a guest, who goes on listening, when Harbour is back with other data",
    Effect.fn(function* () {
      const chromium = yield* browser
      const harbour = yield* start(yield* dataFile)
      yield* furnish(harbour, "quay")
      const page = yield* open(chromium, harbour, "quay", yield* memberOf(harbour, "Ada"))
      yield* Effect.promise(() => page.getByRole("button", { name: "Send" }).waitFor())
      yield* stands(page, "Live")
      yield* harbour.signal("SIGTERM")
      yield* harbour.ended
      const other = yield* start(yield* dataFile, "main", { PORT: String(harbour.port) })
      const token = yield* furnish(other, "quay")
      yield* Effect.promise(() => page.getByRole("button", { name: "Join" }).waitFor())
      yield* stands(page, "Live")
      yield* other.call("POST", path, { token, body: { text: "for everyone" } })
      assert.deepStrictEqual(yield* texts(page, "for everyone"), ["for everyone"])
    })
  )

  it.live(
    "harbour: axe finds nothing wrong with the page, at 390 and 1280 px, light and dark, for members and guests",
    Effect.fn(function* () {
      const chromium = yield* browser
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      yield* harbour.call("POST", path, { token, body: { text: "Welcome\nto the quay" } })
      const ada = yield* memberOf(harbour, "Ada")
      for (const width of [390, 1280]) {
        for (const scheme of ["light", "dark"] as const) {
          for (const reader of [ada, undefined]) {
            const page = yield* open(chromium, harbour, "quay", reader, { width, scheme })
            yield* stands(page, "Live")
            assert.deepStrictEqual(yield* violations(page), [])
            const wide = yield* Effect.promise(() => page.evaluate(() => document.documentElement.scrollWidth))
            assert.isAtMost(wide, width)
          }
        }
      }
      const gone = yield* open(chromium, harbour, "quay", ada)
      yield* stands(gone, "Live")
      yield* harbour.signal("SIGTERM")
      yield* stands(gone, "Reconnecting")
      assert.deepStrictEqual(yield* violations(gone), [])
    })
  )
})
