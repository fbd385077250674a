import { execFile } from "node:child_process"
import { join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { serving } from "./Transports.ts"

interface Left {
  readonly name: string
  /** Bytes of the heap before the measured exchanges, and by how many it has grown behind them. */
  readonly heap: number
  readonly grown: number
  /** Connections that are open behind the exchanges, while the transport is. */
  readonly held: number
  /** How many logical requests, cycles and responses around others are alive after the exchanges. */
  readonly kept: ReadonlyArray<number>
  /** What keeps the process alive before the transport and behind it. */
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
  /** The kinds of exchanges that were made. */
  readonly kinds: ReadonlyArray<string>
  /** The kinds that were not, each with its reason. */
  readonly missing: Readonly<Record<string, string>>
}

const told = ({ after, grown, heap, held, kept, kinds, missing, name }: Left): string =>
  [
    `${name}: heap ${heap} bytes, grown by ${grown}; ${kept.join(", ")} objects kept; ${held} connections held, then ${JSON.stringify(after)}; ${kinds.join(", ")}`,
    ...Object.entries(missing).map(([kind, reason]) => `${name}: without ${kind}: ${reason}`)
  ].join("\n")

const measure = (url: string): Effect.Effect<ReadonlyArray<Left>> =>
  Effect.callback((resume) => {
    const program = join(import.meta.dirname, "Exchanges.ts")
    const { NODE_OPTIONS: _, ...env } = process.env
    execFile(
      process.execPath,
      ["--expose-gc", "--conditions=fairlead:source", program, url],
      { env },
      (failure, stdout, stderr) => {
        if (failure !== null) return resume(Effect.die(new Error(stderr, { cause: failure })))
        const lines = stdout.trim().split("\n")
        resume(Effect.succeed(lines.map((line) => JSON.parse(line) as Left)))
      }
    )
  })

describe("1,000 mixed exchanges", () => {
  it.live(
    "client 7: leak no connection, no resource, no object and no memory: halts, errors, follow-ups, interruptions, timeouts, abandoned bodies",
    () =>
      Effect.gen(function* () {
        const { paths, url } = yield* serving
        const all = yield* measure(url)
        assert.deepStrictEqual(
          all.map(({ name }) => name),
          ["fetch", "undici", "node:http", "fairlead/client/node"]
        )
        for (const left of all) {
          const { after, before, grown, held, kept, kinds, missing } = left
          const figures = told(left)
          console.log(figures)
          assert.sameMembers([...kinds, ...Object.keys(missing)], [...all[0]!.kinds], figures)
          assert.deepStrictEqual(after, before, figures)
          assert.isAtMost(held, 8, figures)
          assert.isAtMost(Math.max(...kept), 16, figures)
          assert.isBelow(grown, 1024 * 1024, figures)
        }
        assert.isAbove(paths.length, 4 * 1000)
      }).pipe(Effect.scoped)
  )
})
