/** The examples of endpoints say over iroh what they say in memory. */
import { execFile } from "node:child_process"
import { join } from "node:path"

import { assert, it } from "@effect/vitest"
import { Effect } from "effect"

import { describeIroh } from "./Iroh.ts"

const root = join(import.meta.dirname, "../../..")

/** What an example prints, without the addresses. */
const said = (...args: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    execFile(process.execPath, ["--conditions=fairlead:source", ...args], { cwd: root }, (failure, stdout, stderr) => {
      if (failure !== null) return resume(Effect.die(failure))
      resume(Effect.succeed((stdout + stderr).replaceAll(/(?:memory|127\.0\.0\.1|\[::1\]):\d+/g, "ADDRESS")))
    })
  })

describeIroh("the examples of endpoints", () => {
  it.live.each(["examples/endpoint-auth.ts", "examples/endpoint-monitor.ts", "examples/file-drop/main.ts"])(
    "endpoint iroh: %s says the same over iroh, and ends",
    (file) =>
      Effect.gen(function* () {
        const [memory, iroh] = yield* Effect.all([said(file), said(file, "--iroh")])
        assert.isNotEmpty(memory)
        assert.strictEqual(iroh, memory)
      })
  )
})
