/**
 * The browser of the tests: Chromium, where it is installed, or where `CHROMIUM` says that it is.
 */
import { existsSync } from "node:fs"

import { chromium } from "playwright-core"
import type { Browser } from "playwright-core"

const named = process.env["CHROMIUM"]
const places =
  named === undefined ? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"] : [named]
const executablePath = places.find((place) => existsSync(place))

/** Whether there is none: it is said once for each file that asks. */
export const missing = executablePath === undefined
if (missing)
  console.log(`The browser tests are skipped: there is no ${places.join(", no ")} (apt-get install chromium)`)

const args = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** Starts it, without a window. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: executablePath!, args, timeout: 120_000 })
