import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ChannelServer } from "fairlead/channel"
import type { ChannelHandler } from "fairlead/channel"
import { joinRateLimit, rateLimit } from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

import { limiter } from "../../kit/Limiter.ts"
import { keepLogs } from "../../server/Logs.ts"
import { joined, Room, roomLayer, serverOf } from "../engine/Room.ts"

const window = "1 second"
const limited = (retryAfter: number) => ({
  status: "error",
  response: { retry_after_ms: retryAfter, reason: "rate limited" }
})

describe("rateLimit", () => {
  it.effect("refuses what is too early, each socket by itself, and says when to come again", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [rateLimit({ limit: 2, window, algorithm: "fixed-window" })])
      const [ann, bob] = [yield* joined(server), yield* joined(server)]
      for (const _ of [1, 2]) assert.strictEqual((yield* ann.push("room:1", "ask")).status, "ok")
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(yield* ann.push("room:1", "ask"), limited(750))
      assert.strictEqual((yield* bob.push("room:1", "ask")).status, "ok")
      yield* TestClock.adjust("750 millis")
      assert.strictEqual((yield* ann.push("room:1", "ask")).status, "ok")
    })
  )

  it.effect("counts each socket by itself where the program has a limiter in memory too", () =>
    Effect.gen(function* () {
      const server = ChannelServer.make("rooms")
        .use(rateLimit({ limit: 1, window }))
        .mount(Room)
      const kit = yield* TestChannel.make(server, Layer.merge(roomLayer({}), limiter))
      for (const client of [yield* joined(kit), yield* joined(kit)]) {
        assert.strictEqual((yield* client.push("room:1", "ask")).status, "ok")
      }
    })
  )

  it.effect("counts the topics of a socket together, and neither leaves nor heartbeats nor joins", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [rateLimit({ limit: 2, window })])
      const client = yield* joined(server)
      yield* client.join("room:2")
      yield* Effect.all([client.heartbeat, client.heartbeat])
      assert.strictEqual((yield* client.push("room:1", "ask")).status, "ok")
      assert.strictEqual((yield* client.push("room:2", "ask")).status, "ok")
      assert.strictEqual((yield* client.push("room:1", "ask")).status, "error")
      assert.strictEqual((yield* client.leave("room:1")).status, "ok")
    })
  )

  it.effect("adds tokens one after another by default", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}, [rateLimit({ limit: 4, window })]))
      const pushed = Effect.map(client.push("room:1", "ask"), ({ status }) => status)
      assert.deepStrictEqual(yield* Effect.all(Array.from({ length: 5 }, () => pushed)), [
        "ok",
        "ok",
        "ok",
        "ok",
        "error"
      ])
      yield* TestClock.adjust("250 millis")
      assert.deepStrictEqual(yield* Effect.all([pushed, pushed]), ["ok", "error"])
    })
  )

  const keyed = (options: { readonly maxKeys?: number; readonly onStoreError?: "fail" | "allow" }) => {
    const key = (
      _: ChannelHandler.IncomingMessage,
      { request }: { readonly request: { readonly params: ReadonlyMap<string, string> } }
    ) => request.params.get("user") ?? ""
    return ChannelServer.make("keyed")
      .use(rateLimit({ limit: 1, window, key, ...options }))
      .mount(Room)
  }
  const users = (server: TestChannel.TestServer, names: ReadonlyArray<string>) =>
    Effect.forEach(names, (user) =>
      Effect.gen(function* () {
        const client = yield* server.connect({ params: { user } })
        yield* client.join("room:1")
        return (yield* client.push("room:1", "ask")).status
      })
    )

  it.effect("with a key counts together what has the same one, on any socket", () =>
    Effect.gen(function* () {
      const server = yield* TestChannel.make(keyed({}), Layer.merge(roomLayer({}), limiter))
      assert.deepStrictEqual(yield* users(server, ["ann", "ann", "bob", "bob"]), ["ok", "error", "ok", "error"])
    })
  )

  it.effect("with a key counts all keys beyond the bound together", () =>
    Effect.gen(function* () {
      const server = yield* TestChannel.make(keyed({ maxKeys: 1 }), Layer.merge(roomLayer({}), limiter))
      assert.deepStrictEqual(yield* users(server, ["ann", "bob", "eve"]), ["ok", "ok", "error"])
    })
  )

  it.effect.each(["fail", "allow"] as const)("where the store fails does what the option says: %s", (onStoreError) =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      const reason = new RateLimiter.RateLimitStoreError({ message: "no connection" })
      const broken = Layer.effect(
        RateLimiter.RateLimiter,
        Effect.map(RateLimiter.RateLimiter, (present) => ({
          ...present,
          consume: () => Effect.fail(new RateLimiter.RateLimiterError({ reason }))
        }))
      ).pipe(Layer.provide(limiter))
      const server = yield* TestChannel.make(keyed({ onStoreError }), Layer.merge(roomLayer({}), broken)).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(yield* users(server, ["ann"]), [onStoreError === "allow" ? "ok" : "error"])
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Warn"]
      )
    })
  )
})

describe("joinRateLimit", () => {
  it.effect("refuses joins above the rate, and leaves messages alone", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [
        joinRateLimit({ limit: 2, window: Duration.minutes(1), algorithm: "fixed-window" })
      ])
      const client = yield* joined(server)
      assert.strictEqual((yield* client.join("room:2")).status, "ok")
      assert.deepStrictEqual(yield* client.join("room:3"), limited(60_000))
      assert.strictEqual((yield* client.push("room:2", "ask")).status, "ok")
      assert.strictEqual((yield* joined(server)).received.length, 1)
      yield* TestClock.adjust("30 seconds")
      yield* client.heartbeat
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* client.join("room:3")).status, "ok")
    })
  )

  it.effect("with a key counts the joins of a topic together", () =>
    Effect.gen(function* () {
      const rate = joinRateLimit({ limit: 1, window, key: ({ topic }) => topic })
      const server = yield* TestChannel.make(
        ChannelServer.make("x").use(rate).mount(Room),
        Layer.merge(roomLayer({}), limiter)
      )
      const [ann, bob] = [yield* server.connect(), yield* server.connect()]
      const joins = yield* Effect.all([ann.join("room:1"), bob.join("room:1"), bob.join("room:2")])
      assert.deepStrictEqual(
        joins.map(({ status }) => status),
        ["ok", "error", "ok"]
      )
    })
  )
})
