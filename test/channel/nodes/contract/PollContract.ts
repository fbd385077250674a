/** What nodes promise over any broker to the clients that poll through a load balancer without stickiness. */
import { LongPoll, Presence, Socket } from "phoenix"
import type { Channel } from "phoenix"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { outcome } from "../../PhoenixPush.ts"
import { RoundRobin } from "../../real/RoundRobin.ts"
import { ServerProcess } from "../../real/Servers.ts"
import type { BrokerKind, RunningBroker } from "./NodesContract.ts"

/** The numbers from one: phoenix.js sends `{}` for 0. */
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

/** Waits until a condition holds. */
const until = async (holds: () => boolean, what: () => unknown): Promise<void> => {
  for (let left = 3000; !holds(); left--) {
    if (left === 0) throw new Error(JSON.stringify(what()))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The tests of a kind of broker. */
export const pollContract = (kind: BrokerKind): unknown =>
  describe.skipIf(kind.missing)(`long-poll over ${kind.name}`, () => {
    let broker: RunningBroker
    let nodes: ReadonlyArray<ServerProcess> = []
    let balancer: RoundRobin
    const sockets: Array<Socket> = []

    beforeAll(async () => {
      broker = await kind.start()
      const start = () => ServerProcess.start(kind.name.toLowerCase(), broker.port, "PollProgram.ts")
      nodes = await Promise.all([start(), start()])
      balancer = await RoundRobin.start(() => nodes.map(({ port }) => port))
    })
    afterAll(async () => {
      for (const socket of sockets) socket.disconnect()
      balancer?.stop()
      for (const node of nodes) await node.stop()
      await broker?.kill()
    })

    const enter = async (name: string, room = "room:1") => {
      const transport = LongPoll as unknown as new (url: string) => object
      const soon = () => 50
      const socket = new Socket(`ws://127.0.0.1:${balancer.port}/socket`, {
        transport,
        reconnectAfterMs: soon,
        rejoinAfterMs: soon
      })
      sockets.push(socket)
      let sessions = 0
      socket.onOpen(() => void sessions++)
      socket.connect()
      const channel = socket.channel(room, { name })
      const heard: Array<number> = []
      channel.on("said", (n: number) => void heard.push(n))
      const presence = new Presence(channel)
      let joins = 0
      channel.on("presence_state", () => void joins++)
      assert.strictEqual((await outcome(channel.join()))[0], "ok")
      const present = () => presence.list((key: string) => key).toSorted()
      return { socket, channel, heard, present, sessions: () => sessions, joins: () => joins }
    }

    const pidOf = async (channel: Channel): Promise<number> => {
      for (;;) {
        const [status, pid] = await outcome(channel.push("node", {}, 2000))
        if (status === "ok") return pid as number
      }
    }

    it("nodes 1: clients that poll through any node join, push, and get every broadcast once and in order", async () => {
      const [ann, ben, carl] = [await enter("ann"), await enter("ben"), await enter("carl")]
      for (const n of numbers(200)) {
        void ann.channel.push("say", n as never)
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await until(
        () => [ann, ben, carl].every(({ heard }) => heard.length >= 200),
        () => [ann.heard.length, ben.heard.length, carl.heard.length]
      )
      for (const { heard } of [ann, ben, carl]) assert.deepStrictEqual(heard, numbers(200))
      await until(
        () => [ann, ben, carl].every(({ present }) => present().length === 3),
        () => ann.present()
      )
      assert.deepStrictEqual(ben.present(), ["ann", "ben", "carl"])
      // Each kept its first session, and both nodes were asked.
      assert.deepStrictEqual([ann.sessions(), ben.sessions(), carl.sessions()], [1, 1, 1])
      for (const { port } of nodes) assert.isAbove(balancer.served.get(port) ?? 0, 5)
    })

    it("nodes 1: messages larger than the broker takes go through any node", async () => {
      const ann = await enter("ann", "room:large")
      const text = `é"x`.repeat(200_000)
      // Both its message and its polls go over the broker for one node of the two.
      for (const _ of numbers(2)) {
        assert.deepStrictEqual(await outcome(ann.channel.push("echo", text as never, 60_000)), ["ok", text])
      }
      assert.strictEqual(ann.sessions(), 1)
    })

    it("nodes 1: when the node of a session is killed, its client joins again by itself on another", async () => {
      const clients = [await enter("ann", "room:killed"), await enter("ben", "room:killed")]
      const pids = await Promise.all(clients.map(({ channel }) => pidOf(channel)))
      const victim = nodes.find(({ pid }) => pid === pids[0])!
      await victim.kill()
      for (const { channel } of clients) {
        const survivor = await pidOf(channel)
        assert.notStrictEqual(survivor, pids[0])
      }
      clients[0]!.channel.push("say", 1 as never)
      await until(
        () => clients[1]!.heard.includes(1),
        () => clients.map(({ heard }) => heard)
      )
      assert.isAtLeast(clients[0]!.joins(), 2)
      await victim.start()
    })
  })
