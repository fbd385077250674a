import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import type { Scope } from "effect"
import { TestClock } from "effect/testing"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"
import * as fc from "fast-check"

const roomOf = (options?: ChannelApi.RecoverableOptions) => {
  class Room extends ChannelApi.make("room:{id}", {
    join: { payload: ChannelApi.AnyPayload },
    incoming: { say: { payload: ChannelApi.AnyPayload }, sayToOthers: { payload: ChannelApi.AnyPayload } },
    outgoing: { said: ChannelApi.AnyPayload, told: Schema.Struct({ text: Schema.String }), held: Schema.Finite },
    retention: ChannelApi.recoverable(options)
  }) {}
  const layer = Room.layer({
    join: () => Effect.void,
    on: {
      say: (payload, room) => room.broadcast("said", payload),
      sayToOthers: (payload, room) => room.broadcastFrom("said", payload)
    },
    intercept: {
      told: ({ text }, room) => Effect.succeed({ text: `${text} in ${room.topic}` }),
      held: () => Effect.succeed(undefined)
    }
  })
  return { Room, layer }
}

const serverOf = (options: ChannelApi.RecoverableOptions = {}, memory: Broadcaster.LayerMemoryOptions = {}) => {
  const { Room, layer } = roomOf(options)
  return TestChannel.make(
    ChannelServer.make("chat").mount(Room),
    Layer.mergeAll(layer, Broadcaster.layerMemory(memory))
  )
}

type Server = Effect.Success<ReturnType<typeof serverOf>>

interface Recovery {
  readonly complete: boolean
  readonly id: string
}

/** Joins from a position: the recovery, and the missed broadcasts. */
const rejoin = (server: Pick<Server, "connect">, from: unknown, { topic = "room:1", vsn = "2.0.0" } = {}) =>
  Effect.gen(function* () {
    const client = yield* server.connect({ vsn })
    assert.strictEqual((yield* client.join(topic, { recover_from: from as string | null })).status, "ok")
    const recovery = (yield* client.next("recovery")).payload as unknown as Recovery
    const missed = client.received.filter(({ event }) => event !== "phx_reply" && event !== "recovery")
    return { client, recovery, missed: missed.map(({ payload }) => (payload as { readonly n: number }).n) }
  })

const say = (server: Server, n: number, topic = "room:1") => server.run(Broadcaster.broadcast(topic, "said", { n }))

describe("recovery by position", () => {
  it.effect("channel2 2.2: a client that comes back gets what it missed, in order, and then what is new", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const first = yield* rejoin(server, null)
      assert.isTrue(first.recovery.complete)
      yield* say(server, 1)
      const seen = (yield* first.client.next("said")).position
      yield* first.client.close()
      yield* first.client.released
      for (const n of [2, 3]) yield* say(server, n)
      yield* say(server, 9, "room:2")
      const { client, missed, recovery } = yield* rejoin(server, seen)
      assert.isTrue(recovery.complete)
      assert.deepStrictEqual(missed, [2, 3])
      yield* say(server, 4)
      for (const n of [2, 3, 4]) {
        const message = yield* client.next("said")
        assert.deepStrictEqual(message.payload, { n })
        assert.strictEqual(message.position, seen!.replace(/1$/, String(n)))
      }
    })
  )

  it.effect("channel2 2.3: the position is the sixth element of a V2 message, only for who asked at join", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const asked = yield* rejoin(server, null)
      const silent = yield* server.connect()
      yield* silent.join("room:1", {})
      yield* say(server, 1)
      assert.match((yield* asked.client.next("said")).position!, /^\w+:1$/)
      const message = yield* silent.next("said")
      assert.isUndefined(message.position)
      assert.deepStrictEqual(message.payload, { n: 1 })
    })
  )

  it.effect("channel2 2.3: with recoveryId, JSON objects carry their position for plain clients and for V1", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ recoveryId: true })
      const { client, recovery } = yield* rejoin(server, null, { vsn: "1.0.0" })
      yield* say(server, 1)
      const { payload } = yield* client.next("said")
      const { recovery_id: id } = payload as { readonly recovery_id: string }
      assert.match(id, /^\w+:1$/)
      yield* say(server, 2)
      assert.deepStrictEqual((yield* rejoin(server, id, { vsn: "1.0.0" })).missed, [2])
      assert.deepStrictEqual((yield* rejoin(server, recovery.id)).missed, [1, 2])
      yield* server.run(Broadcaster.broadcast("room:1", "told", { text: "news" }))
      assert.deepInclude((yield* client.next("told")).payload, {
        text: "news in room:1",
        recovery_id: id.replace(/1$/, "3")
      })
    })
  )

  it.effect("channel2 2.3: a V1 client without recoveryId gets complete: false after a gap", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { recovery } = yield* rejoin(server, null, { vsn: "1.0.0" })
      assert.isTrue((yield* rejoin(server, recovery.id, { vsn: "1.0.0" })).recovery.complete)
      yield* say(server, 1)
      const back = yield* rejoin(server, recovery.id, { vsn: "1.0.0" })
      assert.deepStrictEqual([back.recovery.complete, back.missed], [false, []])
    })
  )

  it.effect("channel2 2.3: bytes reach the members, are followed by their position, and cannot be replayed", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { client, recovery } = yield* rejoin(server, null)
      yield* server.run(Broadcaster.broadcast("room:1", "said", new Uint8Array([7])))
      assert.deepStrictEqual((yield* client.next("said")).payload, new Uint8Array([7]))
      const told = yield* client.next("position")
      assert.match(told.position!, /:1$/)
      assert.isFalse((yield* rejoin(server, recovery.id)).recovery.complete)
      assert.isTrue((yield* rejoin(server, told.position)).recovery.complete)
    })
  )

  it.effect("channel2 2.3: an excluded sender gets the position alone, so that it sees no gap", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { client } = yield* rejoin(server, null)
      yield* client.notify("room:1", "sayToOthers", { n: 1 })
      const { payload, position } = yield* client.next("position")
      assert.deepStrictEqual(payload, {})
      assert.match(position!, /:1$/)
      yield* say(server, 2)
      assert.match((yield* client.next("said")).position!, /:2$/)
      assert.isFalse(client.received.some(({ event }) => event === "discontinuity"))
    })
  )

  it.effect(
    "channel2 2.3: an intercepted push has the position of its broadcast; a suppressed one sends the position alone",
    () =>
      Effect.gen(function* () {
        const server = yield* serverOf()
        const { client, recovery } = yield* rejoin(server, null)
        yield* server.run(Broadcaster.broadcast("room:1", "told", { text: "news" }))
        yield* server.run(Broadcaster.broadcast("room:1", "held", 1))
        const told = yield* client.next("told")
        assert.deepStrictEqual(told.payload, { text: "news in room:1" })
        assert.match(told.position!, /:1$/)
        assert.match((yield* client.next("position")).position!, /:2$/)
        const back = yield* rejoin(server, recovery.id)
        assert.deepStrictEqual((yield* back.client.next("told")).payload, { text: "news in room:1" })
      })
  )

  it.effect("channel2 2.1: an ephemeral topic has no history and no positions, whoever asks", () =>
    Effect.gen(function* () {
      class Plain extends ChannelApi.make("plain", {
        join: { payload: ChannelApi.AnyPayload },
        outgoing: { said: ChannelApi.AnyPayload }
      }) {}
      const layer = Plain.layer({ join: () => Effect.void, on: {} })
      const server = yield* TestChannel.make(ChannelServer.make("chat").mount(Plain), layer)
      const client = yield* server.connect()
      yield* server.run(Plain.publish({}, "said", { n: 0 }))
      yield* client.join("plain", { recover_from: null })
      assert.isUndefined(yield* server.run(Plain.publish({}, "said", { n: 1 })))
      const { event, payload, position } = yield* client.next()
      assert.deepStrictEqual([event, payload, position], ["said", { n: 1 }, undefined])
    })
  )

  it.effect("channel2 2.1: publish succeeds with the position, for a member and from outside", () =>
    Effect.gen(function* () {
      const { Room, layer } = roomOf()
      const server = yield* TestChannel.make(ChannelServer.make("chat").mount(Room), layer)
      const first = yield* server.run(Room.publish({ id: "1" }, "said", 1))
      const second = yield* server.run(Room.publish({ id: "1" }, "said", 2))
      assert.deepStrictEqual([first?.offset, second?.offset], [1, 2])
      assert.strictEqual(first?.epoch, second?.epoch)
    })
  )

  it.effect("channel2 2.3: a cache replays the last value only, and only to who has not seen it", () =>
    Effect.gen(function* () {
      class Price extends ChannelApi.make("price:{id}", {
        join: { payload: ChannelApi.AnyPayload },
        outgoing: { changed: ChannelApi.AnyPayload },
        retention: ChannelApi.cache({ timeToLive: "1 minute" })
      }) {}
      const layer = Price.layer({ join: () => Effect.void, on: {} })
      const server = yield* TestChannel.make(ChannelServer.make("prices").mount(Price), layer)
      for (const n of [1, 2, 3]) yield* server.run(Price.broadcast({ id: "a" }, "changed", { n }))
      const first = yield* rejoin(server, null, { topic: "price:a" })
      assert.deepStrictEqual([first.recovery.complete, first.missed], [true, [3]])
      const { position } = yield* first.client.next("changed")
      assert.deepStrictEqual((yield* rejoin(server, position, { topic: "price:a" })).missed, [])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* rejoin(server, null, { topic: "price:a" })).missed, [])
    })
  )

  it.effect("channel2 2.2: an absence longer than the retention is not complete", () =>
    Effect.gen(function* () {
      const beyond = (
        options: ChannelApi.RecoverableOptions,
        memory: Broadcaster.LayerMemoryOptions,
        away: (server: Server) => Effect.Effect<void, unknown, Scope.Scope>
      ) =>
        Effect.gen(function* () {
          const server = yield* serverOf(options, memory)
          const { recovery } = yield* rejoin(server, null)
          yield* say(server, 1)
          assert.deepStrictEqual((yield* rejoin(server, recovery.id)).missed, [1])
          yield* away(server)
          const back = yield* rejoin(server, recovery.id)
          assert.isFalse(back.recovery.complete)
          assert.deepStrictEqual(back.missed, [])
          assert.isTrue((yield* rejoin(server, back.recovery.id)).recovery.complete)
        })
      yield* beyond({ maxMessages: 2 }, {}, (server) => Effect.andThen(say(server, 2), say(server, 3)))
      yield* beyond({ timeToLive: "1 minute" }, {}, () => TestClock.adjust("1 minute"))
      yield* beyond({}, { maxBytes: 12 }, (server) => Effect.andThen(say(server, 2), say(server, 3)))
      yield* beyond({}, { maxTopics: 1 }, (server) => Effect.asVoid(rejoin(server, null, { topic: "room:2" })))
    })
  )

  it.effect("channel2 2.2: a position of another process, of the future, or none at all is not complete", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { recovery } = yield* rejoin(server, null)
      yield* say(server, 1)
      const ids = ["other:0", recovery.id.replace(/\d+$/, "99"), "", ":", "__proto__", `${recovery.id}x`]
      for (const id of ids) assert.isFalse((yield* rejoin(server, id)).recovery.complete, id)
      for (const id of [7, {}, null]) assert.isTrue((yield* rejoin(server, id)).recovery.complete)
    })
  )

  it("channel2 2.2: complete: true means that nothing is missing, at any sequence of messages and limits", async () => {
    const step = fc.oneof(
      fc.record({ topic: fc.constantFrom("room:1", "room:2", "room:3"), wait: fc.nat({ max: 40 }) }),
      fc.constant(undefined)
    )
    const limits = fc.record({ maxTopics: fc.integer({ min: 1, max: 3 }), maxBytes: fc.integer({ min: 10, max: 100 }) })
    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 30 }),
        (limits, maxMessages, steps) =>
          Effect.gen(function* () {
            const { publish, since } = yield* Broadcaster.Broadcaster
            const retention = ChannelApi.recoverable({ maxMessages, timeToLive: 100 })
            const sent: Array<number> = []
            const seen: Array<{ readonly position: Broadcaster.Position | undefined; readonly count: number }> = []
            let n = 0
            for (const step of steps) {
              if (step === undefined) {
                const { top } = yield* since("room:1", undefined, 100)
                if (top !== undefined) seen.push({ position: top, count: sent.length })
                continue
              }
              yield* TestClock.adjust(step.wait)
              yield* publish({ topic: step.topic, event: "said", payload: { n: ++n } }, { retention })
              if (step.topic === "room:1") sent.push(n)
            }
            for (const { count, position } of seen) {
              const { complete, deliveries } = yield* since("room:1", position, 100)
              const numbers = deliveries.map(({ payload }) => (payload as { readonly n: number }).n)
              if (complete) assert.deepStrictEqual(numbers, sent.slice(count))
              else assert.isEmpty(numbers)
            }
          }).pipe(
            Effect.provide(Broadcaster.layerMemory(limits).pipe(Layer.provideMerge(TestClock.layer()))),
            Effect.runPromise
          )
      ),
      { numRuns: 300 }
    )
  })
})
