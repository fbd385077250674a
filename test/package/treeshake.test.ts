import { relative } from "node:path"

import { rolldown } from "rolldown"
import { assert, it, onTestFinished } from "vitest"

import { root, scratchProject } from "./Scratch.ts"

const bundled = async (source: string) => {
  const project = scratchProject(["fairlead"])
  onTestFinished(project.remove)
  const bundle = await rolldown({
    input: project.write("entry.ts", source),
    external: /^effect(?:\/|$)/,
    resolve: { conditionNames: ["fairlead:source", "import", "default"] },
    logLevel: "silent"
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  return output
}

it("lets a bundler keep one middleware alone", async () => {
  const output = await bundled(`export { requestId } from "fairlead/server/middleware"`)
  const [chunk] = output
  const kept = chunk.moduleIds.map((module) => relative(root, module)).toSorted()

  assert.lengthOf(output, 1)
  assert.deepStrictEqual(
    kept.filter((module) => module.startsWith("src/server/middleware/") && !module.endsWith("/index.ts")),
    ["src/server/middleware/RequestId.ts"]
  )
  assert.deepStrictEqual(
    chunk.imports.filter((specifier) => !specifier.startsWith("effect/")),
    []
  )
  // Its options are checked, so InvalidOption, a schema class, and the check come with it.
  assert.isBelow(chunk.code.length, 4_000)
})

it("lets a bundler leave out the list of public suffixes, which only cookies need", async () => {
  const exported = Object.keys(await import("../../src/client/handlers/index.ts"))
  const suffixesIn = async (names: ReadonlyArray<string>) => {
    const output = await bundled(`export { ${names.join(", ")} } from "fairlead/client/handlers"`)
    return output
      .flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))
      .filter((module) => module.includes("/tldts"))
  }
  const others = exported.filter((name) => !/cookie/i.test(name))
  assert.includeMembers(others, ["redirect", "refresh", "retry", "timeouts"])
  assert.isEmpty(await suffixesIn(others))
  assert.isNotEmpty(await suffixesIn(["cookies"]))
})
