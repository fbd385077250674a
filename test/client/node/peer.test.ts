import { execFile } from "node:child_process"

import { assert, it } from "@effect/vitest"
import { Effect } from "effect"

/** Hides a package from the modules of a process, as if it were not installed. */
const hiding = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from "node:module"
registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith("@effect/platform-node")) return next(specifier, context)
    throw Object.assign(new Error("Cannot find package '@effect/platform-node'"), { code: "ERR_MODULE_NOT_FOUND" })
  }
})`)}`

const program = `
import { Effect, Exit } from "effect"
import { HttpClient } from "effect/http"
import { NodeTransport } from "fairlead/client/node"
const exit = await Effect.runPromiseExit(HttpClient.get("http://127.0.0.1:1/").pipe(Effect.provide(NodeTransport.layer())))
console.log(Exit.isFailure(exit) ? exit.cause.reasons.map(({ _tag, defect }) => _tag + " " + defect?.message).join() : "success")
`

it.live(
  "client2 4.6: without @effect/platform-node the entry can be imported, and its layer says what to install",
  () =>
    Effect.gen(function* () {
      const { NODE_OPTIONS: _, ...env } = process.env
      const args = ["--conditions=fairlead:source", "--import", hiding, "--input-type=module", "--eval", program]
      const output = yield* Effect.callback<string>((resume) => {
        execFile(process.execPath, args, { env, cwd: import.meta.dirname }, (failure, stdout, stderr) =>
          resume(failure === null ? Effect.succeed(stdout.trim()) : Effect.die(new Error(stderr, { cause: failure })))
        )
      })
      assert.strictEqual(
        output,
        "Die fairlead/client/node needs a package that is not installed. Run: npm install @effect/platform-node@4.1"
      )
    })
)
