import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { InvalidOption } from "fairlead"
import { RedisBroadcaster } from "fairlead/channel/redis"
import { afterAll, beforeAll } from "vitest"

import { nodesContract } from "../nodes/contract/NodesContract.ts"
import { enter, node, Room } from "./Nodes.ts"
import type { Node } from "./Nodes.ts"
import { missing, Redis, redisKind } from "./Redis.ts"

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

describe.skipIf(missing)("nodes over Redis", () => {
  let redis: Redis
  beforeAll(async () => {
    redis = await Redis.start()
  })
  afterAll(() => redis.kill())

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

  it.live("nodes 1: a log is kept for at least `keep` after its last use, and so are its messages", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const left = (part: "top" | "log") =>
          Effect.promise(async () => Number((await redis.command(["PTTL", `fairlead:{room:kept}:${part}`]))[0]))
        const keep = 60_000
        const a = yield* node(redis.url, { keep })
        const said = (node: Node, text: string) => node.run(Room.broadcast({ id: "kept" }, "said", text))
        // A join opens the log before there is a message.
        yield* enter(a, "room:kept", { recover_from: null })
        assert.isAtLeast(yield* left("top"), keep)
        yield* said(a, "first")
        for (const part of ["top", "log"] as const) {
          assert.isAtLeast(yield* left(part), keep - 1000)
          assert.isAtMost(yield* left(part), keep * 1.125)
        }
        // A node that keeps longer, and one that keeps as long: neither shortens it.
        const longer = yield* node(redis.url, { keep: keep * 10 })
        yield* said(longer, "second")
        yield* said(a, "third")
        for (const part of ["top", "log"] as const) assert.isAtLeast(yield* left(part), keep * 10 - 1000)
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

nodesContract(redisKind)
