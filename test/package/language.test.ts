import { assert, describe, it } from "vitest"

import { countOf, faultsOf, linesWith } from "../../scripts/language/Counts.ts"
import { habits } from "../../scripts/language/Habits.ts"
import { proseOf, sentencesOf, textsOf, titlesOf } from "../../scripts/language/Texts.ts"
import { root } from "./Scratch.ts"

const texts = (lines: ReadonlyArray<{ readonly text: string }>) =>
  lines.map(({ text }) => text.trim()).filter((text) => text !== "")

describe("the language of the project", () => {
  const counts = new Map([...textsOf(root)].map(([place, lines]) => [place, countOf(lines)]))

  it("has no habit above its ceiling in any place", () => {
    assert.deepStrictEqual(
      faultsOf(counts),
      [],
      "write these lines plainly: node scripts/language.ts --since main, or --show PLACE"
    )
  })

  it.each(["core", "server", "app", "client", "channel", "endpoint", "testing"])("is read in src/%s", (part) => {
    assert.isAbove(counts.get(`src/${part}`)?.words ?? 0, 1000)
  })

  it.each(["docs", "examples", "README", "scripts", "bench", "test titles"])("is read in %s", (place) => {
    assert.isAbove(counts.get(place)?.words ?? 0, 1000)
  })
})

describe("a count of habits", () => {
  const line = (text: string) => ({ file: "x.md", line: 1, text })

  it.each([
    ["Beside it, what is refused is told of a limit that is reached.", [1, 1, 1, 0, 1, 0, 0, 0, 0]],
    ["It gives a stand of its own, comes to none and has none.", [0, 0, 0, 1, 0, 1, 1, 1, 1]],
    ["The handler returns the response after the last retry.", [0, 0, 0, 0, 0, 0, 0, 0, 0]]
  ])("of %j", (text, found) => {
    assert.deepStrictEqual(countOf([line(text)]).found, found)
  })

  it("names the lines of a habit", () => {
    assert.deepStrictEqual(linesWith([line("It gives."), line("It is.")], "give"), ["x.md:1: [give] It gives."])
  })

  it("may reach the ceiling for the words of its place, and not exceed it", () => {
    const give = habits.findIndex(({ name }) => name === "give")
    const count = (words: number, times: number) => {
      const found = habits.map((_, column) => (column === give ? times : 0))
      return new Map([["docs", { words, found }]])
    }
    assert.isEmpty(faultsOf(count(10_000, 5)))
    assert.deepStrictEqual(faultsOf(count(10_000, 6)), ['docs: "give" 6 times, at most 5 in 10000 words'])
    assert.isEmpty(faultsOf(count(2_000, 1)))
    assert.isNotEmpty(faultsOf(count(1_999, 1)))
  })
})

describe("the text of a file", () => {
  it("is comments and messages of a source, not its examples, names and short strings", () => {
    const source = `/**\n * Says \`this\`.\n *\n * \`\`\`ts\n * given()\n * \`\`\`\n */\nconst a = "x y"\n// And that.\nf("of three words", \`a template of \${a} words\`) // Last.\n`
    assert.deepStrictEqual(texts(sentencesOf("x.ts", source)), [
      "Says `code`.",
      "And that.",
      "Last.",
      "of three words",
      "a template of"
    ])
    assert.deepStrictEqual(
      sentencesOf("x.ts", source)
        .filter(({ text }) => text.includes("And"))
        .map(({ line }) => line),
      [9]
    )
  })

  it("is the prose of a page", () => {
    assert.deepStrictEqual(texts(proseOf("x.md", "# A `b`\n```ts\ngiven\n```\nc\n")), ["# A `code`", "c"])
  })

  it("is the titles of a test, of every form", () => {
    const source =
      'describe("a", () => { it.effect("b", f); it.each([1])("c %s", g); test("d"); f("e"); it(`g ${h} i`) })'
    assert.deepStrictEqual(texts(titlesOf("x.test.ts", source)), ["a", "b", "c %s", "d", "g code i"])
  })
})
