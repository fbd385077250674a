import { execFile } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { declaredPackages, entries, root, scratchProject, tool } from "./Scratch.ts"

const program = `
import { Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { requestId } from "fairlead/server/middleware"

class Closed extends Schema.TaggedError<Closed>()("Closed", { until: Schema.String }) {}

const open = Pipeline.make("consumer")
  .outer(requestId())
  .before(Middleware.before("opening hours", (request) =>
    request.url.endsWith("/closed") ? Effect.fail(new Closed({ until: "noon" })) : Effect.void
  ))
  .handle(HttpServerResponse.text("open"))

// @ts-expect-error the declarations keep the error type: what is still open cannot be served
Pipeline.toWebHandler(open)

const handle = Pipeline.toWebHandler(
  open.catchTag("Closed", ({ until }) => HttpServerResponse.text("closed until " + until))
)
for (const path of ["/", "/closed"]) {
  console.log(await (await handle(new Request("http://localhost" + path))).text())
}
`

const isNode = (subpath: string): boolean => subpath.split("/").includes("node")

const reexported = (wanted: (subpath: string) => boolean): string =>
  entries
    .filter(({ subpath }) => wanted(subpath))
    .map(({ subpath }, index) => `export * as entry${index} from "fairlead${subpath.slice(1)}"`)
    .join("\n")

const compilerOptions = {
  target: "ES2023",
  lib: ["ES2023", "DOM", "DOM.Iterable"],
  module: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  types: []
}

describe("the packed package", () => {
  const project = scratchProject([...declaredPackages, "@types/node"])
  let tarball = ""
  /** Runs a command in the consumer's project and gives its output; a failure shows all that it printed. */
  const run = async (command: string, args: ReadonlyArray<string>, cwd = project.folder): Promise<string> => {
    const { stderr, stdout } = await promisify(execFile)(command, args, { cwd }).catch((failure) => {
      throw new Error(`${command} ${args.join(" ")}\n${failure.stdout}${failure.stderr}`)
    })
    return stdout + stderr
  }

  beforeAll(async () => {
    await run("npm", ["pack", "--silent", "--pack-destination", project.folder], root)
    const unpacked = join(project.folder, "node_modules/fairlead")
    mkdirSync(unpacked, { recursive: true })
    tarball = join(project.folder, (await run("ls", [])).match(/^fairlead-.*\.tgz$/m)?.[0] ?? "")
    await run("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components=1"])
    project.write("consumer.ts", program)
    project.write(
      "every.ts",
      reexported(() => true)
    )
    project.write(
      "anywhere.ts",
      reexported((subpath) => !isNode(subpath))
    )
    project.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["consumer.ts", "anywhere.ts"] }))
    const onNode = { ...compilerOptions, types: ["node"] }
    project.write("tsconfig.node.json", JSON.stringify({ compilerOptions: onNode, files: ["every.ts"] }))
  })
  afterAll(project.remove)

  it.each(["typescript", "typescript-6"])(
    "has declarations that hold under %s, libraries checked too, without Node's types but for its Node entries",
    async (name) => {
      for (const config of ["tsconfig.json", "tsconfig.node.json"]) {
        assert.strictEqual(await run(process.execPath, [tool(`${name}/bin/tsc`), "-p", config]), "")
      }
    }
  )

  it("runs under plain Node from its build, every entry of it", async () => {
    assert.strictEqual(await run(process.execPath, ["consumer.ts"]), "open\nclosed until noon\n")
    assert.strictEqual(await run(process.execPath, ["every.ts"]), "")
  })

  it("passes publint and are-the-types-wrong", async () => {
    await run(process.execPath, [tool("publint/src/cli.js"), "run", tarball, "--strict"])
    await run(process.execPath, [tool("@arethetypeswrong/cli/dist/index.js"), tarball, "--profile", "esm-only"])
  })
})
