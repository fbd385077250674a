/** The endpoint bench over transports: every contender once in each round, in a new order, dialer and acceptor in separate processes. */
import type { ChildProcess } from "node:child_process"

import { ask, end, reply, start } from "../Process.ts"
import type { Rates } from "../Rates.ts"
import type { Load } from "../server/load.ts"
import { shuffled } from "../Statistics.ts"
import { names } from "./Contender.ts"
import type { Address, Discipline, Name } from "./Contender.ts"
import type { Order } from "./dial.ts"

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmSeconds: number
}

/** The results of one contender in one discipline, with one sample a round in each of the arrays. */
export interface Linked extends Rates {
  readonly discipline: string
  readonly name: Name
  readonly requestsPerSecond: Array<number>
  /** CPU time of dialer and acceptor together. */
  readonly microsPerRequest: Array<number>
  /** The part of the time in which they used their cores: the one that used more of it. */
  readonly busier: Array<number>
}

interface Task {
  readonly title: string
  readonly discipline: Discipline
  readonly atOnce: number
}

const tasks: ReadonlyArray<Task> = [
  { title: "connect, one at a time", discipline: "connect", atOnce: 1 },
  { title: "connect, 8 at once", discipline: "connect", atOnce: 8 },
  { title: "echo of 16 bytes, one at a time", discipline: "echo", atOnce: 1 },
  { title: "echo of 16 bytes, 32 streams at once", discipline: "echo", atOnce: 32 },
  { title: "new stream, echo and end, one at a time", discipline: "stream", atOnce: 1 },
  { title: "new stream, echo and end, 32 at once", discipline: "stream", atOnce: 32 },
  { title: "64 KiB on one stream", discipline: "bytes", atOnce: 1 }
]

/** Where several are under way, or one that never waits: elsewhere nobody is at a limit. */
export const manyAtOnce = ({ discipline }: Linked): boolean => !discipline.endsWith("one at a time")

interface Pair {
  readonly name: Name
  readonly dialer: ChildProcess
  /** None where the dialer's process has both. */
  readonly acceptor: ChildProcess | undefined
}

const launch = async (name: Name): Promise<Pair> => {
  const acceptor = name === "Fairlead in memory" ? undefined : start(new URL("accept.ts", import.meta.url), [name], 1)
  const address = acceptor === undefined ? null : await reply<Address>(acceptor)
  const dialer = start(new URL("dial.ts", import.meta.url), [name, JSON.stringify(address)], 0)
  await reply(dialer)
  return { name, dialer, acceptor }
}

const usedBy = async ({ acceptor }: Pair): Promise<number> => (acceptor === undefined ? 0 : ask<number>(acceptor, {}))

/** Measures all contenders, and calls `progress` after each round. */
export const measure = async (options: Options, progress: (round: number) => void): Promise<ReadonlyArray<Linked>> => {
  const { rounds, seconds, warmSeconds } = options
  const pairs: Array<Pair> = []
  for (const name of names) pairs.push(await launch(name))
  const load = ({ dialer }: Pair, { atOnce, discipline }: Task, seconds: number): Promise<Load> =>
    ask<Load>(dialer, { discipline, atOnce, seconds } satisfies Order)
  const cells = tasks.map((task) =>
    pairs.map((pair) => {
      const linked: Linked = {
        discipline: task.title,
        name: pair.name,
        requestsPerSecond: [],
        microsPerRequest: [],
        busier: []
      }
      return { linked, pair, task }
    })
  )

  for (const { pair, task } of shuffled(cells.flat())) await load(pair, task, warmSeconds)
  for (let round = 0; round < rounds; round++) {
    // Those of one discipline follow each other closely, since they are compared round by round.
    for (const { linked, pair, task } of cells.flatMap(shuffled)) {
      const before = await usedBy(pair)
      const { busy, millis, responses } = await load(pair, task, seconds)
      const accepting = (await usedBy(pair)) - before
      linked.requestsPerSecond.push((responses * 1000) / millis)
      linked.microsPerRequest.push((busy * millis * 1000 + accepting) / responses)
      linked.busier.push(Math.max(busy, accepting / 1000 / millis))
    }
    progress(round + 1)
  }

  await Promise.all(
    pairs.flatMap(({ acceptor, dialer }) => [dialer, ...(acceptor === undefined ? [] : [acceptor])]).map(end)
  )
  return cells.flat().map(({ linked }) => linked)
}
