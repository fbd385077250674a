/**
 * What a chain adds to a browser's bundle. The figures of docs/client/where.md come from here.
 */
import { gzipSync } from "node:zlib"

import { rolldown } from "rolldown"
import { assert, it, onTestFinished } from "vitest"

import { scratchProject } from "../package/Scratch.ts"

const fetching = (imports: string, layer: string) => `
import { Effect } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
${imports}
export const get = Effect.flatMap(HttpClient.get("/rooms"), (response) => response.json).pipe(
  Effect.provide(${layer}),
  Effect.provide(FetchHttpClient.layer)
)`

const chains = {
  "Effect's client alone": fetching("", "FetchHttpClient.layer"),
  retry: fetching(
    `import { ClientChain } from "fairlead/client"; import { retry } from "fairlead/client/handlers"`,
    `ClientChain.layer(ClientChain.make("a").use(retry()))`
  ),
  "timeouts, redirect, retry": fetching(
    `import { ClientChain } from "fairlead/client"; import { redirect, retry, timeouts } from "fairlead/client/handlers"`,
    `ClientChain.layerAs(ClientChain.make("a").use(timeouts()).use(redirect()).use(retry()), HttpClient.HttpClient)`
  )
}

/** The size of a bundle, minified and compressed, in kB, and the parts of Effect that are in it. */
const bundle = async (source: string) => {
  const project = scratchProject(["fairlead", "effect"])
  onTestFinished(project.remove)
  const building = await rolldown({
    input: project.write("entry.js", source),
    platform: "browser",
    resolve: { conditionNames: ["fairlead:source", "import", "default"] },
    logLevel: "silent"
  })
  const { output } = await building.generate({ format: "esm", minify: true })
  await building.close()
  const chunks = output.filter((file) => file.type === "chunk")
  return {
    kilobytes: gzipSync(chunks.map(({ code }) => code).join("")).length / 1000,
    modules: chunks.flatMap(({ moduleIds }) => moduleIds)
  }
}

it("client2 4.7: a chain with retry is within 58 kB compressed, of which Effect's client alone is half", async () => {
  const sizes = new Map<string, number>()
  for (const [name, source] of Object.entries(chains)) {
    const { kilobytes, modules } = await bundle(source)
    sizes.set(name, kilobytes)
    assert.isEmpty(
      modules.filter((module) => /node:|platform-node|\/client\/node\/|tldts/.test(module)),
      name
    )
  }
  console.log([...sizes].map(([name, size]) => `${name}: ${size.toFixed(1)} kB`).join("; "))
  const own = sizes.get("Effect's client alone")!
  assert.isTrue(own > 20 && own < 30)
  assert.isBelow(sizes.get("retry")!, 58)
  assert.isBelow(sizes.get("timeouts, redirect, retry")!, 65)
})
