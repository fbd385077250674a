/** The clients of one or two nodes in a separate process: `node load.ts ROOM`, which obeys orders. */
import { setTimeout } from "node:timers/promises"

import type { Load } from "../../server/load.ts"
import { Client, framesOf } from "../Client.ts"
import { openBare } from "./Bare.ts"
import type { EngineName } from "./Brokers.ts"
import { envelope, kinds, speech, topicOf } from "./Log.ts"
import type { TopicKind } from "./Log.ts"

/** Opens as many sockets at each port, and joins them to the topics of both kinds. */
export interface Open {
  readonly _tag: "Open"
  readonly ports: ReadonlyArray<number>
  readonly each: number
}

/** A member broadcasts again as soon as all members have heard. */
export interface Shout {
  readonly _tag: "Shout"
  readonly kind: TopicKind
  readonly seconds: number
  readonly inFlight: number
}

/** Measures single broadcasts until the last member has heard, and in turn a message of the broker alone. */
export interface Trip {
  readonly _tag: "Trip"
  readonly kind: TopicKind
  readonly engine: EngineName
  readonly brokerPort: number
  readonly count: number
  /** How long it waits between two. */
  readonly pauseMillis: number
}

/** Milliseconds of each. */
export interface Trips {
  readonly fairlead: ReadonlyArray<number>
  readonly bare: ReadonlyArray<number>
}

export type Order = Open | Shout | Trip

/** The groups of nodes on one broker have a room each. */
const room = Number(process.argv[2])

/** The sockets of both kinds of topics: the first belongs to the first node, and publishes. */
const clients: Record<TopicKind, Array<Client>> = { ephemeral: [], recoverable: [] }

const open = async ({ each, ports }: Open): Promise<void> => {
  for (const kind of kinds) {
    const talk = speech(kind)
    for (const port of ports) {
      for (let left = each; left > 0; left -= 50) {
        const more = Array.from({ length: Math.min(50, left) }, async () => {
          const client = await Client.open(port, talk)
          await client.exchange(talk.join(topicOf(kind, room)))
          return client
        })
        clients[kind].push(...(await Promise.all(more)))
      }
    }
  }
}

/** Every member hears a broadcast as it must. */
const check = async (kind: TopicKind): Promise<Buffer> => {
  const shout = speech(kind).shout(topicOf(kind, room))
  const [sender, ...others] = clients[kind]
  const heard = { send: [], gives: shout.gives }
  await Promise.all([...others.map((client) => client.exchange(heard)), sender!.exchange(shout)])
  return framesOf(shout)
}

const shout = async ({ inFlight, kind, seconds }: Shout): Promise<Load> => {
  const bytes = await check(kind)
  const members = clients[kind].length
  const [sender] = clients[kind]
  const since = performance.now()
  const used = process.cpuUsage()
  return new Promise((resolve) => {
    let [deliveries, rest, awaited] = [0, 0, inFlight]
    const onFrames = (count: number): void => {
      deliveries += count
      rest += count
      if (rest < members) return
      const done = Math.floor(rest / members)
      rest %= members
      const millis = performance.now() - since
      if (millis >= seconds * 1000) awaited -= done
      else sender!.write(Buffer.concat(Array.from({ length: done }, () => bytes)))
      if (awaited > 0) return
      const { system, user } = process.cpuUsage(used)
      resolve({ responses: deliveries, millis, busy: (system + user) / 1000 / millis })
    }
    for (const client of clients[kind]) client.onFrames = onFrames
    sender!.write(Buffer.concat(Array.from({ length: inFlight }, () => bytes)))
  })
}

const trip = async ({ brokerPort, count, engine, kind, pauseMillis }: Trip): Promise<Trips> => {
  const bytes = await check(kind)
  const members = clients[kind].length
  const [sender] = clients[kind]
  const bare = await openBare(engine, brokerPort)
  let onText: () => void = () => {}
  await bare.subscribe(kind, () => onText())
  const fairlead = () =>
    new Promise<void>((resolve) => {
      let left = members
      for (const client of clients[kind]) {
        client.onFrames = (frames) => {
          left -= frames
          if (left === 0) resolve()
        }
      }
      sender!.write(bytes)
    })
  const alone = () =>
    new Promise<void>((resolve) => {
      onText = resolve
      void bare.publish(kind, envelope())
    })
  const timed = async (happen: () => Promise<void>): Promise<number> => {
    const since = performance.now()
    await happen()
    return performance.now() - since
  }
  const trips = { fairlead: [] as Array<number>, bare: [] as Array<number> }
  // The first are slow in both.
  for (let warm = 0; warm < 1000; warm++) {
    await fairlead()
    await alone()
  }
  for (let n = 0; n < count; n++) {
    await setTimeout(pauseMillis)
    trips.fairlead.push(await timed(fairlead))
    await setTimeout(pauseMillis)
    trips.bare.push(await timed(alone))
  }
  await bare.close()
  return trips
}

const run = (order: Order): Promise<Load | Trips | void> => {
  for (const kind of kinds) for (const client of clients[kind]) client.onFrames = () => {}
  switch (order._tag) {
    case "Open":
      return open(order)
    case "Shout":
      return shout(order)
    default:
      return trip(order)
  }
}

process.on("disconnect", () => process.exit())
process.on("message", async (order: Order) => {
  process.send?.((await run(order)) ?? "opened")
})
process.send?.("ready")
