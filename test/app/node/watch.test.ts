import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { spawned } from "./Child.ts"
import { head, raw } from "./Clients.ts"

const here = dirname(fileURLToPath(import.meta.url))
const root = fileURLToPath(new URL("../../../", import.meta.url))

describe("restarts", () => {
  it.live("app2 1.10: under node --watch an open stream does not hold the restart: it is cut after 0.1 s", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(here, "watched-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
      )
      const file = join(folder, "program.ts")
      copyFileSync(join(here, "program.ts"), file)
      const program = yield* spawned("--watch", "--conditions=fairlead:source", file, "watched")
      const stream = yield* raw(yield* program.port, head("GET /never"))
      yield* program.wrote(/handling/)
      const now = new Date()
      yield* Effect.sync(() => utimesSync(file, now, now))
      yield* stream.closed
      const took = Number(yield* program.wrote(/stopped after (\d+) ms/))
      // The default grace is 2 s.
      assert.isBelow(took, 2000, program.output())
      yield* program.wrote(/port \d+[^]*port \d+/)
    })
  )

  it("app2 1.8: npm start replaces the shell, and where the shell has no exec, a command of that name runs the rest", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      readonly scripts: Record<string, string>
    }
    assert.match(scripts["start"]!, /^exec node /)
    // cmd.exe looks for commands in the current folder first.
    assert.match(readFileSync(join(root, "exec.cmd"), "utf8"), /^@%\*$/m)
  })
})
