/**
 * Every claim of the five guides that holds a number has its evidence in guides.tsv: a title of a test, or the line of code that sets a default.
 */

import { assert, describe, it } from "vitest"

import { read } from "./Scratch.ts"

interface Claim {
  readonly page: string
  /** A part of a line of the page. */
  readonly sentence: string
  readonly file: string
  /** A part of the file, at whatever line breaks. */
  readonly evidence: string
}

const words = (text: string): string => text.replaceAll(/\s+/g, " ")

const claims: ReadonlyArray<Claim> = read("test/package/guides.tsv")
  .split("\n")
  .slice(1)
  .filter((row) => row !== "")
  .map((row) => {
    const [page = "", sentence = "", file = "", evidence = ""] = row.split("\t")
    return { page: `docs/${page}.md`, sentence, file, evidence }
  })

const guides = ["server", "app", "client", "channel", "endpoint"].map((part) => `docs/${part}.md`)

/** The prose of a page as lines, without fenced code, targets of links and the numbers of a list. */
const linesOf = (page: string): ReadonlyArray<string> =>
  read(page)
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .replaceAll(/\]\([^)]*\)/g, "]")
    .split("\n")
    .map((line) => line.replace(/^\d+\. /, ""))

describe.each(guides)("%s", (page) => {
  const own = claims.filter((claim) => claim.page === page)

  it("has evidence for every line with a number", () => {
    const lines = linesOf(page).filter((line) => /\d/.test(line))
    assert.deepStrictEqual(
      lines.filter((line) => !own.some(({ sentence }) => line.includes(sentence))),
      [],
      "add a row to guides.tsv for each"
    )
  })

  it.each(own)("says: $sentence", ({ evidence, file, sentence }) => {
    assert.isTrue(
      linesOf(page).some((line) => line.includes(sentence)),
      "the page no longer says it"
    )
    assert.include(words(read(file)), evidence)
  })
})
