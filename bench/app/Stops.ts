/** Stops servers while clients are at work, and counts the answers. */
import { setTimeout } from "node:timers/promises"

import { shuffled } from "../Statistics.ts"
import { contenders, held, hold } from "./Contenders.ts"
import type { Contender } from "./Contenders.ts"
import { askMany } from "./Load.ts"

/** One stop: a sample a round. */
export interface Stop {
  readonly name: string
  readonly contender: Contender
  /** Requests that the server had when the stop began, and those that came later on the same connections. */
  readonly asked: Array<number>
  /** Answers that came whole. */
  readonly whole: Array<number>
  /** Connections that were reset. */
  readonly resets: Array<number>
  readonly millis: Array<number>
}

interface Case {
  readonly name: string
  readonly clients: number
  readonly asking: Parameters<typeof askMany>[2]
}

const cases: ReadonlyArray<Case> = [
  {
    name: "1,000 keep-alive connections, each with a request that takes 100 ms more",
    clients: 1000,
    asking: { path: "/held", again: false, pause: 0 }
  },
  { name: "20 MB to a client that reads slowly", clients: 1, asking: { path: "/large", again: false, pause: 3 } },
  { name: "20 clients that keep asking", clients: 20, asking: { path: "/", again: true, pause: 0 } }
]

const stopping = async (stop: Stop, { asking, clients }: Case): Promise<void> => {
  const server = await contenders[stop.contender]()
  hold()
  const working = await askMany(server.port, clients, asking)
  // Connected is not accepted: connections that wait in the kernel are reset when a port closes.
  if (asking.path === "/held") while (held.count < clients) await setTimeout(5)
  else await setTimeout(50)
  const began = performance.now()
  const stopped = server.stop()
  await setTimeout(100)
  held.release()
  await stopped
  stop.millis.push(performance.now() - began)
  const forget = new AbortController()
  const ends = await Promise.race([
    Promise.all(working.map(({ ended }) => ended)),
    setTimeout(5000, undefined, { signal: forget.signal }).catch(() => undefined)
  ])
  forget.abort()
  for (const { socket } of working) socket.destroy()
  const all = ends ?? (await Promise.all(working.map(({ ended }) => ended)))
  const whole = all.reduce((sum, answers) => sum + answers.whole, 0)
  stop.whole.push(whole)
  stop.asked.push(whole + all.filter(({ lost }) => lost).length)
  stop.resets.push(all.filter(({ reset }) => reset).length)
}

/** Stops each contender in each case, in turn. */
export const measureStops = async (rounds: number): Promise<ReadonlyArray<Stop>> => {
  const names = Object.keys(contenders) as ReadonlyArray<Contender>
  const all: Array<Stop> = []
  for (const each of cases) {
    const stops = names.map((contender): Stop => ({
      name: each.name,
      contender,
      asked: [],
      whole: [],
      resets: [],
      millis: []
    }))
    for (let round = 0; round < rounds; round++) for (const stop of shuffled(stops)) await stopping(stop, each)
    all.push(...stops)
  }
  return all
}
