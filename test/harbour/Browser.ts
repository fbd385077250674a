/**
 * Pages of a running Harbour in a real browser.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

import { Effect } from "effect"
import type { Scope } from "effect"
import type { Browser, Page } from "playwright-core"

import { launch } from "../Chromium.ts"
import type { Harbour } from "./Process.ts"

const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8")

/** How long a page may take to come to something, however busy the machine is. */
const patience = 30_000

/** How a page is looked at. */
export interface Look {
  readonly width?: number
  readonly scheme?: "light" | "dark"
  readonly script?: boolean
}

/** Someone with a token. */
export interface Reader {
  readonly name: string
  readonly token: string
}

/** A browser, closed with the scope. */
export const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(launch),
  (browser) => Effect.promise(() => browser.close())
)

/** Signs in on the page with a token. The page knows it when it is loaded again. */
const signIn = (page: Page, token: string): Promise<void> =>
  page.evaluate(async (sent) => {
    await fetch("/api/session", { method: "POST", body: JSON.stringify({ token: sent }) })
  }, token)

/** Opens Harbour's page as somebody, or as a guest, in a profile of its own. An error of its script, or what its policy forbids, is a defect at the end. */
export const open = (
  browser: Browser,
  { url }: Harbour,
  room: string,
  reader?: Reader,
  { scheme = "light", script = true, width = 1280 }: Look = {}
): Effect.Effect<Page, never, Scope.Scope> =>
  Effect.gen(function* () {
    const problems: Array<string> = []
    const context = yield* Effect.acquireRelease(
      Effect.promise(() =>
        browser.newContext({
          viewport: { width, height: 844 },
          colorScheme: scheme,
          reducedMotion: "reduce",
          javaScriptEnabled: script
        })
      ),
      (context) =>
        Effect.promise(async () => {
          await context.close()
          if (problems.length > 0) throw new Error(problems.join("\n"))
        })
    )
    context.setDefaultTimeout(patience)
    return yield* Effect.promise(async () => {
      const page = await context.newPage()
      page.on("pageerror", ({ message }) => problems.push(message))
      page.on("console", (message) => {
        if (message.text().includes("Content Security Policy")) problems.push(message.text())
      })
      if (reader !== undefined) {
        await page.goto(url)
        await signIn(page, reader.token)
      }
      await page.goto(`${url}/?opened#${room}`)
      return page
    })
  })

/** Waits until the page says how its connection stands. */
export const stands = (page: Page, state: "Live" | "Reconnecting") =>
  Effect.promise(() => page.locator("#connection", { hasText: new RegExp(`^${state}$`) }).waitFor())

/** The texts that the page shows, once it shows this one. */
export const texts = (page: Page, awaited: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    await page.locator("#log .text", { hasText: awaited }).first().waitFor()
    return page.locator("#log .text").allTextContents()
  })

/** The first words that come to stand in an element from now on, however soon they go again. */
export const noticed = (page: Page, selector: string): Effect.Effect<() => Promise<string>> =>
  Effect.promise(async () => {
    const words = await page.evaluateHandle((selector) => {
      const element = document.querySelector(selector)!
      const first = new Promise<string>((resolve) => {
        const look = () => element.textContent !== "" && resolve(element.textContent ?? "")
        new MutationObserver(look).observe(element, { childList: true, characterData: true, subtree: true })
      })
      return { first }
    }, selector)
    return () => words.evaluate(({ first }) => first)
  })

/** What axe finds wrong with the page: each rule with the elements that break it. */
export const violations = (page: Page): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    // Not as a script of the page: its policy would not let it run.
    await page.evaluate(axe)
    const found = await page.evaluate("axe.run().then(({ violations }) => violations)")
    return (found as Array<{ id: string; nodes: Array<{ html: string; failureSummary: string }> }>).flatMap(
      ({ id, nodes }) => nodes.map(({ failureSummary, html }) => `${id}: ${html} ${failureSummary}`)
    )
  })
