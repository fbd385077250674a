import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"

import { scratchProject, tool } from "../package/Scratch.ts"
import type * as Pipelines from "./hoverPipelines.ts"
import { hoversOf, placeAt } from "./hoverServer.ts"
import type { Place } from "./hoverServer.ts"

const file = join(import.meta.dirname, "hoverPipelines.ts")
const text = readFileSync(file, "utf8")

/** The pipelines that a reader of the snapshot looks for first. */
const wanted: ReadonlyArray<keyof typeof Pipelines> = ["five", "recovering", "next", "middleware", "Authenticate"]

/** What the snapshot shows: every exported constant, the service class, and its method where it is called. */
const shown = /^export const (?<name>\w+)|^export class (?<service>Authenticate)|Authenticate\.(?<method>layer)(?=\()/gm

const places = Array.from(text.matchAll(shown), (match): Place & { readonly name: string } => {
  const name = Object.values(match.groups ?? {}).find((group) => group !== undefined) ?? ""
  const at = match.index + match[0].lastIndexOf(name)
  return { name, ...placeAt(text, at) }
})

describe("the hover text of an editor for a pipeline", () => {
  let hovers: ReadonlyArray<string> = []
  beforeAll(async () => {
    hovers = await hoversOf(file, text, places)
  })

  it("is the reviewed one: read the difference, then update the snapshot", async () => {
    assert.includeMembers(
      places.map(({ name }) => name),
      [...wanted]
    )
    await expect(`${hovers.join("\n\n")}\n`).toMatchFileSnapshot("hover.snapshot.txt")
  })

  it.each(places.map(({ name }, index) => ({ name, index })))(
    "is whole and has no line over two hundred characters: $name",
    ({ index }) => {
      const hover = hovers[index] ?? ""
      assert.isNotEmpty(hover)
      assert.notInclude(hover, "...")
      assert.deepStrictEqual(
        hover.split("\n").filter((line) => line.length > 200),
        []
      )
    }
  )
})

/** Functions over pipelines, in which nothing is known yet: their types name every step that is taken. */
const presets = `
type Open<P, F, R> = Pipeline.Open<P, F, R>
export const before = <P, F, R>(pipeline: Open<P, F, R>) => pipeline.outer(requestId()).before(Authenticate)
export const handled = <P, F, R>(pipeline: Open<P, F, R>) =>
  pipeline.before(Authenticate).handle(greet).sending(problemDetails())
const closed = Middleware.before("closed", Effect.fail(new NotFound()))
export const hidden = <P, F, R>(pipeline: Open<P, F, R>) =>
  pipeline.before(closed).handle(greet).catchTag("NotFound", () => HttpServerResponse.empty())
export const caught = <P, F, R>(pipeline: Open<P, F, R>) => pipeline.handle(greet).catch(() => HttpServerResponse.empty())
export const wrapped = <P, F, R>(pipeline: Open<P, F, R>) => Pipeline.wrap(pipeline.next<NotFound>())
export const routed = <P, F, R>(pipeline: Open<P, F, R>) => Pipeline.middleware(pipeline.next<NotFound>())
import { Interceptor } from "fairlead"
export const described = Interceptor.describe(five)
`

describe("a library that exports pipelines", () => {
  const project = scratchProject(["fairlead", "effect"])
  afterAll(project.remove)

  it("can emit their declarations, and those of generic presets: everything in their types has a public name", () => {
    project.write("library.ts", text + presets)
    project.write(
      "tsconfig.json",
      JSON.stringify({
        compilerOptions: {
          target: "ES2023",
          lib: ["ES2023", "DOM", "DOM.Iterable"],
          module: "NodeNext",
          customConditions: ["fairlead:source"],
          types: [],
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: true,
          rewriteRelativeImportExtensions: true,
          declaration: true,
          emitDeclarationOnly: true,
          outDir: "out"
        },
        files: ["library.ts"]
      })
    )
    const { stdout } = spawnSync(
      process.execPath,
      [tool("typescript/bin/tsc"), "-p", project.folder, "--pretty", "false"],
      {
        encoding: "utf8"
      }
    )
    assert.strictEqual(stdout, "")
  })
})
