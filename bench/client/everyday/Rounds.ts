/** Everyday chains round by round: every client once in each round, in a new order, in one process. An older version can take turns with this one, in a second process. */
import { ask, end, reply, start } from "../../Process.ts"
import { shuffled } from "../../Statistics.ts"
import { names } from "./Names.ts"
import type { Name } from "./Names.ts"
import type { Order } from "./serve.ts"

export interface Options {
  readonly rounds: number
  /** Calls of one sample. */
  readonly calls: number
  readonly warmCalls: number
}

/** The CPU time of a call, in microseconds, once for each round. */
export interface Called {
  readonly version: string
  readonly name: Name
  readonly micros: Array<number>
}

/** Each version is the path of a `serve.ts`. */
export const measure = async (
  versions: Readonly<Record<string, URL>>,
  { calls, rounds, warmCalls }: Options,
  progress: (round: number) => void
): Promise<ReadonlyArray<Called>> => {
  const cells = []
  const processes = []
  for (const [version, script] of Object.entries(versions)) {
    const process = start(script, [], 1)
    await reply(process)
    processes.push(process)
    for (const name of names) {
      const micros: Array<number> = []
      cells.push({ process, called: { version, name, micros } satisfies Called })
      await ask<number>(process, { name, calls: warmCalls } satisfies Order)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { called, process } of shuffled(cells)) {
      called.micros.push(await ask<number>(process, { name: called.name, calls } satisfies Order))
    }
    progress(round + 1)
  }
  await Promise.all(processes.map(end))
  return cells.map(({ called }) => called)
}
