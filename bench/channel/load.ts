/** The clients of one server, in a separate process, which answers each order with its results. */
import { connect } from "node:net"

import { host } from "../server/Contender.ts"
import type { Load } from "../server/load.ts"
import { Client, framesOf } from "./Client.ts"
import { rooms, topicOf } from "./Contender.ts"
import type { Name } from "./Contender.ts"
import { both, speechOf } from "./Speech.ts"
import type { Exchange } from "./Speech.ts"

/** Opens sockets until there are so many; each joins every topic for so many and more. */
export interface Open {
  readonly _tag: "Open"
  readonly sockets: number
  readonly members: ReadonlyArray<number>
}

interface Timed {
  readonly seconds: number
  /** How many answers, or broadcasts, are awaited at once. */
  readonly inFlight: number
}

/** Every socket asks again as soon as it is answered. */
export interface Ask extends Timed {
  readonly _tag: "Ask"
  /** The event to be echoed, or none for a join and a leave. */
  readonly event: string | undefined
}

/** A member, or the control socket, broadcasts again as soon as all members have heard. */
export interface Shout extends Timed {
  readonly _tag: "Shout"
  readonly members: number
  readonly outside: boolean
}

export type Order = Open | Ask | Shout

const [name, port, controlPort] = process.argv.slice(2)
const speech = speechOf(name as Name)
const control = connect(Number(controlPort), host)
const clients: Array<Client> = []

const open = async ({ members, sockets }: Open): Promise<void> => {
  while (clients.length < sockets) {
    const first = clients.length
    const more = Array.from({ length: Math.min(100, sockets - first) }, async (_, index) => {
      const client = await Client.open(Number(port), speech)
      for (const most of members) {
        if (most === 0 || first + index < most) await client.exchange(speech.join(topicOf(most)))
      }
      return client
    })
    clients.push(...(await Promise.all(more)))
  }
}

interface Clock {
  readonly over: () => boolean
  readonly load: (responses: number) => Load
}

const clock = (seconds: number): Clock => {
  const since = performance.now()
  const used = process.cpuUsage()
  return {
    over: () => performance.now() - since >= seconds * 1000,
    load: (responses) => {
      const millis = performance.now() - since
      const { system, user } = process.cpuUsage(used)
      return { responses, millis, busy: (system + user) / 1000 / millis }
    }
  }
}

/** So many of them in one piece, for each count that may be needed. */
const upTo = (count: number, bytes: Buffer): ReadonlyArray<Buffer> =>
  Array.from({ length: count + 1 }, (_, times) => Buffer.concat(Array.from({ length: times }, () => bytes)))

const ask = async ({ event, inFlight, seconds }: Ask): Promise<Load> => {
  const topic = topicOf(0)
  const exchange: Exchange =
    event === undefined
      ? both(speech.join(`${topic}:joins`), speech.leave(`${topic}:joins`))
      : speech.echo(topic, event)
  await Promise.all(clients.map((client) => client.exchange(exchange)))
  const bytes = upTo(inFlight, framesOf(exchange))
  const frames = exchange.gives.length
  const { load, over } = clock(seconds)
  let responses = 0
  const askAgain = (client: Client): Promise<void> =>
    new Promise((resolve) => {
      let [rest, awaited] = [0, inFlight]
      client.onFrames = (count) => {
        const answered = Math.floor((rest + count) / frames)
        rest = (rest + count) % frames
        responses += answered
        if (over()) awaited -= answered
        else if (answered > 0) client.write(bytes[answered]!)
        if (awaited === 0) resolve()
      }
      client.write(bytes[inFlight]!)
    })
  await Promise.all(clients.map(askAgain))
  return load(responses)
}

const shout = async ({ inFlight, members, outside, seconds }: Shout): Promise<Load> => {
  const exchange = speech.shout(topicOf(members))
  const heard = { send: [], gives: exchange.gives }
  const [sender, ...others] = clients.slice(0, members)
  const place = Buffer.from([rooms.findIndex((room) => room === members)])
  const checked = [...others.map((client) => client.exchange(heard)), sender!.exchange(outside ? heard : exchange)]
  if (outside) control.write(place)
  await Promise.all(checked)

  const bytes = upTo(inFlight, outside ? place : framesOf(exchange))
  const write = (count: number): void => (outside ? void control.write(bytes[count]!) : sender!.write(bytes[count]!))
  const { load, over } = clock(seconds)
  return new Promise((resolve) => {
    let [deliveries, rest, awaited] = [0, 0, inFlight]
    const onFrames = (count: number): void => {
      deliveries += count
      rest += count
      if (rest < members) return
      const done = Math.floor(rest / members)
      rest %= members
      if (over()) awaited -= done
      else write(done)
      if (awaited === 0) resolve(load(deliveries))
    }
    for (const client of clients) client.onFrames = onFrames
    write(inFlight)
  })
}

const run = (order: Order): Promise<Load | void> => {
  for (const client of clients) client.onFrames = () => {}
  switch (order._tag) {
    case "Open":
      return open(order)
    case "Ask":
      return ask(order)
    default:
      return shout(order)
  }
}

process.on("disconnect", () => process.exit())
process.on("message", async (order: Order) => {
  process.send?.((await run(order)) ?? "opened")
})
control.once("connect", () => process.send?.("ready"))
