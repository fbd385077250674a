/**
 * Lets 10,000 sockets come and go, and prints what they leave behind: run in a process of its own, with `--expose-gc`.
 */
import { setTimeout as sleep } from "node:timers/promises"

import { Effect, Exit, Scope } from "effect"

import * as Raw from "./Raw.ts"
import { serving } from "./Served.ts"
import type { Served } from "./Served.ts"

const { gc } = globalThis
if (gc === undefined) throw new Error("run with --expose-gc")

const [waves, size] = [10, 1000]

/** How each of them goes: by turns. */
const ends: ReadonlyArray<readonly [what: string, go: (raw: Raw.Raw, topic: string) => void]> = [
  ["leaves", (raw, topic) => raw.send(Raw.push(topic, "phx_leave"), Raw.frame(8, Buffer.from([3, 232])))],
  ["says goodbye", (raw) => raw.send(Raw.frame(8, Buffer.from([3, 232])))],
  ["ends", (raw) => raw.socket.end()],
  ["is cut", (raw) => raw.socket.resetAndDestroy()],
  [
    "crashes and is cut",
    (raw, topic) => raw.send(Raw.push(topic, "crash"), Raw.push(topic, "echo"), Raw.frame(3, "x"))
  ],
  [
    "is cut in a handler",
    (raw, topic) => raw.send(Raw.push(topic, "stuck"), Raw.push(topic, "echo"), Raw.frame(1, "x"))
  ],
  ["is cut in a join", (raw) => raw.send(Raw.join("room:late", { stuck: true }), Raw.frame(4, ""))],
  ["ends in a broadcast", (raw, topic) => (raw.send(Raw.push(topic, "shout", "bye")), raw.socket.end())]
]

const wave = (port: number, number: number) =>
  Effect.forEach(
    Array.from({ length: size }, (_, index) => index),
    (index) =>
      Effect.gen(function* () {
        const topic = `room:${number}:${index % 50}`
        const raw = yield* Raw.joined(port, topic)
        return { raw, topic, go: ends[index % ends.length]![1] }
      }),
    { concurrency: 200 }
  ).pipe(
    Effect.tap((all) => {
      for (const { go, raw, topic } of all) go(raw, topic)
      return Effect.forEach(all, ({ raw }) => raw.ended, { concurrency: "unbounded" })
    }),
    Effect.scoped
  )

const figures = async ({ counts, held, hub, lanes }: Served) => {
  const { fibers, handlers, members, sockets, topics } = counts
  const open = await Effect.runPromise(held)
  const resources = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length
  const left = { connections: hub.sockets.size, lanes: lanes(), topics: topics.size }
  return { ...left, open, resources, fibers, handlers, members, sockets }
}

/** Waits until nothing goes on any more, and collects what is garbage. */
const untilIdle = async (served: Served) => {
  let before = ""
  for (;;) {
    for (let round = 0; round < 4; round++) {
      gc()
      await sleep(20)
    }
    const now = await figures(served)
    const text = JSON.stringify(now)
    if (text === before) return { ...now, heap: process.memoryUsage().heapUsed + process.memoryUsage().external }
    before = text
  }
}

const scope = Scope.makeUnsafe()
const served = await Effect.runPromise(Scope.provide(serving({ maxChannels: 5 }), scope))
// What is made once is made before.
for (let number = 0; number < 2; number++) await Effect.runPromise(wave(served.port, number))
const before = await untilIdle(served)
const peak = { connections: 0, members: 0, topics: 0 }
const watch = setInterval(() => {
  peak.connections = Math.max(peak.connections, served.hub.sockets.size)
  peak.members = Math.max(peak.members, served.counts.members)
  peak.topics = Math.max(peak.topics, served.counts.topics.size)
}, 5)
const begun = served.counts.begun
for (let number = 0; number < waves; number++) await Effect.runPromise(wave(served.port, number))
clearInterval(watch)
const after = await untilIdle(served)
await Effect.runPromise(served.stop)
await Effect.runPromise(Scope.close(scope, Exit.void))
await sleep(20)
const left = process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap" && name !== "TTYWrap")
console.log(
  JSON.stringify({
    sockets: waves * size,
    stuck: served.counts.begun - begun,
    kinds: ends.map(([what]) => what),
    peak,
    before,
    after,
    left
  })
)
