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

/** A pipeline of `count` stages, each with a service and an error of its own, which is served once all errors are handled. */
const failing = (count: number): string => `
export const app = Pipeline.make("failing")
  ${names(count)
    .map((n) => `.before(thing${n})`)
    .join("\n  ")}
  .handle(HttpServerResponse.empty())
export const served = Pipeline.serve(app.catch(() => HttpServerResponse.empty()))
`

/** The same in plain Effect: the reference program, whose time says how fast the machine is. */
const plainly = (count: number): string => `
const step0 = Effect.succeed(HttpServerResponse.empty())
${names(count)
  .map(
    (n) => `
const make${n} = Effect.suspend(() => Date.now() > 0 ? Effect.succeed("${n}" as const) : Effect.fail(new Fault${n}()))
const step${n} = Effect.provideServiceEffect(Effect.andThen(Thing${n}, step${Number(n) - 1}), Thing${n}, make${n})`
  )
  .join("")}
export const served: Effect.Effect<HttpServerResponse.HttpServerResponse> =
  Effect.catch(step${count}, () => Effect.succeed(HttpServerResponse.empty()))
`

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
  // As multiples of the time for the parts, so that a slow machine does not fail. On a quiet one 25 stages take half a second.
  it("of 25 stages takes less time than checking its parts, of 100 less than 5 times that", () => {
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
    assert.isBelow(extra[25], best(0))
    assert.isBelow(extra[100], 5 * best(0))
  })

  it("of 80 stages with 80 errors and 80 services takes at most 1.5 times as long as the same in plain Effect code", () => {
    const parts = declarations(80)
    const programs = [
      write("plain80", parts + plainly(80)),
      write("failing80", parts + failing(80)),
      write("long80", parts + pipeline(80))
    ]
    const rounds = names(5).map(() => programs.map(checkTime))
    const [plain, ...pipelines] = programs.map((_, program) => Math.min(...rounds.map((round) => round[program]!)))
    console.log(`check time of 80 stages, as multiples of plain Effect code (${plain!.toFixed(3)} s):`)
    for (const seconds of pipelines) {
      console.log(`  ${(seconds / plain!).toFixed(2)}`)
      assert.isAtMost(seconds / plain!, 1.5)
    }
  })
})
