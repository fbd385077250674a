/** The page on the sources of the endpoint's tests names tests that exist. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

import ts from "typescript-6"
import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

const page = readFileSync(join(root, "docs/endpoint/sources.md"), "utf8")

/** A section of the page: its heading, and the rows of its table. */
interface Section {
  readonly heading: string
  readonly rows: ReadonlyArray<readonly [behaviour: string, holder: string]>
}

const sections: ReadonlyArray<Section> = page
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    heading: section.split("\n", 1)[0]!,
    rows: Array.from(
      section.matchAll(/^\| (.+?) \| (.+) \|$/gm),
      ([, behaviour, holder]) => [behaviour!, holder!] as const
    ).slice(1)
  }))

const rows = sections.flatMap((section) => section.rows)

const namedIn = (holder: string): ReadonlyArray<readonly [file: string, title: string]> =>
  Array.from(holder.matchAll(/`([\w/.-]+\.ts)`: `([^`]+)`/g), ([, file, title]) => [file!, title!] as const)

const named = rows.flatMap(([, holder]) => namedIn(holder))

/** The texts of a source, and the fixed beginnings of the titles that it completes by one of them. */
const textsOf = (source: string) => {
  const texts = new Set<string>()
  const heads: Array<string> = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) texts.add(node.text)
    if (ts.isTemplateExpression(node)) heads.push(node.head.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("x.ts", source, ts.ScriptTarget.Latest, true))
  return { texts, heads }
}

const has = (source: string, title: string): boolean => {
  const { heads, texts } = textsOf(source)
  const beginnings = [...heads, ...[...texts].filter((text) => text.includes("%s")).map((text) => text.split("%s")[0]!)]
  return texts.has(title) || beginnings.some((head) => title.startsWith(head) && texts.has(title.slice(head.length)))
}

describe("the sources of the endpoint's tests", () => {
  it.each(named)("%s has a test %s", (file, title) => {
    const path = join(root, "test/endpoint", file)
    assert.isTrue(existsSync(path), `there is no test/endpoint/${file}`)
    assert.isTrue(has(readFileSync(path, "utf8"), title), `test/endpoint/${file} has no test "${title}"`)
  })

  it("are named for each behaviour, or a reason says why not", () => {
    for (const [behaviour, holder] of rows) {
      if (namedIn(holder).length === 0) assert.match(holder, /^not (?:applicable|offered): .{8,}/, behaviour)
    }
  })

  it.each(["iroh", "libp2p"])("are counted, those of %s", (source) => {
    const its = sections.filter(({ heading }) => heading.startsWith(source)).flatMap((section) => section.rows)
    const held = its.filter(([, holder]) => namedIn(holder).length > 0).length
    assert.include(page, `| ${source} | ${its.length} | ${held} | ${its.length - held} |`)
    assert.isAtLeast(its.length, source === "iroh" ? 58 : 35)
  })

  it("are not found where they do not exist", () => {
    assert.isFalse(has('it("endpoint: one", () => {})', "endpoint: two"))
    assert.isTrue(has('it(`endpoint: ${title}`, () => {}); const row = { title: "two" }', "endpoint: two"))
  })
})
