import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, describe, it, onTestFinished } from "vitest"

import { blocksOf } from "../../scripts/rename/Project.ts"
import type { Outcome } from "../../scripts/rename/Rename.ts"
import { rename } from "../../scripts/rename/Rename.ts"
import { readTable } from "../../scripts/rename/Table.ts"
import { root, scratchProject } from "./Scratch.ts"

const files: Readonly<Record<string, string>> = {
  "tsconfig.json": JSON.stringify({
    compilerOptions: { module: "NodeNext", target: "ES2023", strict: true, allowImportingTsExtensions: true, types: [] }
  }),
  "src/Guard.ts": [
    `/** A guard; see \`limit\`.`,
    ` *`,
    ` * \`\`\`ts`,
    ` * import { guard } from "../src/Guard.ts"`,
    ` * guard({ limit: 1 })`,
    ` * \`\`\``,
    ` */`,
    `export interface Options { readonly limit?: number }`,
    `export const guard = ({ limit = 3 }: Options): number => limit`,
    ``
  ].join("\n"),
  "src/index.ts": [
    `export * as Guards from "./Guard.ts"`,
    `export type { Options as GuardOptions } from "./Guard.ts"`,
    ``
  ].join("\n"),
  "test/guard.test.ts": [
    `import { guard } from "../src/Guard.ts"`,
    `import { Guards } from "../src/index.ts"`,
    `const limit = 2`,
    `export const uses = { guard, other: { limit } }`,
    `guard({ limit })`,
    `Guards.guard({ limit: 4 })`,
    `export const tag = "app/Guard"`,
    ``
  ].join("\n"),
  "docs/page.md": [
    "`Guard.guard` has a `limit`, see [Guard](../src/Guard.ts).",
    "",
    "```ts",
    `import { Guards } from "../src/index.ts"`,
    "Guards.guard({ limit: 1 })",
    "```",
    ""
  ].join("\n"),
  "docs/other.md": "Another `limit` is not touched.\n",
  "package.json": "{}"
}

const table = [
  "# kind\tplace\told\tnew\tpages",
  "symbol\tsrc/Guard.ts\tOptions\tGuardOptions",
  "symbol\tsrc/Guard.ts\tOptions.limit\tmaxCalls\tdocs/page.md",
  "symbol\tsrc/Guard.ts\tguard\tprotect",
  "symbol\tsrc/index.ts\tGuards\tGuard",
  "symbol\tsrc/Guard.ts\tnowhere\tsomewhere",
  "file\tsrc/Guard.ts\t-\tsrc/guards/CallGuard.ts",
  "text\ttest/**\tapp/Guard\tapp/CallGuard",
  "owner\tguard\tguard(a, b)\tguard(b, a)\tthe order of arguments"
].join("\n")

const project = () => {
  const { folder, remove, write } = scratchProject([])
  onTestFinished(remove)
  for (const [path, text] of Object.entries(files)) write(path, text)
  return { folder, read: (path: string) => readFileSync(join(folder, path), "utf8") }
}

const states = (outcomes: ReadonlyArray<Outcome>) => outcomes.map(({ state }) => state)

describe("the rename of public names", () => {
  it("follows symbols through sources, blocks of pages and comments, and words in inline code", () => {
    const { folder, read } = project()
    rename(folder, readTable(table))
    assert.strictEqual(
      read("src/guards/CallGuard.ts"),
      [
        `/** A guard; see \`maxCalls\`.`,
        ` *`,
        ` * \`\`\`ts`,
        ` * import { protect } from "../src/Guard.ts"`,
        ` * protect({ maxCalls: 1 })`,
        ` * \`\`\``,
        ` */`,
        `export interface GuardOptions { readonly maxCalls?: number }`,
        `export const protect = ({ maxCalls: limit = 3 }: GuardOptions): number => limit`,
        ``
      ].join("\n")
    )
    assert.strictEqual(
      read("src/index.ts"),
      `export * as Guard from "./guards/CallGuard.ts"\nexport type { GuardOptions } from "./guards/CallGuard.ts"\n`
    )
    assert.strictEqual(
      read("test/guard.test.ts"),
      [
        `import { protect } from "../src/guards/CallGuard.ts"`,
        `import { Guard } from "../src/index.ts"`,
        `const limit = 2`,
        `export const uses = { guard: protect, other: { limit } }`,
        `protect({ maxCalls: limit })`,
        `Guard.protect({ maxCalls: 4 })`,
        `export const tag = "app/CallGuard"`,
        ``
      ].join("\n")
    )
  })

  it("changes links and inline code of pages, and leaves a common word of another page", () => {
    const { folder, read } = project()
    rename(folder, readTable(table))
    assert.include(read("docs/page.md"), "`Guard.protect` has a `maxCalls`, see [Guard](../src/guards/CallGuard.ts)")
    assert.include(read("docs/page.md"), "Guard.protect({ maxCalls: 1 })")
    assert.strictEqual(read("docs/other.md"), files["docs/other.md"])
  })

  it("says what it did not find, and changes nothing when it runs again", () => {
    const { folder, read } = project()
    const first = rename(folder, readTable(table))
    assert.deepStrictEqual(states(first), [
      ...Array.from({ length: 4 }, () => "renamed"),
      "not found",
      "renamed",
      "renamed",
      "by hand"
    ])
    const paths = ["src/guards/CallGuard.ts", "src/index.ts", "test/guard.test.ts", "docs/page.md"]
    const before = paths.map(read)
    const second = rename(folder, readTable(table))
    assert.deepStrictEqual(paths.map(read), before)
    assert.deepStrictEqual(states(second), [
      ...Array.from({ length: 4 }, () => "done before"),
      "not found",
      "done before",
      "done before",
      "by hand"
    ])
  })

  it("writes nothing when it is only asked", () => {
    const { folder, read } = project()
    rename(folder, readTable(table), false)
    assert.strictEqual(read("src/Guard.ts"), files["src/Guard.ts"])
  })

  it("keeps each position of a block where it is in the page", () => {
    const text = "a `b`\n```ts run\nconst c = 1\n```\nd\n"
    assert.deepStrictEqual(blocksOf(text, /^/), [{ line: 3, text: "     \n         \nconst c = 1\n   \n \n" }])
  })

  it("refuses a row that it cannot read", () => {
    assert.throws(() => readTable("symbols\ta\tb\tc"), /the kind is/)
    assert.throws(() => readTable("symbol\ta\tb"), /line 1: a row has/)
    assert.throws(() => readTable("symbol\ta\tb\tnot a name"), /is not a name/)
  })
})

describe("the tables of renames", () => {
  const tables = globSync("scripts/renames/*.tsv", { cwd: root }).toSorted()

  it.each(tables)("have rows that can be read: %s", (file) => {
    assert.isNotEmpty(readTable(readFileSync(join(root, file), "utf8")))
  })
})
