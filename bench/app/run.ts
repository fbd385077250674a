/** The life bench in a separate process: how long starting takes, and stopping, with all kinds of connections open. */
import { setTimeout } from "node:timers/promises"

import { shuffled } from "../Statistics.ts"
import { clients, firstAnswer, halfOpen } from "./Clients.ts"
import { contenders, lived } from "./Contenders.ts"
import type { Contender, Running } from "./Contenders.ts"

export interface Options {
  readonly rounds: number
  /** The rounds of the cases in which a contender waits for seconds. */
  readonly slowRounds: number
}

/** One case of one contender: milliseconds, a sample a round. */
export interface Life {
  readonly name: string
  readonly contender: Contender
  readonly millis: Array<number>
}

interface Case {
  readonly name: string
  readonly slow: boolean
  /** Opens the connections that stopping has to deal with. */
  readonly open: (port: number) => Promise<ReadonlyArray<{ readonly destroy: () => unknown }>>
}

const stops: ReadonlyArray<Case> = [
  { name: "stop, idle", slow: false, open: async () => [] },
  { name: "stop, 1,000 idle keep-alive connections", slow: false, open: (port) => clients(port, 1000, "/", true) },
  { name: "stop, 100 requests in flight", slow: true, open: (port) => clients(port, 100, "/slow", false) },
  { name: "stop, a request that never ends", slow: true, open: (port) => clients(port, 1, "/endless", false) },
  { name: "stop, a connection with half its headers", slow: true, open: async (port) => [await halfOpen(port)] },
  {
    name: "stop, a handler of 12 s that cannot be interrupted",
    slow: true,
    open: (port) => clients(port, 1, "/stubborn", false)
  }
]

const timed = async <A>(work: () => Promise<A>): Promise<readonly [number, A]> => {
  const began = performance.now()
  const value = await work()
  return [performance.now() - began, value]
}

const launch = (contender: Contender): Promise<Running> => contenders[contender]()

const starting = async (contender: Contender): Promise<number> => {
  const [millis, running] = await timed(async () => {
    const running = await launch(contender)
    await firstAnswer(running.port)
    return running
  })
  await running.stop()
  return millis
}

const stopping = async (contender: Contender, { open }: Case): Promise<number> => {
  const { port, stop } = await launch(contender)
  const sockets = await open(port)
  // So that every request that was sent has reached its handler.
  await setTimeout(30)
  const [millis] = await timed(stop)
  for (const socket of sockets) socket.destroy()
  await setTimeout(10)
  return millis
}

const measure = async (options: Options): Promise<ReadonlyArray<Life>> => {
  const lives: Array<Life> = []
  const rounds = async (name: string, count: number, sample: (contender: Contender) => Promise<number>) => {
    const life = lived.map((contender): Life => ({ name, contender, millis: [] }))
    for (let round = 0; round < count; round++) {
      for (const { contender, millis } of shuffled(life)) millis.push(await sample(contender))
    }
    lives.push(...life)
  }
  for (const contender of lived) await starting(contender)
  await rounds("start, until the first answer", options.rounds, starting)
  for (const stop of stops) {
    await rounds(stop.name, stop.slow ? options.slowRounds : options.rounds, (contender) => stopping(contender, stop))
  }
  return lives
}

process.on("disconnect", () => process.exit())
process.send?.(await measure(JSON.parse(process.argv[2] ?? "{}") as Options))
