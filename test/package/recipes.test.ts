import { globSync } from "node:fs"
import { basename } from "node:path"

import { assert, describe, it } from "vitest"

import { namesOf, shown } from "../../scripts/recipes/Shown.ts"
import { read, root } from "./Scratch.ts"

const recipe = (name: string): string => read(`examples/recipes/${name}.ts`)
const names = globSync("examples/recipes/*.ts", { cwd: root }).map((file) => basename(file, ".ts"))
const page = read("docs/recipes.md")

describe("the page of recipes", () => {
  it("has a section and a row of the table for each program, and for no other", () => {
    assert.isAtLeast(names.length, 20)
    assert.sameMembers([...namesOf(page)], names)
    for (const name of names) assert.include(page, `| [${name}](#${name}) |`)
  })

  it("shows each program as its file has it: `node scripts/recipes.ts` writes them", () => {
    assert.strictEqual(shown(page, recipe), page)
  })

  it("changes the code below a heading alone", () => {
    const text = "# R\n\n### one\n\nProse.\n\n```ts\nold\n```\n\n### two\n\nMore.\n\n```ts\nold\n```\n"
    const programs: Readonly<Record<string, string>> = { one: "/** Says one. */\nnew\n", two: "old\n" }
    assert.strictEqual(
      shown(text, (name) => programs[name]!),
      text.replace("old", "new")
    )
  })

  it.each(names)("%s begins with a sentence on its subject, and has 60 lines at most", (name) => {
    const code = recipe(name)
    assert.match(code, /^\/\*\* .* \*\/\n/)
    assert.isAtMost(code.trimEnd().split("\n").length, 60)
  })
})
