import { execFile } from "node:child_process"
import { globSync } from "node:fs"
import { promisify } from "node:util"

import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

const run = promisify(execFile)
const examples = globSync("examples/*.ts", { cwd: root }).toSorted()

describe("the examples", () => {
  it("are there", () => assert.isNotEmpty(examples))

  it.each(examples)("run %s to its end, saying something and warning of nothing", { timeout: 60_000 }, async (file) => {
    const { stderr, stdout } = await run(process.execPath, ["--conditions=fairlead:source", file], { cwd: root })
    assert.strictEqual(stderr, "")
    assert.notStrictEqual(stdout.trim(), "")
  })
})
