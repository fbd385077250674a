/** Presence over Redis in storms, and when a node is killed or paused, with the leases that are the default. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { ChannelApi, ChannelServer, Presence } from "fairlead/channel"
import { RedisBroadcaster } from "fairlead/channel/redis"
import { TestChannel } from "fairlead/testing/channel"
import { afterAll, beforeAll } from "vitest"

import { until } from "./Nodes.ts"
import { missing, Redis } from "./Redis.ts"

class Storm extends ChannelApi.make("storm", { presence: { meta: Schema.Struct({}) } }) {}

const nodeAt = (url: string, options: RedisBroadcaster.LayerOptions = {}) =>
  TestChannel.make(
    ChannelServer.make("storm").mount(Storm),
    Layer.merge(Storm.layer({ join: () => Effect.void, on: {} }), RedisBroadcaster.layer({ url, ...options }))
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
  return { state, read }
}

const entryOf = (id: string) => ({ id, key: id, ref: id, previousRef: undefined, meta: {} })

const program = fileURLToPath(new URL("../../../node_modules/.bin/node", import.meta.url))
const source = ["--conditions=fairlead:source", fileURLToPath(new URL("StormNode.ts", import.meta.url))]

/** Signals the process group: the program may be started by another. */
const signal = ({ pid }: ReturnType<typeof spawn>, name: NodeJS.Signals): void => {
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // It has ended.
  }
}

/** A node in a process of its own, with its members present. */
const child = (url: string, count: number) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof spawn>>((resume) => {
      const started = spawn(program, [...source, url, String(count)], {
        detached: true,
        stdio: ["ignore", "pipe", "inherit"]
      })
      started.stdout.once("data", () => resume(Effect.succeed(started)))
    }),
    (started) => Effect.sync(() => signal(started, "SIGKILL"))
  )

describe.skipIf(missing)("presence in storms", () => {
  let redis: Redis
  beforeAll(async () => {
    redis = await Redis.start()
  })
  afterAll(() => redis.kill())

  it.live(
    "nodes 3.5: 10,000 joins are at most 20 diffs a second for each member, and 500 leaves at once are cheap",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = [yield* nodeAt(redis.url), yield* nodeAt(redis.url)]
          const members = yield* Effect.forEach([a, b, b], (node) =>
            Effect.tap(node.connect(), (client) => client.join("storm"))
          )
          const views = members.map(watched)
          const ids = Array.from({ length: 10_000 }, (_, n) => `m${n}`)
          const engine = yield* a.run(Presence.Presence)
          const began = performance.now()
          yield* Effect.forEach(ids, (id) => engine.put("storm", entryOf(id)), { concurrency: 100, discard: true })
          yield* until(() => views.every(({ read }) => read() === 10_000))
          const seconds = (performance.now() - began) / 1000
          for (const { state } of views) assert.isAtMost(state.diffs, 20 * seconds + 2)
          const joined = views.map(({ state }) => state.diffs)

          const [cpu, memory] = [process.cpuUsage(), process.memoryUsage.rss()]
          const left = performance.now()
          yield* Effect.forEach(ids.slice(0, 500), (id) => engine.remove("storm", [id]), {
            concurrency: "unbounded",
            discard: true
          })
          yield* until(() => views.every(({ read }) => read() === 9_500))
          const { system, user } = process.cpuUsage(cpu)
          const growth = (process.memoryUsage.rss() - memory) / 1024 / 1024
          const [cpuSeconds, wall] = [(system + user) / 1e6, (performance.now() - left) / 1000]
          console.log(
            `10,000 joins: ${seconds.toFixed(1)} s, ${joined.join(" ")} diffs; 500 leaves: ${wall.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s, RSS + ${growth.toFixed(0)} MB`
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
        const node = yield* nodeAt(redis.url)
        const client = yield* node.connect()
        yield* client.join("storm")
        const view = watched(client)
        const killed = yield* child(redis.url, 200)
        yield* until(
          () => view.read() === 200,
          () => [view.read(), 200]
        )
        signal(killed, "SIGKILL")
        const began = performance.now()
        yield* until(
          () => view.read() === 0,
          () => [view.read(), 0]
        )
        const seconds = (performance.now() - began) / 1000
        console.log(`a killed node: its members were gone after ${seconds.toFixed(1)} s`)
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
          const node = yield* nodeAt(redis.url)
          const client = yield* node.connect()
          yield* client.join("storm")
          const view = watched(client)
          const paused = yield* child(redis.url, 50)
          yield* until(
            () => view.read() === 50,
            () => [view.read(), 50]
          )
          signal(paused, "SIGSTOP")
          yield* until(
            () => view.read() === 0,
            () => [view.read(), 0]
          )
          const before = view.state.diffs
          signal(paused, "SIGCONT")
          yield* until(
            () => view.read() === 50,
            () => [view.read(), 50]
          )
          const { present } = yield* node.run(Storm.presence({}))
          assert.deepStrictEqual([present.length, present.every(({ metas }) => metas.length === 1)], [50, true])
          assert.isAtMost(view.state.diffs - before, 20)
          signal(paused, "SIGKILL")
          yield* until(
            () => view.read() === 0,
            () => [view.read(), 0]
          )
        })
      )
  )

  it.live("nodes 3.5: after the engine was away for many leases, nodes agree within 5 seconds of its return", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = yield* Effect.acquireRelease(
          Effect.promise(() => Redis.start()),
          (redis) => Effect.promise(() => redis.kill())
        )
        // A tenth of the defaults: it is away for six leases, as for 60 seconds.
        const options = { lease: "1 second", heartbeat: "300 millis" } as const
        const nodes = [yield* nodeAt(other.url, options), yield* nodeAt(other.url, options)]
        const clients = yield* Effect.forEach(nodes, (node) =>
          Effect.tap(node.connect(), (client) => client.join("storm"))
        )
        const views = clients.map(watched)
        const engines = yield* Effect.forEach(nodes, (node) => node.run(Presence.Presence))
        const ids = Array.from({ length: 500 }, (_, n) => `m${n}`)
        yield* Effect.forEach(ids, (id, n) => engines[n % 2]!.put("storm", entryOf(id)), { concurrency: 10 })
        yield* until(() => views.every(({ read }) => read() === 500))
        yield* Effect.promise(() => other.kill())
        yield* Effect.sleep("6 seconds")
        // They leave while nobody can be notified.
        for (const [n, engine] of engines.entries()) yield* engine.remove("storm", [`m${n}`])
        yield* Effect.promise(() => other.restart())
        const began = performance.now()
        yield* until(() => views.every(({ read }) => read() === 498))
        const lists = yield* Effect.forEach(nodes, (node) => node.run(Storm.presence({})))
        const seconds = (performance.now() - began) / 1000
        console.log(`the engine came back: nodes agreed after ${seconds.toFixed(1)} s`)
        assert.deepStrictEqual(
          lists.map(({ present }) => present.length),
          [498, 498]
        )
        assert.isBelow(seconds, 5)
      })
    )
  )
})
