import { execFile } from "node:child_process"
import { join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

interface Figures {
  readonly heap: number
}

interface Left {
  readonly sockets: number
  /** How many handlers and joins were interrupted. */
  readonly stuck: number
  /** How the sockets went. */
  readonly kinds: ReadonlyArray<string>
  readonly peak: { readonly connections: number; readonly members: number; readonly topics: number }
  readonly before: Figures
  readonly after: Figures
  /** What keeps the process alive when the server is closed. */
  readonly left: ReadonlyArray<string>
}

const measure: Effect.Effect<Left> = Effect.callback((resume) => {
  const program = join(import.meta.dirname, "Crowd.ts")
  const { NODE_OPTIONS: _, ...env } = process.env
  execFile(
    process.execPath,
    ["--expose-gc", "--conditions=fairlead:source", program],
    { env },
    (failure, stdout, stderr) => {
      if (failure !== null) return resume(Effect.die(new Error(stderr, { cause: failure })))
      resume(Effect.succeed(JSON.parse(stdout) as Left))
    }
  )
})

describe("10,000 sockets", () => {
  it.live(
    "channel 0.3: leak no fiber, no connection, no lane, no topic and no memory, however they go",
    () =>
      Effect.gen(function* () {
        const { after, before, kinds, left, peak, sockets, stuck } = yield* measure
        const { heap, ...counted } = before
        const { heap: heapAfter, ...countedAfter } = after
        const figures = `${sockets} sockets, which each ${kinds.join(", or ")}; at most ${JSON.stringify(peak)}; heap ${heap} bytes, grown by ${heapAfter - heap}; left: ${JSON.stringify(countedAfter)}`
        console.log(figures)
        assert.strictEqual(sockets, 10_000)
        assert.isAbove(stuck, 2000, figures)
        assert.isAbove(peak.members, 500, figures)
        assert.deepStrictEqual(countedAfter, counted, figures)
        assert.include(countedAfter, {
          connections: 0,
          lanes: 0,
          open: 0,
          resources: 0,
          members: 0,
          handlers: 0,
          topics: 0
        })
        assert.isBelow(heapAfter - heap, 2 * 1024 * 1024, figures)
        assert.deepStrictEqual(left, [], figures)
      }),
    300_000
  )
})
