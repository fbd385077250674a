import { spawnSync } from "node:child_process"

import { afterAll, assert, describe, it } from "vitest"

import { scratchProject, tool } from "../package/Scratch.ts"

const names = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

/** The services, errors and middleware that the stages use: in the empty program as well, so that only the pipeline is measured. */
const declarations = (count: number): string => `
import { Context, Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
${names(count)
  .map(
    (n) => `
class Fault${n} extends Schema.TaggedError<Fault${n}>()("Fault${n}", {}) {}
class Thing${n} extends Context.Service<Thing${n}, "${n}">()("Thing${n}") {}
const thing${n} = Middleware.before("${n}", Thing${n}, (request) => request.url === "" ? Effect.fail(new Fault${n}()) : "${n}")
const use${n} = Middleware.after("use${n}", (response) => Effect.as(Thing${n}, response))`
  )
  .join("")}
export const all = [Effect.void, HttpServerResponse.empty(), ${names(count)
  .flatMap((n) => [`thing${n}`, `use${n}`])
  .join(", ")}] as const
`

/** A pipeline of \`count\` stages, each with a service or an error of its own: half before the handler, half behind it. */
const pipeline = (count: number): string => {
  const befores = names(Math.floor(count / 2))
  const afters = names(count - 1 - befores.length)
  const behind = afters.map((n, index) =>
    index % 2 === 0 ? `.catchTag("Fault${n}", () => HttpServerResponse.empty())` : `.after(use${n})`
  )
  return `
export const app = Pipeline.make("long")
  ${befores.map((n) => `.before(thing${n})`).join("\n  ")}
  .handle(HttpServerResponse.empty())
  ${behind.join("\n  ")}
export const served = Pipeline.serve(app.catch(() => HttpServerResponse.empty()))
`
}

const project = scratchProject(["fairlead", "effect"])
afterAll(project.remove)

const settings = {
  target: "ES2023",
  lib: ["ES2023", "DOM", "DOM.Iterable"],
  module: "NodeNext",
  customConditions: ["fairlead:source"],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  rewriteRelativeImportExtensions: true,
  noEmit: true
}

const write = (name: string, source: string): string => {
  project.write(`${name}.ts`, source)
  return project.write(`${name}.json`, JSON.stringify({ compilerOptions: settings, files: [`${name}.ts`] }))
}

/** The seconds that TypeScript spends on checking a program, which must compile. */
const checkTime = (config: string): number => {
  const compiler = [tool("typescript/bin/tsc"), "-p", config, "--extendedDiagnostics", "--singleThreaded"]
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: "utf8" })
  assert.strictEqual(status, 0, stdout)
  return Number(/^Check time:\s+([\d.]+)s$/m.exec(stdout)?.[1])
}

describe("checking a long pipeline", () => {
  // The budget on a quiet machine is half a second for 25 stages. The bounds are wide, so that a busy one does not fail.
  it(
    "of 25 stages takes less than 3 s more than checking its parts, of 100 less than 20 s",
    { timeout: 120_000 },
    () => {
      const parts = declarations(100)
      const programs = [
        write("parts", parts),
        ...[25, 100].map((count) => write(`long${count}`, parts + pipeline(count)))
      ]
      // In turns, so that a busy moment of the machine meets all of them; the best round counts.
      const rounds = names(3).map(() => programs.map(checkTime))
      const best = (program: number): number => Math.min(...rounds.map((round) => round[program] ?? Number.NaN))
      const extra = { 25: best(1) - best(0), 100: best(2) - best(0) }
      console.log(
        `check time: ${best(0).toFixed(3)} s without a pipeline, ${extra[25].toFixed(3)} s more for 25 stages, ${extra[100].toFixed(3)} s for 100`
      )
      assert.isBelow(extra[25], 3)
      assert.isBelow(extra[100], 20)
    }
  )
})
