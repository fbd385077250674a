/** The client bench over loopback: every client once in each round, in a new order, each in its own process, against one server. */
import type { ChildProcess } from "node:child_process"

import { ask, end, reply, start } from "../../Process.ts"
import type { Load, Order } from "../../server/load.ts"
import { launch } from "../../server/Rounds.ts"
import { shuffled } from "../../Statistics.ts"
import { names } from "./Contender.ts"
import type { Name } from "./Contender.ts"

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmSeconds: number
  /** How many requests are under way at once. */
  readonly concurrencies: ReadonlyArray<number>
}

/** One client at one concurrency, with one sample a round in each of the arrays. */
export interface Asked {
  readonly name: Name
  readonly concurrency: number
  readonly requestsPerSecond: Array<number>
  /** CPU time of the client process. */
  readonly microsPerRequest: Array<number>
  /** The part of the time in which the server used its core: near 1, the server and not the client was the limit. */
  readonly serverBusy: Array<number>
}

/** Measures all clients, and calls `progress` after each round. */
export const measure = async (options: Options, progress: (round: number) => void): Promise<ReadonlyArray<Asked>> => {
  const { concurrencies, rounds, seconds, warmSeconds } = options
  const server = await launch("node:http", 0)
  const clients: Array<{ readonly name: Name; readonly process: ChildProcess }> = []
  for (const name of names) {
    const process = start(new URL("ask.ts", import.meta.url), [name, server.url], 0)
    await reply(process)
    clients.push({ name, process })
  }
  const load = (process: ChildProcess, connections: number, seconds: number): Promise<Load> =>
    ask<Load>(process, { url: server.url, connections, seconds } satisfies Order)
  const cells = concurrencies.map((concurrency) =>
    clients.map(({ name, process }) => {
      const asked: Asked = { name, concurrency, requestsPerSecond: [], microsPerRequest: [], serverBusy: [] }
      return { asked, process }
    })
  )

  for (const { asked, process } of shuffled(cells.flat())) await load(process, asked.concurrency, warmSeconds)
  for (let round = 0; round < rounds; round++) {
    // Those of one concurrency follow each other closely, since they are compared round by round.
    for (const { asked, process } of cells.flatMap(shuffled)) {
      const before = await ask<number>(server.process, {})
      const { busy, millis, responses } = await load(process, asked.concurrency, seconds)
      const used = (await ask<number>(server.process, {})) - before
      asked.requestsPerSecond.push((responses * 1000) / millis)
      asked.microsPerRequest.push((busy * millis * 1000) / responses)
      asked.serverBusy.push(used / 1000 / millis)
    }
    progress(round + 1)
  }

  await Promise.all([server, ...clients].map(({ process }) => end(process)))
  return cells.flat().map(({ asked }) => asked)
}
