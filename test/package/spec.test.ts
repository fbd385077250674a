import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import ts from "typescript-6"
import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)

/** The numbered lines of the specifications, by part. A part joins the list when its first interpreter lands. */
const specified: Readonly<Record<string, ReadonlyArray<string>>> = {
  server: numbered("1.", 20),
  server2: [
    ...numbered("1.", 3),
    ...numbered("2.", 2),
    ...numbered("3.", 4),
    ...numbered("4.", 7),
    ...numbered("5.", 2),
    ...numbered("6.", 3)
  ],
  app: numbered("", 18),
  app2: [...numbered("1.", 10), ...numbered("2.", 8), ...numbered("3.", 3), "3.5", "4.1"],
  client: numbered("", 11),
  client2: [...numbered("1.", 4), "2.1", ...numbered("3.", 3), ...numbered("4.", 7)],
  cache: numbered("", 10),
  channel: [...numbered("0.", 5), "0.7", "0.9", ...numbered("1.", 6), "1.9"],
  channel2: [...numbered("1.", 8), ...numbered("2.", 4), "3", ...numbered("4.", 6), "5"],
  nodes: ["1", "2", "3.2", "3.3", "3.4", "3.5"],
  endpoint: numbered("", 8),
  endpoint2: [...numbered("1.", 4), ...numbered("2.", 5)]
}

const isTest = (callee: string): boolean => /^(?:it|test)\b/.test(callee) && !/\.(?:skip|todo)\b/.test(callee)

/** The titles of the tests in a source: the fixed beginning of each, skipped ones left out. */
const titlesOf = (source: string): ReadonlyArray<string> => {
  const titles: Array<string> = []
  const visit = (node: ts.Node): void => {
    const title = ts.isCallExpression(node) && isTest(node.expression.getText()) ? node.arguments[0] : undefined
    if (title && ts.isStringLiteralLike(title)) titles.push(title.text)
    if (title && ts.isTemplateExpression(title)) titles.push(title.head.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("x.ts", source, ts.ScriptTarget.Latest, true))
  return titles
}

const missing = (ids: ReadonlyArray<string>, titles: ReadonlyArray<string>): ReadonlyArray<string> => {
  const carried = new Set(titles.map((title) => /^\w+ \d+(?:\.\d+)?(?=: )/.exec(title)?.[0]))
  return ids.filter((id) => !carried.has(id))
}

describe("every numbered line of the specification has a test", () => {
  const titles = globSync("test/**/{*.{test,test-d},contract/*}.ts", { cwd: root }).flatMap((file) =>
    titlesOf(readFileSync(join(root, file), "utf8"))
  )

  it.each(Object.keys(specified))("of %s", (part) => {
    const ids = (specified[part] ?? []).map((line) => `${part} ${line}`)
    assert.deepStrictEqual(missing(ids, titles), [])
  })

  it("by a title that begins with its id, of a test that is run", () => {
    const source = [
      `it("server 1.1: nothing fails", () => {})`,
      `describe("group", () => { it.effect("server 1.2: one fails", () => x) })`,
      `it.effect.each([1])(\`server 1.3: \${1}\`, f)`,
      `it.skip("server 1.4: later", f)`,
      `describe("server 1.5: a group", f)`,
      `it("like server 1.6: in the middle", f)`,
      `it("server 1.70: another line", f) // it("server 1.8: a comment", f)`
    ].join("\n")
    const ids = numbered("1.", 8).map((line) => `server ${line}`)
    assert.deepStrictEqual(
      missing(ids, titlesOf(source)),
      [4, 5, 6, 7, 8].map((line) => `server 1.${line}`)
    )
  })
})
