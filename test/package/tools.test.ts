import { spawnSync } from "node:child_process"
import { existsSync, globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

import { assert, describe, it } from "vitest"

import { root, tool } from "./Scratch.ts"

const read = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"))

describe("the tools of the checkout", () => {
  it("have TypeScript 7 as tsc, whichever of the two versions was installed last", () => {
    assert.strictEqual(read("package.json").scripts.prepare, "npm rebuild typescript")
    const { stdout } = spawnSync(tool(".bin/tsc"), ["--version"])
    assert.include(stdout.toString(), "Version 7.")
  })

  it("have every plugin in the editor's configuration", () => {
    for (const file of ["tsconfig.json", "tsconfig.build.json"]) {
      const plugins: ReadonlyArray<{ readonly name: string }> = read(file).compilerOptions.plugins ?? []
      for (const { name } of plugins) assert.isTrue(existsSync(tool(name)), `${file}: ${name}`)
    }
  })
})

describe("the test files", () => {
  it("are named in lower case, with dashes", () => {
    const names = globSync("{test,packages}/**/*.{test,test-d}.ts", { cwd: root, exclude: ["**/node_modules/**"] })
    assert.deepStrictEqual(
      names.filter((name) => /[A-Z_]/.test(basename(name))),
      []
    )
  })
})
