/**
 * Every block of the README and the docs in a fresh project with the packed package: plain `strict`, both compilers, with and without the types of a browser.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { compilers, install, pack, plainStrict, temporary, typeErrors } from "./Outsider.ts"
import { root } from "./Scratch.ts"
import { codeBlocks } from "./SourceDocs.ts"

const pages = globSync("{README.md,docs/**/*.md}", { cwd: root }).filter((page) => !page.startsWith("docs/api/"))

const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

const libraries = { "with DOM": ["ES2023", "DOM", "DOM.Iterable"], "without DOM": ["ES2023"] } as const

describe("the blocks of the README and the docs, for an outsider", () => {
  const project = temporary()
  const blocks = pages.flatMap((page) =>
    codeBlocks(readFileSync(join(root, page), "utf8"))
      .filter(({ info }) => info[0] === "ts")
      .map(({ code, line }) => ({ name: `${page.replaceAll("/", "-")}.line-${line}.ts`, code }))
  )
  beforeAll(async () => {
    writeFileSync(join(project.folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
    for (const { code, name } of blocks) writeFileSync(join(project.folder, name), code)
    const imported = blocks.flatMap(({ code }) =>
      Array.from(code.matchAll(/from "((?:@[\w-]+\/)?[\w-]+)/g), ([, name]) => name!)
    )
    const others = [...new Set(["effect", "@effect/platform-node", "@types/node", ...imported])]
      .filter((name) => name in devDependencies)
      .map((name) => `${name}@${devDependencies[name]}`)
    await install(project.folder, [await pack(".", project.folder), ...others])
  })
  afterAll(project.remove)

  it.each(compilers.flatMap((compiler) => Object.entries(libraries).map(([name, lib]) => ({ compiler, name, lib }))))(
    "compile with $compiler, $name",
    ({ compiler, lib }) => {
      assert.isAbove(blocks.length, 80)
      const config = { compilerOptions: { ...plainStrict, lib, skipLibCheck: true }, include: ["*.ts"] }
      writeFileSync(join(project.folder, "tsconfig.json"), JSON.stringify(config))
      assert.deepStrictEqual(typeErrors(project.folder, compiler), [])
    }
  )
})
