/** The channel bench over loopback: in each round every server does the same under its own clients, in a new order. */
import type { ChildProcess } from "node:child_process"

import { ask, end, reply, start } from "../Process.ts"
import type { Load } from "../server/load.ts"
import { freePort } from "../server/Rounds.ts"
import { shuffled } from "../Statistics.ts"
import { names } from "./Contender.ts"
import type { Name } from "./Contender.ts"
import type { Ask, Open, Order, Shout } from "./load.ts"
import type { Question, Usage } from "./serve.ts"

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmSeconds: number
  /** How many sockets ask for echoes, and join and leave. */
  readonly askers: number
  readonly members: ReadonlyArray<number>
  readonly memory: { readonly rounds: number; readonly first: number; readonly more: number }
}

/** The results of one contender in one discipline, with one sample a round in each of the arrays. A request is an echo, a join and leave, or a delivery. */
export interface Talked {
  readonly discipline: string
  readonly name: string
  readonly requestsPerSecond: Array<number>
  /** CPU time of the server process. */
  readonly microsPerRequest: Array<number>
  /** The part of the time in which the clients used their core: near 1, they and not the server were the limit. */
  readonly clientBusy: Array<number>
}

/** The weight in bytes of an idle connection that has joined one topic, and the cost to get there; one sample a round in each. */
export interface Weighed {
  readonly name: Name
  readonly heap: Array<number>
  readonly rss: Array<number>
  /** CPU time of the server for the handshake and the join. */
  readonly micros: Array<number>
}

interface Pair {
  readonly server: ChildProcess
  readonly clients: ChildProcess
}

const launch = async (name: Name): Promise<Pair> => {
  const port = String(await freePort())
  const server = start(new URL("serve.ts", import.meta.url), [name, port], 1)
  const control = await reply<number>(server)
  const clients = start(new URL("load.ts", import.meta.url), [name, port, String(control)], 0)
  await reply(clients)
  return { server, clients }
}

const stop = async ({ clients, server }: Pair): Promise<void> => {
  await end(clients)
  await end(server)
}

const usage = ({ server }: Pair, collect = false): Promise<Usage> => ask<Usage>(server, { collect } satisfies Question)

const order = <A>({ clients }: Pair, order: Order): Promise<A> => ask<A>(clients, order)

type Work = Omit<Ask, "seconds"> | Omit<Shout, "seconds">

interface Contender {
  readonly name: string
  readonly server: Name
  readonly work: Work
}

interface Discipline {
  readonly name: string
  readonly contenders: ReadonlyArray<Contender>
}

const echoes: ReadonlyArray<readonly [name: string, server: Name, event: string]> = [
  ["Fairlead, Schema", "Fairlead", "echo"],
  ["Fairlead, any payload", "Fairlead", "any"],
  ["Fairlead, Effect.gen", "Fairlead", "gen"],
  ["Fairlead, awaits a promise", "Fairlead", "wait"],
  ["Fairlead, default upgrade", "Fairlead, default upgrade", "echo"],
  ["ws", "ws", "echo"],
  ["socket.io", "socket.io", "echo"]
]

/** Those that differ in more than how they send to many. */
const single = names.filter((name) => name !== "ws, send to each" && name !== "Fairlead, positions")

/** The names of the disciplines, for looking one up. */
export const joinAndLeave = "join and leave"
export const echo = (inFlight: number): string => `echo, ${inFlight} in flight`
export const fanout = (members: number, outside: boolean, inFlight = broadcasts): string =>
  `to ${members.toLocaleString("en")} members, ${outside ? "from outside" : "by a member"}${inFlight === 1 ? ", one at a time" : ""}`

/** As many as keep the server at work while the clients read. */
const broadcasts = 4

/** Who broadcasts, and how many broadcasts are on their way. */
const ways = [
  [false, broadcasts],
  [true, broadcasts],
  [false, 1]
] as const

const asking: ReadonlyArray<Discipline> = [
  ...[1, 8].map((inFlight) => ({
    name: echo(inFlight),
    contenders: echoes.map(([name, server, event]) => ({
      name,
      server,
      work: { _tag: "Ask", event, inFlight } as const
    }))
  })),
  {
    name: joinAndLeave,
    contenders: (["Fairlead", "Fairlead, default upgrade", "ws", "socket.io"] as const).map((name) => ({
      name,
      server: name,
      work: { _tag: "Ask", event: undefined, inFlight: 1 } as const
    }))
  }
]

const shouting = (members: ReadonlyArray<number>): ReadonlyArray<Discipline> =>
  members.flatMap((members) =>
    ways.map(([outside, inFlight]) => ({
      name: fanout(members, outside, inFlight),
      contenders: names.map((name) => ({
        name,
        server: name,
        work: { _tag: "Shout", members, outside, inFlight } as const
      }))
    }))
  )

/** Measures disciplines that need the same sockets. */
const measureAll = async (
  servers: ReadonlyArray<Name>,
  disciplines: ReadonlyArray<Discipline>,
  opening: Open,
  { rounds, seconds, warmSeconds }: Options,
  progress: (round: number) => void
): Promise<ReadonlyArray<Talked>> => {
  const pairs = new Map<Name, Pair>()
  for (const name of servers) {
    const pair = await launch(name)
    await order(pair, opening)
    pairs.set(name, pair)
  }
  const cells = disciplines.map(({ contenders, name: discipline }) =>
    contenders.map(({ name, server, work }) => {
      const talked: Talked = { discipline, name, requestsPerSecond: [], microsPerRequest: [], clientBusy: [] }
      return { talked, pair: pairs.get(server)!, work }
    })
  )
  for (const { pair, work } of shuffled(cells.flat())) await order(pair, { ...work, seconds: warmSeconds })
  for (let round = 0; round < rounds; round++) {
    // Those of one discipline follow each other closely, since they are compared round by round.
    for (const { pair, talked, work } of cells.flatMap(shuffled)) {
      const before = await usage(pair)
      const { busy, millis, responses } = await order<Load>(pair, { ...work, seconds })
      const after = await usage(pair)
      talked.requestsPerSecond.push((responses * 1000) / millis)
      talked.microsPerRequest.push((after.micros - before.micros) / responses)
      talked.clientBusy.push(busy)
    }
    progress(round + 1)
  }
  await Promise.all([...pairs.values()].map(stop))
  return cells.flat().map(({ talked }) => talked)
}

export const measure = async (options: Options, progress: (what: string) => void): Promise<ReadonlyArray<Talked>> => {
  const { askers, members, rounds } = options
  const telling = (what: string) => (round: number) => progress(`${what}: round ${round} of ${rounds}`)
  const asked = await measureAll(
    single,
    asking,
    { _tag: "Open", sockets: askers, members: [0] },
    options,
    telling("echo")
  )
  const most = Math.max(...members)
  const shouted = await measureAll(
    names,
    shouting(members),
    { _tag: "Open", sockets: most, members },
    options,
    telling("fan-out")
  )
  return [...asked, ...shouted]
}

/** Weighs connections in servers that have done nothing else. */
export const weigh = async (
  { memory: { first, more, rounds } }: Options,
  progress: (what: string) => void
): Promise<ReadonlyArray<Weighed>> => {
  const weighed = single.map((name): Weighed => ({ name, heap: [], rss: [], micros: [] }))
  for (let round = 0; round < rounds; round++) {
    for (const { heap, micros, name, rss } of shuffled(weighed)) {
      const pair = await launch(name)
      const open = (sockets: number) => order(pair, { _tag: "Open", sockets, members: [0] })
      // Objects that are made once exist before.
      await open(first)
      const before = await usage(pair, true)
      await open(first + more)
      const after = await usage(pair)
      const collected = await usage(pair, true)
      heap.push((collected.heap - before.heap) / more)
      rss.push((collected.rss - before.rss) / more)
      micros.push((after.micros - before.micros) / more)
      await stop(pair)
    }
    progress(`memory: round ${round + 1} of ${rounds}`)
  }
  return weighed
}
