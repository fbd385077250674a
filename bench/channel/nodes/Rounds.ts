/** The bench of several nodes: members on two nodes against one, single broadcasts, and publishes, over each broker. */
import type { ChildProcess } from "node:child_process"

import { ask, end, reply, start } from "../../Process.ts"
import type { Load } from "../../server/load.ts"
import { freePort } from "../../server/Rounds.ts"
import { shuffled } from "../../Statistics.ts"
import type { Talked } from "../Rounds.ts"
import { engines, startBroker } from "./Brokers.ts"
import type { EngineName } from "./Brokers.ts"
import type { Order, Trips } from "./load.ts"
import { kinds } from "./Log.ts"
import type { TopicKind } from "./Log.ts"
import type { PublishOrder } from "./publish.ts"

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmSeconds: number
  /** The members of a room. */
  readonly members: number
  /** Single broadcasts of each kind, to so many members on each of two nodes. */
  readonly trips: { readonly count: number; readonly members: number; readonly pauseMillis: number }
  /** Publishes of each kind in a round. */
  readonly publishes: number
}

/** The results of one engine. */
export interface Measured {
  readonly engine: EngineName
  /** Deliveries of members on one node and on two, by kind of topic: the CPU time is that of all nodes together. */
  readonly talked: ReadonlyArray<Talked>
  readonly trips: Readonly<Record<TopicKind, Trips>>
  /** CPU microseconds of both processes for a publish, one sample a round. */
  readonly published: ReadonlyArray<Published>
}

export interface Published {
  readonly kind: TopicKind
  readonly inFlight: number
  readonly contender: "Fairlead" | "bare"
  readonly micros: Array<number>
}

export const oneNode = "one node"
export const twoNodes = "two nodes"
export const inMemory = "one process, no broker"

/** How many broadcasts are on their way at once. */
export const ways = [4, 1] as const

export const discipline = (kind: TopicKind, inFlight: number): string => `${kind}, ${inFlight} on their way`

interface Group {
  readonly name: string
  readonly nodes: ReadonlyArray<ChildProcess>
  readonly ports: ReadonlyArray<number>
  readonly clients: ChildProcess
}

const script = (name: string): URL => new URL(name, import.meta.url)

let rooms = 0

const launch = async (name: string, engine: EngineName | "memory", brokerPort: number, count: number) => {
  const ports: Array<number> = []
  const nodes: Array<ChildProcess> = []
  for (let node = 0; node < count; node++) {
    const port = await freePort()
    const child = start(script("node.ts"), [engine, String(brokerPort), String(port)], 1)
    await reply(child)
    ports.push(port)
    nodes.push(child)
  }
  const clients = start(script("load.ts"), [String(++rooms)], 0)
  await reply(clients)
  return { name, nodes, ports, clients } satisfies Group
}

const order = <A>({ clients }: Group, order: Order): Promise<A> => ask<A>(clients, order)

/** CPU microseconds of all its nodes so far. */
const usage = async ({ nodes }: Group): Promise<number> => {
  const each = await Promise.all(nodes.map((node) => ask<number>(node, {})))
  return each.reduce((sum, micros) => sum + micros, 0)
}

const stop = async ({ clients, nodes }: Group): Promise<void> => {
  await end(clients)
  for (const node of nodes) await end(node)
}

const talk = async (
  engine: EngineName,
  brokerPort: number,
  { members, rounds, seconds, warmSeconds }: Options,
  progress: (what: string) => void
): Promise<ReadonlyArray<Talked>> => {
  const groups = [
    await launch(oneNode, engine, brokerPort, 1),
    await launch(twoNodes, engine, brokerPort, 2),
    await launch(inMemory, "memory", brokerPort, 1)
  ]
  const cells = kinds.flatMap((kind) =>
    ways.map((inFlight) =>
      groups.map((group) => {
        const talked: Talked = {
          discipline: discipline(kind, inFlight),
          name: group.name,
          requestsPerSecond: [],
          microsPerRequest: [],
          clientBusy: []
        }
        return { talked, group, work: { _tag: "Shout", kind, inFlight } as const }
      })
    )
  )
  for (const group of groups)
    await order(group, { _tag: "Open", ports: group.ports, each: members / group.ports.length })
  for (const { group, work } of shuffled(cells.flat())) await order(group, { ...work, seconds: warmSeconds })
  for (let round = 0; round < rounds; round++) {
    for (const { group, talked, work } of cells.flatMap(shuffled)) {
      const before = await usage(group)
      const { busy, millis, responses } = await order<Load>(group, { ...work, seconds })
      const micros = (await usage(group)) - before
      talked.requestsPerSecond.push((responses * 1000) / millis)
      talked.microsPerRequest.push(micros / responses)
      talked.clientBusy.push(busy)
    }
    progress(`nodes over ${engine}: round ${round + 1} of ${rounds}`)
  }
  for (const group of groups) await stop(group)
  return cells.flat().map(({ talked }) => talked)
}

const travel = async (engine: EngineName, brokerPort: number, { trips }: Options): Promise<Measured["trips"]> => {
  const { count, members, pauseMillis } = trips
  const group = await launch(twoNodes, engine, brokerPort, 2)
  await order(group, { _tag: "Open", ports: group.ports, each: members })
  const [ephemeral, recoverable] = [
    await order<Trips>(group, { _tag: "Trip", kind: "ephemeral", engine, brokerPort, count, pauseMillis }),
    await order<Trips>(group, { _tag: "Trip", kind: "recoverable", engine, brokerPort, count, pauseMillis })
  ]
  await stop(group)
  return { ephemeral, recoverable }
}

const publish = async (
  engine: EngineName,
  brokerPort: number,
  { publishes, rounds }: Options,
  progress: (what: string) => void
): Promise<ReadonlyArray<Published>> => {
  const pair = async (contender: Published["contender"]) => {
    const args = [contender, engine, String(brokerPort)]
    const [from, to] = [start(script("publish.ts"), args, 0), start(script("publish.ts"), args, 1)]
    await Promise.all([reply(from), reply(to)])
    // A publisher has members of its own, as the node of a member that pushes.
    for (const child of [from, to]) await ask(child, { _tag: "Subscribe" } satisfies PublishOrder)
    return { contender, from, to }
  }
  const pairs = [await pair("Fairlead"), await pair("bare")]
  const cells = kinds.flatMap((kind) =>
    [1, 32].map((inFlight) =>
      pairs.map((pair) => {
        const published: Published = { kind, inFlight, contender: pair.contender, micros: [] }
        return { pair, published }
      })
    )
  )
  const once = async ({ pair: { from, to }, published: { inFlight, kind } }: (typeof cells)[number][number]) => {
    const count = Math.ceil(publishes / inFlight) * inFlight
    const still = { _tag: "Await", count: 0 } satisfies PublishOrder
    const before = (await ask<number>(from, still)) + (await ask<number>(to, still))
    const sent = await ask<number>(from, { _tag: "Publish", kind, count, inFlight } satisfies PublishOrder)
    const heard = await ask<number>(to, { _tag: "Await", count } satisfies PublishOrder)
    return (sent + heard - before) / count
  }
  for (const cell of cells.flat()) await once(cell)
  for (let round = 0; round < rounds; round++) {
    for (const cell of cells.flatMap(shuffled)) cell.published.micros.push(await once(cell))
    progress(`publishes over ${engine}: round ${round + 1} of ${rounds}`)
  }
  for (const { from, to } of pairs) {
    await end(from)
    await end(to)
  }
  return cells.flat().map(({ published }) => published)
}

export const measure = async (options: Options, progress: (what: string) => void): Promise<ReadonlyArray<Measured>> => {
  const measured: Array<Measured> = []
  for (const engine of engines) {
    const broker = await startBroker(engine)
    if (broker === undefined) {
      progress(`nodes: without ${engine}, which is not installed`)
      continue
    }
    try {
      const published = await publish(engine, broker.port, options, progress)
      progress(`nodes over ${engine}: single broadcasts`)
      const trips = await travel(engine, broker.port, options)
      const talked = await talk(engine, broker.port, options, progress)
      measured.push({ engine, talked, trips, published })
    } finally {
      await broker.stop()
    }
  }
  return measured
}
