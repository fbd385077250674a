import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { plainStrict, typeErrors } from "./Outsider.ts"
import { root, scratchProject } from "./Scratch.ts"
import { codeBlocks, commentText, documentationFaults } from "./SourceDocs.ts"

const sources = globSync("src/**/*.ts", { cwd: root }).toSorted()
const pages = globSync("{README.md,docs/**/*.md}", { cwd: root }).toSorted()

describe("the source", () => {
  it.each(sources)("says in %s what the module and each of its exports is for", (file) => {
    assert.deepStrictEqual(documentationFaults(file, readFileSync(join(root, file), "utf8")), [])
  })

  it("is found wanting without a module comment, or with an export that says nothing", () => {
    const bare = `export const a = 1\n/** B. */\nexport interface B {}\nexport type C = 1\nconst d = 1\nexport { d }`
    assert.deepStrictEqual(documentationFaults("x.ts", bare), [
      "x.ts opens with no module comment",
      ...["a", "C", "d"].map((name) => `x.ts: ${name} has no comment`)
    ])
    const borrowed = `/** Says what a is. */\nexport const a = 1`
    assert.deepStrictEqual(documentationFaults("x.ts", borrowed), ["x.ts opens with no module comment"])
    const overloads = `/** F. */\nexport function f(): 1\nexport function f(): 1 { return 1 }`
    assert.deepStrictEqual(documentationFaults("x.ts", `/** Module. */\n\n${overloads}\nconst own = 1`), [])
  })
})

describe("the pages and the comments", () => {
  const project = scratchProject(["fairlead", "effect", "@effect/platform-node", "@effect/sql-pg", "@types/node"])
  afterAll(project.remove)
  const blocksOf = (page: string, markdown: string) =>
    codeBlocks(markdown)
      .filter(({ info }) => info[0] === "ts")
      .map(({ code, info, line }) => ({
        name: `${page}:${line}`,
        file: project.write(`${page.replaceAll("/", "-")}.line-${line}.ts`, code),
        runs: info.includes("run")
      }))
  const blocks = pages.flatMap((page) => blocksOf(page, readFileSync(join(root, page), "utf8")))
  const examples = sources.flatMap((file) => blocksOf(file, commentText(readFileSync(join(root, file), "utf8"))))
  // A reader has no compiler flags beside `strict`.
  const compilerOptions = {
    ...plainStrict,
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    customConditions: ["fairlead:source"],
    allowImportingTsExtensions: true
  }
  beforeAll(() => {
    project.write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts"] }))
  })

  it("begin with the README, which shows code", () => {
    assert.include(pages, "README.md")
    assert.isTrue(blocks.some(({ name }) => name.startsWith("README.md:")))
  })

  it("show code that compiles under plain strict", () => {
    assert.deepStrictEqual(typeErrors(project.folder, "typescript"), [])
  })

  it("show in comments examples that load and do not throw", () => {
    assert.isNotEmpty(examples)
    const all = project.write("all.ts", examples.map(({ file }) => `await import(${JSON.stringify(file)})\n`).join(""))
    const { status, stderr } = spawnSync(process.execPath, ["--conditions=fairlead:source", all])
    assert.strictEqual(status, 0, stderr.toString())
  })

  it.each(blocks.filter(({ runs }) => runs))("run $name to its end", ({ file }) => {
    const { status, stderr } = spawnSync(process.execPath, ["--conditions=fairlead:source", file])
    assert.strictEqual(status, 0, stderr.toString())
  })

  it("show the blocks of comments, each on its own line", () => {
    assert.strictEqual(
      commentText("const a = 1\n/**\n * ```ts\n *   b\n * ```\n */\nconst c = ` * d`"),
      "\n\n```ts\n  b\n```\n\n"
    )
  })

  it("show a block whatever its fence, and only the lines inside", () => {
    const page = "text\n```ts run\na\n~~~\n```\n- item\n  ````ts\n  ```\n    b\n  ````\n~~~sh\nc"
    assert.deepStrictEqual(codeBlocks(page), [
      { info: ["ts", "run"], line: 3, code: "a\n~~~\n" },
      { info: ["ts"], line: 8, code: "```\n  b\n" },
      { info: ["sh"], line: 12, code: "c\n" }
    ])
  })
})
