/** A history of a room on three server processes over a real broker, with faults while messages are published. The checker decides. */
import { setTimeout as sleep } from "node:timers/promises"

import { faultsOf } from "../histories/Checker.ts"
import type { BrokerKind, RunningBroker } from "../nodes/contract/NodesContract.ts"
import { Asker, Member } from "./Clients.ts"
import { ServerProcess } from "./Servers.ts"

/** What a fault is given. */
export interface Scene {
  readonly broker: RunningBroker
  readonly servers: ReadonlyArray<ServerProcess>
  readonly members: ReadonlyArray<Member>
}

export interface HistoryOptions {
  /** How many are acknowledged. */
  readonly messages: number
  readonly members: number
  /** How many messages a second are published, over all nodes. */
  readonly rate: number
  /** What happens meanwhile, one after the other, and how many milliseconds pass before each. */
  readonly faults: ReadonlyArray<readonly [millis: number, happen: (scene: Scene) => Promise<void> | void]>
}

/** The outcome of a history. */
export interface Outcome {
  readonly faults: ReadonlyArray<string>
  readonly acknowledged: number
  readonly unknown: number
  readonly delivered: number
  readonly discontinuities: number
  readonly reconnects: number
  /** Of the calm end: what the servers' metrics say they sent, and what members got. */
  readonly counted: { readonly sent: number; readonly got: number }
  readonly seconds: number
}

const calmMessages = 100

const until = async (holds: () => boolean, seconds: number): Promise<boolean> => {
  for (let left = seconds * 20; left > 0; left--) {
    if (holds()) return true
    await sleep(50)
  }
  return holds()
}

/** Runs a history. */
export const realHistory = async (kind: BrokerKind, options: HistoryOptions): Promise<Outcome> => {
  const began = Date.now()
  const broker = await kind.start()
  const name = kind.name.toLowerCase()
  const servers = await Promise.all([1, 2, 3].map(() => ServerProcess.start(name, broker.port)))
  let next = 0
  const anyPort = () => servers[next++ % servers.length]!.port
  const members = Array.from({ length: options.members }, () => new Member(anyPort))
  const askers = servers.map(() => new Asker(anyPort))
  try {
    await until(() => members.every(({ isJoined }) => isJoined), 30)
    const positions = new Map<number, string>()
    const attempted = new Set<number>()
    const publish = async (asker: Asker, n: number): Promise<void> => {
      attempted.add(n)
      const position = await asker.ask("publish", n)
      if (typeof position === "string") positions.set(n, position)
    }
    let n = 0
    const start = Date.now()
    const publishing = (async () => {
      const waiting = new Set<Promise<void>>()
      while (positions.size < options.messages) {
        const due = Math.ceil(((Date.now() - start) / 1000) * options.rate)
        for (; n < due && waiting.size < 300 && positions.size + waiting.size < options.messages; n++) {
          const published = publish(askers[n % askers.length]!, n).finally(() => waiting.delete(published))
          waiting.add(published)
        }
        await sleep(5)
      }
      await Promise.all(waiting)
    })()
    for (const [millis, happen] of options.faults) {
      await sleep(millis)
      await happen({ broker, servers, members })
    }
    await publishing
    // The faults are over: all come back, and one more message reaches everybody.
    const settle = async (): Promise<string> => {
      for (let tries = 200; tries > 0; tries--) {
        await publish(askers[0]!, ++n)
        const top = positions.get(n)
        if (top !== undefined && (await until(() => members.every(({ position }) => position === top), 2))) return top
      }
      throw new Error("members do not come to the top")
    }
    await settle()
    const total = async () => (await Promise.all(servers.map((server) => server.sent()))).reduce((a, b) => a + b, 0)
    const sumOf = (all: ReadonlyArray<{ readonly delivered: number }>) =>
      all.reduce((sum, { delivered }) => sum + delivered, 0)
    const got = () => sumOf(members)
    // The askers are members too.
    const everybody = [...members, ...askers]
    for (const asker of askers) {
      do attempted.add(++n)
      while (typeof (await asker.ask("publish", n)) !== "string")
    }
    await settle()
    await sleep(200)
    const [sentBefore, gotBefore] = [await total(), sumOf(everybody)]
    for (let calm = 0; calm < calmMessages; calm++) await publish(askers[calm % askers.length]!, ++n)
    const top = positions.get(n)!
    const expected = everybody.length * calmMessages
    await until(() => members.every(({ position }) => position === top) && sumOf(everybody) - gotBefore >= expected, 20)
    const counted = { sent: (await total()) - sentBefore, got: sumOf(everybody) - gotBefore }

    const acknowledged = Array.from(positions, ([value, position]) => ({ value, position }))
    // A publish whose outcome is unknown was published if somebody got it.
    const known = new Map(acknowledged.map(({ position, value }) => [position, value]))
    for (const { seen } of members) {
      for (const event of seen) {
        if (event._tag === "Delivered" && !known.has(event.position) && attempted.has(event.value)) {
          known.set(event.position, event.value)
        }
      }
    }
    return {
      faults: faultsOf({
        published: Array.from(known, ([position, value]) => ({ value, position })),
        clients: members.map(({ seen }) => seen),
        live: members.map(({ isJoined }) => isJoined),
        acknowledged,
        top
      }),
      acknowledged: acknowledged.length,
      unknown: attempted.size - acknowledged.length,
      delivered: got(),
      discontinuities: members.reduce((sum, { seen }) => sum + seen.filter(({ _tag }) => _tag === "Gap").length, 0),
      reconnects: members.reduce((sum, { seen }) => sum + seen.filter(({ _tag }) => _tag === "Lost").length, 0),
      counted,
      seconds: (Date.now() - began) / 1000
    }
  } finally {
    for (const member of members) member.stop()
    for (const asker of askers) asker.stop()
    for (const server of servers) await server.stop()
    await broker.kill()
  }
}

/** Cuts the connections of a node to its broker. */
export const cut =
  (node: number) =>
  ({ servers }: Scene): void =>
    servers[node]!.proxy.cut()

/** Stops a broker where it is for some time. */
export const pauseBroker =
  (millis: number) =>
  async ({ broker }: Scene): Promise<void> => {
    broker.signal("SIGSTOP")
    await sleep(millis)
    broker.signal("SIGCONT")
  }

/** Kills the broker, and starts it again. */
export const restartBroker = async ({ broker }: Scene): Promise<void> => {
  await broker.kill()
  await sleep(300)
  await broker.restart()
}

/** Kills a node, and starts it again. */
export const killNode =
  (node: number) =>
  async ({ servers }: Scene): Promise<void> => {
    await servers[node]!.kill()
    await sleep(300)
    await servers[node]!.start()
  }

/** Stops a node where it is for some time. */
export const pauseNode =
  (node: number, millis: number) =>
  async ({ servers }: Scene): Promise<void> => {
    servers[node]!.signal("SIGSTOP")
    await sleep(millis)
    servers[node]!.signal("SIGCONT")
  }

/** Ends the connections of some members in the middle of a frame. */
export const loseMembers =
  (every: number) =>
  ({ members }: Scene): void => {
    for (const [index, member] of members.entries()) if (index % every === 0) member.lose()
  }
