/** The table of guarantees in docs/channel/scaling.md: each row names tests that are there. */
import { readFileSync } from "node:fs"

import { assert, describe, it } from "vitest"

const page = new URL("../../docs/channel/scaling.md", import.meta.url)
const section = readFileSync(page, "utf8")
  .split(/^## /m)
  .find((text) => text.startsWith("Guarantees\n"))!
const rows = section
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .slice(2)
  .map((line) => line.slice(2, -2).split(" | "))

describe("the table of guarantees", () => {
  it("has a row for each guarantee", () => assert.lengthOf(rows, 9))

  it.each(rows)("names the tests that hold it: %s", (...cells) => {
    const links = [...cells.at(-1)!.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)]
    assert.isNotEmpty(links)
    for (const [, title = "", file = ""] of links) {
      assert.match(title, /^(?:nodes|channel2) [\d.]+: /)
      assert.include(readFileSync(new URL(file, page), "utf8"), `"${title}`)
    }
  })
})
