/** The cases of the channel bench in process: frames go into connections whose transport only counts. */
import * as Effect from "effect/Effect"

import { Connection } from "../../src/channel/engine/Connection.ts"
import { Broadcaster, ChannelHandler, ChannelServer } from "../../src/channel/index.ts"
import { hubOf } from "../../src/channel/MountedHub.ts"
import type { Transport } from "../../src/channel/Transport.ts"
import { V2 } from "../../src/channel/wire/Message.ts"
import type { Run } from "../Evaluation.ts"
import type { Case } from "../Sampling.ts"
import { message } from "./Contender.ts"
import { Room, room } from "./Fairlead.ts"
import { speechOf } from "./Speech.ts"

const speech = speechOf("Fairlead")
const topic = "room:1"

const passing = ChannelHandler.make("passing", { incoming: () => {} })
const looking = ChannelHandler.make("looking", { incoming: () => {}, outgoing: () => {} })

const plain = ChannelServer.make("bench").mount(Room)

const hub = <P>(server: ChannelServer.ChannelServer<P, Room>) =>
  Effect.runPromise(Effect.provide(hubOf(server, {}), [room, Broadcaster.layer]))

type Hub = Awaited<ReturnType<typeof hub>>

const [plainHub, incomingHub, bothHub] = await Promise.all([
  hub(plain),
  hub(ChannelServer.make("bench").use(passing).mount(Room)),
  hub(ChannelServer.make("bench").use(looking).mount(Room))
])

class Counting implements Transport {
  written = 0
  onWritten: () => void = () => {}
  prepare(frame: string | Uint8Array): Uint8Array {
    return Buffer.from(frame)
  }
  write(): void {
    this.written++
    this.onWritten()
  }
  ready(): boolean {
    return true
  }
  onDrain(): void {}
  close(): void {}
}

const connect = {
  transport: "websocket",
  url: "/socket/websocket?vsn=2.0.0",
  pathParams: {},
  params: new Map<string, string>(),
  query: {},
  headers: {},
  cookies: {},
  token: undefined,
  remoteAddress: undefined,
  remotePort: undefined,
  peerCertificate: undefined
} as const

const joined = async (hub: Hub) => {
  const transport = new Counting()
  const connection = new Connection(
    hub,
    V2,
    transport,
    { id: undefined, request: connect, version: V2.version },
    [],
    undefined
  )
  connection.receive(speech.join(topic).send[0]!)
  if (transport.written !== 1) throw new Error("The join was not answered.")
  return { connection, transport }
}

const expectWritten = (written: number, expected: number): void => {
  if (written !== expected) throw new Error(`${written} frames were written, not ${expected}.`)
}

/** Each frame is answered within `receive`. */
const atOnce = async (hub: Hub, event: string): Promise<Run> => {
  const { connection, transport } = await joined(hub)
  const frame = speech.echo(topic, event).send[0]!
  return (times) => {
    const before = transport.written
    for (let i = 0; i < times; i++) connection.receive(frame)
    expectWritten(transport.written - before, times)
  }
}

/** The next frame comes with the answer. */
const waiting = async (hub: Hub, event: string): Promise<Run> => {
  const { connection, transport } = await joined(hub)
  const frame = speech.echo(topic, event).send[0]!
  return (times) =>
    new Promise((resolve) => {
      let left = times
      transport.onWritten = () => {
        if (--left === 0) resolve()
        else connection.receive(frame)
      }
      connection.receive(frame)
    })
}

type Parsed = [joinRef: string, ref: string, topic: string, event: string, payload: unknown]

const bare = (): Run => {
  const frame = speech.echo(topic, "echo").send[0]!
  const transport = new Counting()
  return (times) => {
    const before = transport.written
    for (let i = 0; i < times; i++) {
      const [joinRef, ref, topic, , response] = JSON.parse(frame) as Parsed
      const text = JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response }])
      if (transport.prepare(text).length > 0) transport.write()
    }
    expectWritten(transport.written - before, times)
  }
}

const members = 1000

const delivering = async (): Promise<Run> => {
  const own = await hub(plain)
  const all = await Promise.all(Array.from({ length: members }, () => joined(own)))
  const last = all.at(-1)!.transport
  return (times) => {
    const before = last.written
    const said = { topic, event: "said", payload: message }
    for (let i = 0; i < times; i++) Effect.runSync(own.broadcaster.publish(said))
    expectWritten(last.written - before, times)
  }
}

const runs: ReadonlyArray<readonly [name: string, run: Run]> = [
  ["parse and stringify alone", bare()],
  ["echo, any payload", await atOnce(plainHub, "any")],
  ["echo, Schema", await atOnce(plainHub, "echo")],
  ["echo, Schema, an incoming hook", await atOnce(incomingHub, "echo")],
  ["echo, Schema, an incoming and an outgoing hook", await atOnce(bothHub, "echo")],
  ["echo, Schema, Effect.gen", await atOnce(plainHub, "gen")],
  ["echo, Schema, awaits a promise", await waiting(plainHub, "wait")],
  ["broadcast to 1,000 members", await delivering()]
]

export const cases: ReadonlyArray<Case<never>> = runs.map(([name, run]) => ({ name, make: () => run }))
