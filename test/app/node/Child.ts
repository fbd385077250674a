/**
 * Runs a program of this folder as a process of its own.
 */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

import { Effect } from "effect"

/** How a process ended. */
interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Starts a program of `program.ts`. It is killed with the scope. */
export const start = (...args: ReadonlyArray<string>) => run(new URL("./program.ts", import.meta.url), ...args)

/** Starts a file. It is killed with the scope. */
export const run = (url: URL, ...args: ReadonlyArray<string>) =>
  spawned("--conditions=fairlead:source", fileURLToPath(url), ...args)

/** Starts Node with these arguments. It is killed with the scope, and so is what it started. */
export const spawned = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, args, { detached: true })),
    ({ pid }) =>
      Effect.sync(() => {
        try {
          process.kill(-pid!, "SIGKILL")
        } catch {
          // It has ended already.
        }
      })
  )
  let output = ""
  let over = false
  const watchers = new Set<() => void>()
  const changed = () => watchers.forEach((watch) => watch())
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk
      changed()
    })
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      over = true
      changed()
      resolve({ code, signal })
    })
  })
  /** What the first group of the pattern is in the output, once it is there. */
  const wrote = (pattern: RegExp) =>
    Effect.callback<string>((resume) => {
      const watch = () => {
        const found = pattern.exec(output)
        if (found !== null) resume(Effect.succeed(found[1] ?? ""))
        else if (over) resume(Effect.die(new Error(`It ended before it wrote ${pattern}:\n${output}`)))
      }
      watchers.add(watch)
      watch()
      return Effect.sync(() => watchers.delete(watch))
    })
  return {
    output: () => output,
    wrote,
    port: Effect.map(wrote(/^port (\d+)$/m), Number),
    signal: (signal: NodeJS.Signals) => Effect.sync(() => void child.kill(signal)),
    ended: Effect.promise(() => ended)
  }
})
