/** What presence promises over any broker in storms, and when a node is killed or paused, with the leases that are the default. */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { ChannelApi, ChannelServer, Presence } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"
import { afterAll, beforeAll } from "vitest"

import { until } from "../Chat.ts"
import { ownBroker } from "./NodesContract.ts"
import type { BrokerKind, EngineOptions, RunningBroker } from "./NodesContract.ts"

class Storm extends ChannelApi.make("storm", { presence: { meta: Schema.Struct({}) } }) {}

const nodeAt = (kind: BrokerKind, port: number, options: EngineOptions = {}) =>
  TestChannel.make(
    ChannelServer.make("storm").mount(Storm),
    Layer.merge(Storm.layer({ join: () => Effect.void, on: {} }), kind.engine(port, options))
  )

type Keys = Readonly<Record<string, unknown>>
interface Diff {
  readonly joins: Keys
  readonly leaves: Keys
}

/** Counts who is present for a client, and its diffs. */
const watched = (client: TestChannel.TestSocket) => {
  const present = new Set<string>()
  const state = { taken: 0, diffs: 0, largest: 0 }
  const read = () => {
    for (; state.taken < client.received.length; state.taken++) {
      const { event, payload } = client.received[state.taken]!
      if (event === "presence_state") for (const key of Object.keys(payload as unknown as Keys)) present.add(key)
      if (event !== "presence_diff") continue
      const { joins, leaves } = payload as unknown as Diff
      state.diffs++
      for (const key of Object.keys(joins)) present.add(key)
      for (const key of Object.keys(leaves)) present.delete(key)
      state.largest = Math.max(state.largest, Object.keys(leaves).length)
    }
    return present.size
  }
  /** Succeeds when so many are present. */
  const reaches = (count: number) =>
    until(
      () => read() === count,
      () => [read(), count]
    )
  return { state, read, reaches, heartbeat: client.heartbeat }
}

/** A node with a client that watches the topic. */
const watchedNode = (kind: BrokerKind, port: number, options?: EngineOptions) =>
  Effect.gen(function* () {
    const node = yield* nodeAt(kind, port, options)
    const client = yield* node.connect()
    yield* client.join("storm")
    return { node, view: watched(client) }
  })

const entryOf = (id: string) => ({ id, key: id, ref: id, previousRef: undefined, meta: {} })

const program = fileURLToPath(new URL("../../../../node_modules/.bin/node", import.meta.url))
const source = ["--conditions=fairlead:source", fileURLToPath(new URL("../StormNode.ts", import.meta.url))]

/** Signals the process group: the program may be started by another. */
const signal = ({ pid }: ChildProcess, name: NodeJS.Signals): void => {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // It has ended.
  }
}

/** A node in a process of its own, with its members present. */
const child = (kind: BrokerKind, port: number, count: number) =>
  Effect.acquireRelease(
    Effect.callback<ChildProcess>((resume) => {
      const args = [...source, kind.name.toLowerCase(), String(port), String(count)]
      const started = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "inherit"] })
      started.stdout.once("data", () => resume(Effect.succeed(started)))
    }),
    (started) => Effect.sync(() => signal(started, "SIGKILL"))
  )

/** A watched node, and another in a process of its own whose members it sees. */
const watchedPair = (kind: BrokerKind, port: number, count: number) =>
  Effect.gen(function* () {
    const { node, view } = yield* watchedNode(kind, port)
    const other = yield* child(kind, port, count)
    yield* view.reaches(count)
    return { node, view, other }
  })

/** Takes the broker away for some time. Succeeds with the seconds until two nodes agreed after its return. */
export const secondsAfterAbsence = (kind: BrokerKind, awayMillis: number, options: EngineOptions) =>
  Effect.scoped(
    Effect.gen(function* () {
      const broker = yield* ownBroker(kind)
      const nodes = [
        yield* watchedNode(kind, broker.port, options),
        yield* watchedNode(kind, broker.port, options)
      ] as const
      const engines = yield* Effect.forEach(nodes, ({ node }) => node.run(Presence.Presence))
      const ids = Array.from({ length: 500 }, (_, n) => `m${n}`)
      yield* Effect.forEach(ids, (id, n) => engines[n % 2]!.put("storm", entryOf(id)), { concurrency: 10 })
      for (const { view } of nodes) yield* view.reaches(500)
      yield* Effect.promise(() => broker.kill())
      // A client that is silent for a minute is closed.
      const heartbeats = Effect.forEach(nodes, ({ view }) => view.heartbeat)
      const living = yield* Effect.forkScoped(Effect.forever(Effect.delay(heartbeats, "20 seconds")))
      yield* Effect.sleep(awayMillis)
      // They leave while nobody can be notified.
      for (const [n, engine] of engines.entries()) yield* engine.remove("storm", [`m${n}`])
      yield* Effect.promise(() => broker.restart())
      const began = performance.now()
      for (const { view } of nodes) yield* view.reaches(498)
      const lists = yield* Effect.forEach(nodes, ({ node }) => node.run(Storm.presence({})))
      const seconds = (performance.now() - began) / 1000
      yield* Fiber.interrupt(living)
      console.log(`${kind.name} came back after ${awayMillis / 1000} s: nodes agreed after ${seconds.toFixed(1)} s`)
      assert.deepStrictEqual(
        lists.map(({ present }) => present.length),
        [498, 498]
      )
      return seconds
    })
  )

/** The tests of a kind of broker. */
export const stormContract = (kind: BrokerKind): void => {
  describe.skipIf(kind.missing)(`presence in storms over ${kind.name}`, () => {
    let broker: RunningBroker
    beforeAll(async () => {
      broker = await kind.start()
    })
    afterAll(() => broker.kill())

    it.live(
      "nodes 3.5: 10,000 joins are at most 20 diffs a second for each member, and 500 leaves at once are cheap",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const [a, b] = [yield* nodeAt(kind, broker.port), yield* nodeAt(kind, broker.port)]
            const members = yield* Effect.forEach([a, b, b], (node) =>
              Effect.tap(node.connect(), (client) => client.join("storm"))
            )
            const views = members.map(watched)
            const ids = Array.from({ length: 10_000 }, (_, n) => `m${n}`)
            const engine = yield* a.run(Presence.Presence)
            const began = performance.now()
            yield* Effect.forEach(ids, (id) => engine.put("storm", entryOf(id)), { concurrency: 100, discard: true })
            for (const view of views) yield* view.reaches(10_000)
            const seconds = (performance.now() - began) / 1000
            for (const { state } of views) assert.isAtMost(state.diffs, 20 * seconds + 2)
            const joined = views.map(({ state }) => state.diffs)

            const [cpu, memory] = [process.cpuUsage(), process.memoryUsage.rss()]
            const left = performance.now()
            yield* Effect.forEach(ids.slice(0, 500), (id) => engine.remove("storm", [id]), {
              concurrency: "unbounded",
              discard: true
            })
            for (const view of views) yield* view.reaches(9_500)
            const { system, user } = process.cpuUsage(cpu)
            const growth = (process.memoryUsage.rss() - memory) / 1024 / 1024
            const [cpuSeconds, wall] = [(system + user) / 1e6, (performance.now() - left) / 1000]
            console.log(
              `${kind.name}, 10,000 joins: ${seconds.toFixed(1)} s, ${joined.join(" ")} diffs; 500 leaves: ${wall.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s, RSS + ${growth.toFixed(0)} MB`
            )
            assert.isBelow(cpuSeconds, 5)
            assert.isBelow(growth, 100)
            yield* engine.remove("storm", ids)
          })
        )
    )

    it.live("nodes 3.5: the members of a killed node are gone after 15 seconds, in one diff", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const { other, view } = yield* watchedPair(kind, broker.port, 200)
          signal(other, "SIGKILL")
          const began = performance.now()
          yield* view.reaches(0)
          const seconds = (performance.now() - began) / 1000
          console.log(`${kind.name}, a killed node: its members were gone after ${seconds.toFixed(1)} s`)
          assert.isBelow(seconds, 15)
          assert.strictEqual(view.state.largest, 200)
        })
      )
    )

    it.live(
      "nodes 3.5: a node that is paused for longer than its lease resurrects nobody, and its members come back once",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const { node, other, view } = yield* watchedPair(kind, broker.port, 50)
            signal(other, "SIGSTOP")
            yield* view.reaches(0)
            const before = view.state.diffs
            signal(other, "SIGCONT")
            yield* view.reaches(50)
            const { present } = yield* node.run(Storm.presence({}))
            assert.deepStrictEqual([present.length, present.every(({ metas }) => metas.length === 1)], [50, true])
            assert.isAtMost(view.state.diffs - before, 20)
            signal(other, "SIGKILL")
            yield* view.reaches(0)
          })
        )
    )

    it.live("nodes 3.5: after the engine was away for many leases, nodes agree within 5 seconds of its return", () =>
      Effect.gen(function* () {
        // A tenth of the defaults: it is away for six leases, as for 60 seconds.
        const options = { lease: "1000 millis", heartbeat: "300 millis" } as const
        assert.isBelow(yield* secondsAfterAbsence(kind, 6000, options), 5)
      })
    )
  })
}
