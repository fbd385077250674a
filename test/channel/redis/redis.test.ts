import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { InvalidOption } from "fairlead"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { RedisBroadcaster } from "fairlead/channel/redis"
import { afterAll, beforeAll } from "vitest"

import { Brief, enter, got, node, Price, Room, until } from "./Nodes.ts"
import { missing, Redis } from "./Redis.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

describe.skipIf(missing)("nodes over Redis", () => {
  let redis: Redis
  beforeAll(async () => {
    redis = await Redis.start()
  })
  afterAll(() => redis.kill())

  const nodes = (count: number, options?: RedisBroadcaster.LayerOptions) =>
    Effect.forEach(numbers(count), () => node(redis.url, options))

  it.live("nodes 1: a broadcast reaches the members of all nodes, in one order, with positions", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = (yield* nodes(2)) as [never, never]
        const ann = yield* enter(a, "room:order", { recover_from: null })
        const ben = yield* enter(b, "room:order", { recover_from: null })
        for (const n of numbers(50)) {
          yield* ann.notify("room:order", "say", { ann: n })
          yield* ben.notify("room:order", "say", { ben: n })
        }
        yield* until(() => got(ann).length === 100 && got(ben).length === 100)
        assert.deepStrictEqual(got(ann), got(ben))
        assert.deepStrictEqual(
          got(ann).filter((payload) => "ann" in (payload as object)),
          numbers(50).map((n) => ({ ann: n }))
        )
        const positions = ann.received.filter(({ event }) => event === "said").map(({ position }) => position!)
        assert.deepStrictEqual(
          positions.map((position) => Number(position.split(":")[1])),
          numbers(100).map((n) => n + 1)
        )
      })
    )
  )

  it.live("nodes 1: a sender is excluded, and a socket is closed by its id, from any node", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = yield* nodes(2)
        const ann = yield* enter(a!, "room:except")
        const ben = yield* enter(b!, "room:except")
        yield* ann.push("room:except", "publish", "for both")
        yield* ann.notify("room:except", "sayToOthers", "for ben")
        yield* ben.notify("room:except", "say", "last")
        yield* until(() => got(ann).includes("last") && got(ben).includes("last"))
        assert.deepStrictEqual(got(ann), ["for both", "last"])
        assert.deepStrictEqual(got(ben), ["for both", "for ben", "last"])

        const carl = yield* a!.connect({ params: { user: "carl" } })
        yield* carl.heartbeat
        yield* b!.run(ChannelServer.disconnect("carl"))
        assert.strictEqual((yield* carl.closed).code, 1001)
      })
    )
  )

  it.live("nodes 1: bytes travel between nodes, and ephemeral events have no position", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = yield* nodes(2)
        const ann = yield* enter(a!, "fleeting:1")
        yield* b!.run(Broadcaster.broadcast("fleeting:1", "said", Uint8Array.of(0, 200, 255)))
        yield* b!.run(Broadcaster.broadcast("fleeting:1", "said", "text"))
        yield* until(() => got(ann).length === 2)
        assert.deepStrictEqual(got(ann), [Uint8Array.of(0, 200, 255), "text"])
        assert.isUndefined(ann.received.at(-1)!.position)
        assert.isUndefined(yield* a!.run(Broadcaster.publish({ topic: "fleeting:1", event: "said", payload: 1 })))
      })
    )
  )

  it.live("nodes 1: a client that comes back to another node gets what it missed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = yield* nodes(2)
        const first = yield* enter(a!, "room:back", { recover_from: null })
        yield* a!.run(Room.broadcast({ id: "back" }, "said", 1))
        yield* until(() => got(first).length === 1)
        const from = first.received.find(({ event }) => event === "said")!.position!
        yield* first.close(1006)
        for (const n of [2, 3, 4]) yield* b!.run(Room.broadcast({ id: "back" }, "said", n))
        const second = yield* enter(b!, "room:back", { recover_from: from })
        yield* until(() => got(second).length === 3)
        assert.deepStrictEqual(got(second), [2, 3, 4])
        assert.deepInclude(got(second, "recovery")[0], { complete: true })
        // More than the topic keeps.
        const brief = yield* enter(a!, "brief:back", { recover_from: null })
        for (const n of numbers(5)) yield* b!.run(Brief.broadcast({ id: "back" }, "said", { n }))
        yield* until(() => got(brief).length === 5)
        const early = (got(brief)[0] as { readonly recovery_id: string }).recovery_id
        const late = yield* enter(b!, "brief:back", { recover_from: early })
        assert.deepInclude(got(late, "recovery")[0], { complete: false })
        const middle = (got(brief)[1] as { readonly recovery_id: string }).recovery_id
        const other = yield* enter(b!, "brief:back", { recover_from: middle })
        assert.deepInclude(got(other, "recovery")[0], { complete: true })
        assert.lengthOf(got(other), 3)
      })
    )
  )

  it.live("nodes 1: a cache keeps the last event for members of all nodes", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = yield* nodes(2)
        for (const n of numbers(3)) yield* a!.run(Price.broadcast({}, "said", { n }))
        const ann = yield* enter(b!, "price", { recover_from: null })
        yield* until(() => got(ann).length === 1)
        assert.deepStrictEqual(got(ann), [{ n: 2 }])
      })
    )
  )

  it.live("nodes 3.4: an event that another node publishes right after the join's ok is never lost", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = yield* nodes(2)
        const client = yield* Effect.forEach(numbers(3), () => a!.connect())
        const fresh = (n: number) =>
          Effect.gen(function* () {
            const topic = `fleeting:fresh ${n}`
            const socket = client[n % 3]!
            yield* socket.join(topic)
            yield* b!.run(Broadcaster.broadcast(topic, "said", n))
            yield* socket.next("said")
            yield* socket.leave(topic)
          })
        yield* Effect.forEach(numbers(600), fresh, { concurrency: 20 })
        const heard = client.flatMap((socket) => got(socket)).toSorted((x, y) => Number(x) - Number(y))
        assert.deepStrictEqual(heard, numbers(600))
      })
    )
  )

  it.live("nodes 1: a node has two connections, whatever its topics, and leaves the topics without members", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const connections = () =>
          redis.command(["CLIENT", "LIST", "TYPE", "normal"], ["CLIENT", "LIST", "TYPE", "pubsub"])
        const count = Effect.promise(async () => {
          const lists = await connections()
          return lists
            .join("")
            .split("\n")
            .filter((line) => line !== "").length
        })
        const channels = Effect.promise(
          async () => (await redis.command(["PUBSUB", "CHANNELS", "*many*"]))[0] as ReadonlyArray<string>
        )
        const before = yield* count
        const a = yield* node(redis.url, { checkInterval: "100 millis" })
        const clients = yield* Effect.forEach(numbers(4), () => a.connect())
        yield* Effect.forEach(numbers(200), (n) => clients[n % 4]!.join(`room:many ${n}`), { concurrency: 20 })
        assert.strictEqual((yield* channels).length, 200)
        assert.strictEqual((yield* count) - before, 2)
        for (const client of clients) yield* client.close()
        let left = 200
        yield* Effect.gen(function* () {
          for (let tries = 500; left > 0 && tries > 0; tries--) {
            left = (yield* channels).length
            yield* Effect.sleep(20)
          }
        })
        assert.strictEqual(left, 0)
      })
    )
  )

  it.live("nodes 3.3: connections that are cut while messages are published lose nothing silently", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [a, b] = yield* nodes(2)
        const ann = yield* enter(a!, "room:cut", { recover_from: null })
        const publishing = yield* Effect.forkScoped(
          Effect.forEach(numbers(1500), (n) =>
            Effect.gen(function* () {
              const exit = yield* Effect.exit(b!.run(Room.publish({ id: "cut" }, "said", n)))
              if (n % 10 === 0) yield* Effect.sleep(1)
              return Exit.isSuccess(exit) ? [n] : []
            })
          )
        )
        for (const _ of numbers(6)) {
          yield* Effect.sleep(60)
          yield* Effect.promise(() => redis.command(["CLIENT", "KILL", "TYPE", "pubsub"]))
        }
        const published = (yield* Fiber.join(publishing)).flat()
        const heard = () => got(ann) as ReadonlyArray<number>
        yield* until(
          () => heard().includes(published.at(-1)!),
          () => [published.length, heard().length]
        )
        assert.deepStrictEqual(
          published.filter((n) => !heard().includes(n)),
          []
        )
        assert.strictEqual(new Set(heard()).size, heard().length)
        assert.deepStrictEqual(
          heard().toSorted((x, y) => x - y),
          heard()
        )
        assert.deepStrictEqual(got(ann, "discontinuity"), [])
      })
    )
  )

  it.live("nodes 1: wrong options throw at once, and a Redis that is not there fails the layer", () =>
    Effect.gen(function* () {
      const layer = RedisBroadcaster.layer as (options: object) => unknown
      for (const [options, option] of [
        [{ url: "http://localhost" }, "url"],
        [{ url: Redacted.make("nonsense") }, "url"],
        [{ prefix: "a{b" }, "prefix"],
        [{ commandTimeout: 0 }, "commandTimeout"],
        [{ lease: "1 second", heartbeat: "1 second" }, "lease"]
      ] as const) {
        assert.throws(() => layer(options), InvalidOption, option)
      }
      const away = RedisBroadcaster.layer({ url: "redis://user:secret@127.0.0.1:1", connectTimeout: "300 millis" })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(away)))
      assert.strictEqual(error._tag, "RedisConnectError")
      assert.include(error.message, "127.0.0.1:1")
      assert.notInclude(error.message, "secret")
    })
  )
})

describe.skipIf(missing)("a Redis that goes away", () => {
  it.live("nodes 3.3: suspends the nodes; afterwards members learn what may be lost, and all goes on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const redis = yield* Effect.acquireRelease(
          Effect.promise(() => Redis.start()),
          (redis) => Effect.promise(() => redis.kill())
        )
        const options = { heartbeat: "200 millis", commandTimeout: "500 millis" } as const
        const a = yield* node(redis.url, options)
        const b = yield* node(redis.url, options)
        const ann = yield* enter(a, "room:gone", { recover_from: null })
        yield* b.run(Room.broadcast({ id: "gone" }, "said", 1))
        yield* until(() => got(ann).length === 1)
        const states: Array<string> = []
        yield* Effect.forkScoped(
          a.run(Stream.runForEach(Broadcaster.health, ({ _tag }) => Effect.sync(() => void states.push(_tag))))
        )
        yield* until(() => states.length === 1)

        yield* Effect.promise(() => redis.kill())
        yield* until(() => states.at(-1) === "Suspended")
        assert.strictEqual((yield* ann.push("room:gone", "publish", 2)).response, "BroadcasterUnavailable")
        const refused = yield* Effect.flatMap(a.connect(), (client) => client.join("room:other"))
        assert.deepStrictEqual(refused, { status: "error", response: { reason: "unavailable" } })

        yield* Effect.promise(() => redis.restart())
        yield* until(() => states.at(-1) === "Connected")
        // A Redis that is empty may have lost messages.
        yield* until(() => got(ann, "discontinuity").length === 1)
        yield* until(() => a.sockets() > 0)
        let sent = 3
        const publish = Effect.exit(b.run(Room.publish({ id: "gone" }, "said", sent)))
        while (Exit.isFailure(yield* publish)) yield* Effect.sleep(50)
        yield* until(() => got(ann).includes(sent))
        assert.deepStrictEqual(got(ann), [1, 3])
        const again = yield* enter(b, "room:gone", {
          recover_from: ann.received.find(({ position }) => position)!.position!
        })
        assert.deepInclude(got(again, "recovery")[0], { complete: false })
      })
    )
  )

  it.live("nodes 3.3: that stands still is noticed, and loses nothing silently", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const redis = yield* Effect.acquireRelease(
          Effect.promise(() => Redis.start()),
          (redis) => Effect.promise(() => redis.kill())
        )
        const options = { heartbeat: "200 millis", commandTimeout: "300 millis" } as const
        const a = yield* node(redis.url, options)
        const ann = yield* enter(a, "room:still", { recover_from: null })
        redis.signal("SIGSTOP")
        assert.strictEqual((yield* ann.push("room:still", "publish", 1)).response, "BroadcasterUnavailable")
        yield* Effect.sleep(600)
        redis.signal("SIGCONT")
        // A message that was reported as failed may have been published.
        const answers: Array<unknown> = []
        while (answers.at(-1) !== "ok") {
          answers.push((yield* ann.push("room:still", "publish", `try ${answers.length}`)).response)
          yield* Effect.sleep(50)
        }
        const last = `try ${answers.length - 1}`
        yield* until(() => got(ann).includes(last))
        const positions = ann.received.flatMap(({ position }) => (position === undefined ? [] : [position]))
        const offsets = positions.map((position) => Number(position.split(":")[1]))
        assert.deepStrictEqual(
          offsets,
          numbers(offsets.length).map((n) => n + offsets[0]!)
        )
      })
    )
  )
})
