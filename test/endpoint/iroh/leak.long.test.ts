/** What 1,000 connects leave behind, and that a process ends with its endpoints. */
import { execFile } from "node:child_process"
import { join } from "node:path"

import { assert, it } from "@effect/vitest"
import { Effect } from "effect"

import { describeIroh } from "./Iroh.ts"

interface Figures {
  readonly heap: number
  readonly rss: number
  readonly files: number
  readonly connections: number
}

interface Left {
  readonly before: Figures
  readonly after: Figures
  /** Connections of which the hooks have heard that they have ended. */
  readonly ended: number
  readonly millis: number
  readonly idle: ReadonlyArray<string>
  readonly left: ReadonlyArray<string>
}

const measure: Effect.Effect<{ readonly stdout: string; readonly stderr: string }> = Effect.callback((resume) => {
  const program = join(import.meta.dirname, "Connects.ts")
  const { NODE_OPTIONS: _, ...env } = process.env
  execFile(
    process.execPath,
    ["--expose-gc", "--disable-warning=ExperimentalWarning", "--conditions=fairlead:source", program],
    { env },
    (failure, stdout, stderr) => {
      resume(failure === null ? Effect.succeed({ stdout, stderr }) : Effect.die(new Error(stderr, { cause: failure })))
    }
  )
})

describeIroh("1,000 connects over iroh", () => {
  it.live(
    "endpoint iroh: leave no memory, no file and nothing that keeps the process alive, which ends with its endpoints",
    () =>
      Effect.gen(function* () {
        const { stderr, stdout } = yield* measure
        const { after, before, ended, idle, left, millis }: Left = JSON.parse(stdout)
        const figures = `${millis} ms; ${ended} connections ended; heap ${before.heap} bytes, then ${after.heap}; resident ${before.rss}, then ${after.rss}; ${before.files} files, then ${after.files}; ${after.connections} native connections held`
        console.log(figures)
        assert.strictEqual(stderr, "")
        assert.isBelow(after.heap - before.heap, 1024 * 1024, figures)
        // Of the last ones the end may be under way.
        assert.isAtMost(after.connections, 20, figures)
        assert.isAtMost(after.files - before.files, 8, figures)
        assert.deepStrictEqual(left, idle, figures)
        // Those that were refused or interrupted in time were none.
        assert.isAtLeast(ended, 600, figures)
      })
  )
})
