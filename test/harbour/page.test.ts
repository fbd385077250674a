import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"

import { missing } from "../Chromium.ts"
import { browser, open, stands, texts } from "./Browser.ts"
import type { Reader } from "./Browser.ts"
import { dataFile, furnish, start } from "./Process.ts"

const path = "/api/rooms/quay/messages"

/** What the page says of where its reader is: title, alert, status, and how the connection stands. */
const place = (page: Page) =>
  Effect.promise(async () => ({
    title: await page.title(),
    alert: await page.locator("#alert").textContent(),
    status: await page.locator("#status").textContent(),
    connection: (await page.locator("#connection").isVisible()) ? await page.locator("#connection").textContent() : ""
  }))

const alerted = (page: Page, text: string) => Effect.promise(() => page.locator("#alert", { hasText: text }).waitFor())

describe.skipIf(missing)("the page", () => {
  it.live(
    "app2 4.1: after a wrong #hash its title and status say that no room is open, and a right one mends all",
    () =>
      Effect.gen(function* () {
        const chromium = yield* browser
        const harbour = yield* start(yield* dataFile)
        const token = yield* furnish(harbour, "quay")
        yield* harbour.call("POST", path, { token, body: { text: "Welcome" } })
        const nowhere = {
          title: "Harbour",
          alert: 'There is no room "nowhere". Create it by POST /api/rooms.',
          status: "No room is open.",
          connection: ""
        }
        const quay = { title: "quay · Harbour", alert: "", status: "Room quay, 1 messages shown.", connection: "Live" }

        const page = yield* open(chromium, harbour, "quay")
        yield* stands(page, "Live")
        const go = (hash: string) => Effect.promise(() => page.evaluate((to) => void (location.hash = to), hash))
        yield* go("nowhere")
        yield* alerted(page, "nowhere")
        assert.deepStrictEqual(yield* place(page), nowhere)
        yield* go("quay")
        yield* stands(page, "Live")
        assert.deepStrictEqual(yield* place(page), quay)
        yield* go("%E0%A4%A")
        yield* alerted(page, "a-z")
        assert.deepStrictEqual(yield* place(page), {
          ...nowhere,
          alert: "room: Expected 1 to 40 of the characters a-z, 0-9 and -, with no - at either end"
        })

        const lost = yield* open(chromium, harbour, "nowhere")
        yield* alerted(lost, "nowhere")
        yield* Effect.promise(() => lost.waitForLoadState("networkidle"))
        assert.deepStrictEqual(yield* place(lost), nowhere)
        yield* Effect.promise(() => lost.getByRole("link", { name: "quay" }).click())
        yield* stands(lost, "Live")
        assert.deepStrictEqual(yield* place(lost), quay)
      })
  )

  it.live(
    "app2 4.1: at 390 px the composer is in sight below the newest message, however many rooms and messages there are",
    () =>
      Effect.gen(function* () {
        const chromium = yield* browser
        const harbour = yield* start(yield* dataFile)
        const token = yield* furnish(harbour, "quay")
        for (let n = 0; n < 40; n++) {
          yield* harbour.call("POST", "/api/rooms", { token, body: { name: `room-${n}`, topic: "a topic" } })
          yield* harbour.call("POST", path, { token, body: { text: `${n} ${"words ".repeat(30)}` } })
        }
        const { json: ada }: { json: Reader } = yield* harbour.call("POST", "/api/tokens", { body: { name: "Ada" } })
        const page = yield* open(chromium, harbour, "quay", ada, { width: 390 })
        yield* stands(page, "Live")
        yield* texts(page, "39 words")
        const boxes = yield* Effect.promise(() =>
          page.evaluate(() => {
            const edges = (selector: string) => {
              const { bottom, top } = [...document.querySelectorAll(selector)].at(-1)!.getBoundingClientRect()
              return { bottom, top }
            }
            return {
              scrolled: window.scrollY,
              height: window.innerHeight,
              newest: edges("#log .text"),
              text: edges("#text"),
              send: edges("#post button")
            }
          })
        )
        assert.strictEqual(boxes.scrolled, 0)
        assert.isAtLeast(boxes.text.top, boxes.newest.bottom)
        assert.isAtMost(boxes.send.bottom, boxes.height)
        assert.isAtLeast(boxes.newest.bottom, 0)
      })
  )
})
