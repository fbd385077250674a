/** A history of a room on three server processes over a real broker, with faults while messages are published. The checker decides. */
import { setTimeout as sleep } from "node:timers/promises"

import { Checker, ClientChecker } from "../histories/Checker.ts"
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
  /** How many are acknowledged at least. */
  readonly messages: number
  /** How many messages members get at least, all together. Default: 0. */
  readonly deliveries?: number
  readonly members: number
  /** How many messages a second are published, over all nodes. */
  readonly rate: number
  /** What happens meanwhile, one after the other, and how many milliseconds pass before each. */
  readonly faults: ReadonlyArray<Step>
  /** Whether the faults begin again for as long as messages are published. Default: false. */
  readonly repeats?: boolean
  /** Called every 10 seconds with the number of acknowledged messages. */
  readonly onProgress?: (acknowledged: number) => void
}

/** Something that happens to a scene. */
export type Happening = (scene: Scene) => Promise<void> | void

/** How many milliseconds pass before something happens. */
export type Step = readonly [millis: number, happen: Happening]

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
/** How many publishes of an asker wait for their answers. */
const maxWaiting = 100

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
  // The numbers below have been attempted.
  let n = 0
  const checker = new Checker((value) => Number.isInteger(value) && value >= 0 && value < n)
  const clients = Array.from({ length: options.members }, (_, index) => new ClientChecker(checker, index))
  const members = clients.map((client) => new Member(anyPort, (seen) => client.see(seen)))
  const askers = servers.map(() => new Asker(anyPort))
  const sumOf = (all: ReadonlyArray<{ readonly delivered: number }>) =>
    all.reduce((sum, { delivered }) => sum + delivered, 0)
  let acknowledged = 0
  /** Publishes the next number. Returns its position, or nothing where the outcome is unknown. */
  const publish = async (asker: Asker): Promise<string | undefined> => {
    const value = n++
    const position = await asker.ask("publish", value)
    if (typeof position !== "string") return undefined
    acknowledged++
    checker.acknowledged(value, position)
    return position
  }
  const progress = setInterval(() => options.onProgress?.(acknowledged), 10_000)
  try {
    await until(() => members.every(({ isJoined }) => isJoined), 30)
    const start = Date.now()
    const state = { isPublishing: true }
    const publishing = (async () => {
      // Each asker has its own window, so that one whose node stands still does not hold up the others.
      const windows = askers.map((asker) => ({ asker, waiting: new Set<Promise<unknown>>() }))
      const waiting = () => windows.reduce((sum, window) => sum + window.waiting.size, 0)
      // How many more messages are to be acknowledged.
      const missing = () =>
        Math.max(
          options.messages - acknowledged,
          Math.ceil(((options.deliveries ?? 0) - sumOf(members)) / members.length)
        )
      while (missing() > 0) {
        const due = Math.ceil(((Date.now() - start) / 1000) * options.rate)
        let left = Math.min(due - n, missing() - waiting())
        for (const window of windows) {
          for (; left > 0 && window.waiting.size < maxWaiting; left--) {
            const published = publish(window.asker).finally(() => window.waiting.delete(published))
            window.waiting.add(published)
          }
        }
        windows.push(windows.shift()!)
        await sleep(5)
      }
      await Promise.all(windows.flatMap((window) => [...window.waiting]))
      state.isPublishing = false
    })()
    do {
      for (const step of options.faults) await inTurn(step)({ broker, servers, members })
    } while (options.repeats === true && state.isPublishing)
    await publishing
    // The faults are over: all come back, and one more message reaches everybody.
    const settle = async (): Promise<void> => {
      for (let tries = 200; tries > 0; tries--) {
        const top = await publish(askers[0]!)
        if (top !== undefined && (await until(() => members.every(({ position }) => position === top), 2))) return
      }
      throw new Error("members do not come to the top")
    }
    await settle()
    const total = async () => (await Promise.all(servers.map((server) => server.sent()))).reduce((a, b) => a + b, 0)
    // The askers are members too.
    const everybody = [...members, ...askers]
    for (const asker of askers) while ((await publish(asker)) === undefined);
    await settle()
    await sleep(200)
    const [sentBefore, gotBefore] = [await total(), sumOf(everybody)]
    let top: string | undefined
    for (let calm = 0; calm < calmMessages; calm++) top = await publish(askers[calm % askers.length]!)
    const expected = everybody.length * calmMessages
    await until(() => members.every(({ position }) => position === top) && sumOf(everybody) - gotBefore >= expected, 20)
    const counted = { sent: (await total()) - sentBefore, got: sumOf(everybody) - gotBefore }
    for (const [index, client] of clients.entries()) if (members[index]!.isJoined) client.end(top)
    return {
      faults: checker.faults,
      acknowledged,
      unknown: n - acknowledged,
      delivered: sumOf(members),
      discontinuities: members.reduce((sum, { discontinuities }) => sum + discontinuities, 0),
      reconnects: members.reduce((sum, { losses }) => sum + losses, 0),
      counted,
      seconds: (Date.now() - began) / 1000
    }
  } finally {
    clearInterval(progress)
    for (const member of members) member.stop()
    for (const asker of askers) asker.stop()
    for (const server of servers) await server.stop()
    await broker.kill()
  }
}

const inTurn =
  (...steps: ReadonlyArray<Step>): Happening =>
  async (scene) => {
    for (const [millis, happen] of steps) {
      await sleep(millis)
      await happen(scene)
    }
  }

/** Happens while some steps happen one after the other. */
export const during =
  (happen: Happening, ...steps: ReadonlyArray<Step>): Happening =>
  async (scene) => {
    await Promise.all([happen(scene), inTurn(...steps)(scene)])
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
