/**
 * A user's compiler under plain `strict`: it accepts all sources and the type tests of the server part, and rejects the README's program without its recovery with the printed message.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, describe, it, onTestFinished } from "vitest"

import { compilers, plainStrict, typeErrors } from "./Outsider.ts"
import { root, scratchProject } from "./Scratch.ts"
import { codeBlocks } from "./SourceDocs.ts"

const compilerOptions = {
  ...plainStrict,
  lib: ["ES2023", "DOM", "DOM.Iterable"],
  customConditions: ["fairlead:source"],
  allowImportingTsExtensions: true
}

const projectOf = (include: ReadonlyArray<string>) => {
  const project = scratchProject(["fairlead", "effect", "@effect/platform-node", "@types/node"])
  onTestFinished(project.remove)
  const typeRoots = [join(root, "node_modules/@types")]
  project.write("tsconfig.json", JSON.stringify({ compilerOptions: { ...compilerOptions, typeRoots }, include }))
  return project
}

describe.each(compilers)("%s under plain strict", (compiler) => {
  it("accepts every source", () => {
    const project = projectOf([join(root, "src/**/*.ts")])
    assert.deepStrictEqual(typeErrors(project.folder, compiler), [])
  })

  it("server2 4.4: accepts the server's type tests, and refuses every mistake in them", () => {
    const project = projectOf([join(root, "test/server/*.test-d.ts")])
    assert.deepStrictEqual(typeErrors(project.folder, compiler), [])
  })

  it("prints the README's message for its program without the line with catchTag", () => {
    const blocks = codeBlocks(readFileSync(join(root, "README.md"), "utf8"))
    const program = blocks.find(({ info }) => info[0] === "ts")!
    const message = blocks.find(({ info }) => info[0] === "text")!
    const lines = program.code.split("\n")
    assert.lengthOf(
      lines.filter((line) => line.includes(".catchTag(")),
      1
    )
    const project = projectOf(["*.ts"])
    project.write("hello.ts", lines.filter((line) => !line.includes(".catchTag(")).join("\n"))
    const [error = "", ...others] = typeErrors(project.folder, compiler)
    assert.deepStrictEqual(others, [])
    assert.include(words(error), words(message.code))
  })
})

/** A text as one line of words. */
const words = (text: string): string => text.replaceAll(/\s+/g, " ").trim()
