import { relative } from "node:path"

import { rolldown } from "rolldown"
import { assert, it, onTestFinished } from "vitest"

import { root, scratchProject } from "./Scratch.ts"

it("lets a bundler keep one middleware alone", async () => {
  const project = scratchProject(["fairlead"])
  onTestFinished(project.remove)
  const bundle = await rolldown({
    input: project.write("entry.ts", `export { requestId } from "fairlead/server/middleware"`),
    external: /^effect(?:\/|$)/,
    resolve: { conditionNames: ["fairlead:source", "import", "default"] },
    logLevel: "silent"
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
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
  assert.isBelow(chunk.code.length, 2_000)
})
