/** Slots that move and masters that fail, which a Redis Cluster has beyond the contract of all brokers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { InvalidOption } from "fairlead"
import { Broadcaster } from "fairlead/channel"
import { RedisBroadcaster } from "fairlead/channel/redis"
import { afterAll, beforeAll } from "vitest"

import { enter, got, nodeOver, Room, until } from "../../nodes/Chat.ts"
import type { Node } from "../../nodes/Chat.ts"
import { present, sees } from "../../nodes/contract/PresenceContract.ts"
import { missing, RedisCluster, slotOfTopic, topicWhere } from "./RedisCluster.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

const idOf = (topic: string): string => topic.slice("room:".length)

/** Publishes, again while the broadcaster is unavailable; the position. */
const publish = (node: Node, topic: string, value: unknown) =>
  Effect.gen(function* () {
    for (let left = 400; left > 0; left--) {
      const exit = yield* Effect.exit(node.run(Room.publish({ id: idOf(topic) }, "said", value as never)))
      if (Exit.isSuccess(exit)) return exit.value!
      yield* Effect.sleep(50)
    }
    return yield* Effect.die(new Error("The cluster did not come back"))
  })

describe.skipIf(missing)("nodes over a Redis Cluster with replicas", () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await RedisCluster.start(3, 1)
  })
  afterAll(() => cluster.stop())

  const quick = { heartbeat: "300 millis", lease: "3 seconds", commandTimeout: "2 seconds" } as const
  const node = (options: RedisBroadcaster.LayerOptions = quick) =>
    nodeOver(RedisBroadcaster.layer({ ...cluster.options, ...options }))

  const masterOf = (slot: number) => Effect.promise(() => cluster.masterOf(slot))
  const anotherMaster = (slot: number) =>
    Effect.promise(async () => {
      const from = await cluster.masterOf(slot)
      for (let other = 0; ; other += 500) {
        const port = await cluster.masterOf(other)
        if (port !== from) return port
      }
    })

  it.live("nodes 1: topics in the slots of all masters lose nothing between two nodes", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = [yield* node(), yield* node()]
        const topics = numbers(240).map((n) => `room:spread ${n}`)
        const masters = yield* Effect.forEach(topics, (topic) => masterOf(slotOfTopic(topic)), { concurrency: 8 })
        assert.strictEqual(new Set(masters).size, 3)
        const clients = yield* Effect.forEach(numbers(8), () => a.connect())
        const clientOf = (index: number) => clients[index % 8]!
        yield* Effect.forEach(topics, (topic, index) => clientOf(index).join(topic, { recover_from: null }), {
          concurrency: 20
        })
        yield* Effect.forEach(topics, (topic) => Effect.forEach(numbers(3), (n) => publish(b, topic, [topic, n])), {
          concurrency: 20,
          discard: true
        })
        const heard = () => clients.flatMap((client) => got(client)) as unknown as ReadonlyArray<[string, number]>
        yield* until(
          () => heard().length === 720,
          () => heard().length
        )
        for (const topic of topics) {
          const values = heard().filter(([of]) => of === topic)
          assert.deepStrictEqual(
            values.map(([, n]) => n),
            [0, 1, 2]
          )
        }
      })
    )
  )

  it.live("nodes 3.3: a moved slot takes its log with it: members get every event once, and no discontinuity", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = [yield* node(), yield* node()]
        const topic = topicWhere("room:moving ", () => true)
        const slot = slotOfTopic(topic)
        const fleeting = topicWhere("fleeting:moving ", (other) => other === slot)
        const ann = yield* enter(a, topic, { recover_from: null })
        const ben = yield* enter(b, topic, { recover_from: null })
        const eve = yield* enter(a, fleeting)
        const epochs = new Set<string>()
        let count = 0
        const say = Effect.suspend(() => publish(b, topic, count++)).pipe(
          Effect.map(({ epoch }) => void epochs.add(epoch))
        )
        yield* Effect.repeat(say, { times: 20 })
        const saying = yield* Effect.forkScoped(Effect.forever(Effect.andThen(say, Effect.sleep(5))))
        // There, and back while the nodes still remember the first way.
        for (const port of [yield* anotherMaster(slot), yield* masterOf(slot)]) {
          yield* Effect.promise(() => cluster.move(slot, port, () => new Promise((done) => setTimeout(done, 200))))
          yield* Effect.sleep(300)
        }
        yield* Fiber.interrupt(saying)
        yield* say
        const last = count - 1
        yield* until(
          () => got(ann).includes(last) && got(ben).includes(last),
          () => [got(ann).length, got(ben).length, count]
        )
        for (const client of [ann, ben]) {
          const values = got(client)
          assert.deepStrictEqual(values, [...new Set(values)])
          assert.includeMembers(values, numbers(20))
          assert.deepStrictEqual(got(client, "discontinuity"), [])
        }
        assert.deepStrictEqual(got(ann), got(ben))
        assert.strictEqual(epochs.size, 1)
        while (got(eve).length === 0) {
          yield* Effect.ignoreCause(b.run(Broadcaster.broadcast(fleeting, "said", "here")))
          yield* Effect.sleep(50)
        }
      })
    )
  )

  it.live("nodes 2: a moved slot takes its presence with it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = [yield* node(), yield* node()]
        const ann = yield* enter(a, "hall", { name: "ann" })
        const ben = yield* enter(b, "hall", { name: "ben" })
        yield* sees(ann, "ann home", "ben home")
        const slot = slotOfTopic("hall")
        const before = got(ann, "presence_diff").length
        const port = yield* anotherMaster(slot)
        yield* Effect.promise(() => cluster.move(slot, port))
        while ((yield* ben.push("hall", "update", "work")).response !== "ok") yield* Effect.sleep(50)
        yield* sees(ann, "ann home", "ben work")
        assert.deepStrictEqual(yield* present(a), ["ann home", "ben work"])
        // Nobody left but the old place of Ben.
        const diffs = got(ann, "presence_diff").slice(before) as unknown as ReadonlyArray<{ readonly leaves: object }>
        assert.deepStrictEqual([...new Set(diffs.flatMap(({ leaves }) => Object.keys(leaves)))], ["ben"])
        yield* ben.close(1006)
        yield* sees(ann, "ann home")
      })
    )
  )

  it.live("nodes 3.3: a killed master changes the epochs of its slots alone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = [yield* node(), yield* node()]
        const lost = topicWhere("room:lost ", () => true)
        const port = yield* masterOf(slotOfTopic(lost))
        const spared = yield* Effect.gen(function* () {
          for (let n = 0; ; n++) {
            if ((yield* masterOf(slotOfTopic(`room:spared ${n}`))) !== port) return `room:spared ${n}`
          }
        })
        const states: Array<Broadcaster.Health> = []
        yield* Effect.forkScoped(
          a.run(Stream.runForEach(Broadcaster.health, (health) => Effect.sync(() => void states.push(health))))
        )
        const [ann, eve] = [
          yield* enter(a, lost, { recover_from: null }),
          yield* enter(a, spared, { recover_from: null })
        ]
        const hall = yield* enter(a, "hall", { name: "ann" })
        const other = yield* enter(b, "hall", { name: "ben" })
        const positions = new Map<string, Array<string>>([
          [lost, []],
          [spared, []]
        ])
        const say = (topic: string, value: string) =>
          Effect.map(publish(b, topic, value), ({ epoch, offset }) => {
            positions.get(topic)!.push(`${epoch}:${offset}`)
          })
        for (const topic of [lost, spared]) for (const n of [1, 2, 3]) yield* say(topic, `before ${n}`)
        yield* until(() => got(ann).length === 3 && got(eve).length === 3)
        const failing = yield* Effect.forkScoped(Effect.promise(() => cluster.failOver(port)))
        // The failure of a publish is typed, and says what to do.
        const { _tag } = yield* Effect.flip(
          Effect.forever(Effect.andThen(b.run(Room.publish({ id: idOf(lost) }, "said", "meanwhile")), Effect.sleep(10)))
        )
        assert.strictEqual(_tag, "BroadcasterUnavailable")
        yield* until(() => states.at(-1)?._tag === "Suspended")
        yield* Fiber.join(failing)
        for (const topic of [lost, spared]) for (const n of [1, 2]) yield* say(topic, `after ${n}`)
        yield* until(
          () => got(ann).includes("after 2") && got(eve).includes("after 2"),
          () => [got(ann), got(eve), states]
        )
        yield* until(
          () => states.at(-1)?._tag === "Connected",
          () => states
        )
        const down = states.flatMap((state) => (state._tag === "Suspended" ? [state.description] : [])).join()
        assert.include(down, String(port))
        for (const all of positions.values()) assert.strictEqual(new Set(all).size, all.length)
        const epochs = (topic: string) => new Set(positions.get(topic)!.map((position) => position.split(":")[0]))
        assert.deepStrictEqual([epochs(lost).size, epochs(spared).size], [2, 1])
        assert.lengthOf(got(ann, "discontinuity"), 1)
        assert.lengthOf(got(eve, "discontinuity"), 0)
        assert.deepStrictEqual(got(eve), ["before 1", "before 2", "before 3", "after 1", "after 2"])
        for (const client of [hall, other]) yield* sees(client, "ann home", "ben home")
        yield* Effect.promise(() => cluster.begin(port))
      })
    )
  )

  it.live("nodes 1: a frozen server fails its topics only, and the leases at the others are renewed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const slow = { ...quick, commandTimeout: "400 millis" } as const
        const [a, b] = [yield* node(slow), yield* node(slow)]
        yield* Effect.promise(async () => {
          for (let left = 200; left > 0 && !(await cluster.isServing()); left--)
            await new Promise((done) => setTimeout(done, 50))
        })
        const port = yield* masterOf(slotOfTopic("hall"))
        const still = yield* Effect.gen(function* () {
          for (let n = 0; ; n++) {
            if ((yield* masterOf(slotOfTopic(`room:still ${n}`))) !== port) return `room:still ${n}`
          }
        })
        const held = yield* masterOf(slotOfTopic(still))
        const ann = yield* enter(a, "hall", { name: "ann" })
        const watcher = yield* enter(b, "hall")
        yield* sees(watcher, "ann home")
        const before = watcher.received.length
        cluster.signal(held, "SIGSTOP")
        const { _tag } = yield* Effect.flip(
          Effect.forever(Effect.andThen(b.run(Room.publish({ id: idOf(still) }, "said", 1)), Effect.sleep(10)))
        )
        assert.strictEqual(_tag, "BroadcasterUnavailable")
        cluster.signal(held, "SIGCONT")
        yield* publish(b, still, 2)
        yield* sees(watcher, "ann home")
        assert.lengthOf(
          watcher.received.slice(before).filter(({ event }) => event === "presence_diff"),
          0
        )
        yield* ann.close()
      })
    )
  )

  it.live("nodes 1: wrong options throw at once, and an absent cluster fails the layer", () =>
    Effect.gen(function* () {
      const layer = RedisBroadcaster.layer as (options: object) => unknown
      const rootNodes = [{ url: "redis://127.0.0.1:1" }]
      for (const cluster of [
        { rootNodes: [] },
        { rootNodes: [{ url: "http://localhost" }] },
        { rootNodes: [{ url: "redis://localhost/3" }] }
      ]) {
        assert.throws(() => layer({ cluster }), InvalidOption, "cluster")
      }
      assert.throws(() => layer({ cluster: { rootNodes }, url: "redis://127.0.0.1:1" }), InvalidOption, "cluster")
      const away = RedisBroadcaster.layer({ cluster: { rootNodes }, commandTimeout: "300 millis" })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(away)))
      assert.strictEqual(error._tag, "RedisConnectError")
      assert.include(error.message, "127.0.0.1:1")
    })
  )
})
