import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import * as Raw from "./Raw.ts"

/** Starts a server in a process of its own; it tells what it weighs when it is asked. */
const holder = (kind: "fairlead" | "ws") =>
  Effect.gen(function* () {
    const program = join(import.meta.dirname, "Holder.ts")
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--expose-gc", "--conditions=fairlead:source", program, kind], {
          env,
          stdio: ["pipe", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = Effect.map(
      Effect.promise(() => lines.next()),
      ({ value }) => JSON.parse(String(value))
    )
    const { port }: { readonly port: number } = yield* next
    const ask: Effect.Effect<{ readonly heap: number; readonly rss: number }> = Effect.andThen(
      Effect.sync(() => child.stdin.write("weigh\n")),
      next
    )
    return { ask, port }
  })

const connections = 1500

/** What one idle socket with one joined topic weighs, in bytes. */
const weight = (kind: "fairlead" | "ws") =>
  Effect.gen(function* () {
    const { ask, port } = yield* holder(kind)
    const some = (count: number) =>
      Effect.forEach(Array.from({ length: count }), () => Raw.joined(port, "room:lobby", { name: "ann" }), {
        concurrency: 100,
        discard: true
      })
    // What is made once is there before.
    yield* some(200)
    const before = yield* ask
    yield* some(connections)
    const after = yield* ask
    return {
      heap: Math.round((after.heap - before.heap) / connections),
      rss: Math.round((after.rss - before.rss) / connections)
    }
  }).pipe(Effect.scoped)

describe("memory", () => {
  it.live(
    "channel 0.10: an idle connection with a joined topic weighs at most 10 kB",
    () =>
      Effect.gen(function* () {
        const bare = yield* weight("ws")
        const own = yield* weight("fairlead")
        const figures = `bytes for each of ${connections} connections: ${JSON.stringify(own)}; of ws alone: ${JSON.stringify(bare)}`
        console.log(figures)
        assert.isAtMost(own.heap, 10_000, figures)
      }),
    120_000
  )
})
