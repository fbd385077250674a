import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Broadcaster, ChannelApi, ChannelServer, Recovery } from "fairlead/channel"
import * as TestChannel from "fairlead/testing/channel"
import * as fc from "fast-check"

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: ChannelApi.AnyPayload },
  incoming: { say: { payload: ChannelApi.AnyPayload } },
  outgoing: { said: ChannelApi.AnyPayload, told: Schema.Struct({ text: Schema.String }) }
}) {}

const RoomLive = Room.layer({
  join: () => Effect.void,
  on: { say: (payload, room) => room.broadcast("said", payload) },
  intercept: { told: ({ text }, room) => Effect.succeed({ text: `${text} in ${room.topic}` }) }
})

const serverOf = (options?: Recovery.Options) =>
  TestChannel.make(
    ChannelServer.make("chat").mount(Room),
    Layer.mergeAll(RoomLive, Recovery.layer(options).pipe(Layer.provide(Broadcaster.layer)))
  )

type Server = Effect.Success<ReturnType<typeof serverOf>>

/** What a client is told that joins with this, behind the reply: the recovery, and the broadcasts that it has missed. */
const rejoin = (server: Server, from: unknown, topic = "room:1") =>
  Effect.gen(function* () {
    const client = yield* server.connect()
    assert.strictEqual((yield* client.join(topic, { recover_from: from as string | null })).status, "ok")
    const recovery = (yield* client.next("recovery")).payload as { readonly complete: boolean; readonly id: string }
    const missed = client.received.filter(({ event }) => event !== "phx_reply" && event !== "recovery")
    return { client, recovery, missed: missed.map(({ payload }) => (payload as { readonly n: number }).n) }
  })

const say = (server: Server, n: number, topic = "room:1") => server.run(Broadcaster.broadcast(topic, "said", { n }))

describe("recovery of missed broadcasts", () => {
  it.effect("channel 0.7: a client that comes back gets what it missed, in order, and then what is new", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const first = yield* rejoin(server, null)
      assert.isTrue(first.recovery.complete)
      yield* say(server, 1)
      const seen = (yield* first.client.next("said")).payload as { readonly recovery_id: string }
      yield* first.client.close()
      yield* first.client.released
      for (const n of [2, 3]) yield* say(server, n)
      yield* say(server, 9, "room:2")
      const { client, missed, recovery } = yield* rejoin(server, seen.recovery_id)
      assert.isTrue(recovery.complete)
      assert.deepStrictEqual(missed, [2, 3])
      yield* say(server, 4)
      assert.deepInclude((yield* client.next("said")).payload, { n: 2 })
      assert.deepInclude((yield* client.next("said")).payload, { n: 3 })
      assert.deepInclude((yield* client.next("said")).payload, { n: 4 })
    })
  )

  it.effect("channel 0.7: the id that a first join is told is one to come back with, though nothing was sent yet", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      yield* say(server, 1, "room:2")
      const first = yield* rejoin(server, null)
      yield* say(server, 2, "room:2")
      yield* say(server, 3)
      assert.deepStrictEqual((yield* rejoin(server, first.recovery.id)).missed, [3])
    })
  )

  it.effect("channel 0.7: what a channel makes of a broadcast for its members is made of what they missed, too", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { recovery } = yield* rejoin(server, null)
      yield* server.run(Room.broadcast({ id: "1" }, "told", { text: "news" }))
      const { client } = yield* rejoin(server, recovery.id)
      const { payload } = yield* client.next("told")
      assert.deepInclude(payload, { text: "news in room:1" })
      assert.match((payload as { readonly recovery_id: string }).recovery_id, /^\w+-1$/)
    })
  )

  it.effect("channel 0.7: is off without its layer, and for clients that do not ask for it", () =>
    Effect.gen(function* () {
      const plain = yield* TestChannel.make(ChannelServer.make("chat").mount(Room), RoomLive)
      const client = yield* plain.connect()
      yield* client.join("room:1", { recover_from: null })
      yield* plain.run(Broadcaster.broadcast("room:1", "said", { n: 1 }))
      assert.deepStrictEqual((yield* client.next()).payload, { n: 1 })

      const server = yield* serverOf()
      const silent = yield* server.connect()
      yield* silent.join("room:1", {})
      yield* say(server, 1)
      assert.strictEqual((yield* silent.next()).event, "said")
    })
  )

  it.effect("channel 0.7: payloads that are no JSON objects are sent as they are, and not kept", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { client, recovery } = yield* rejoin(server, null)
      for (const payload of [[1], "text", 7, null, new Uint8Array([1])]) {
        yield* server.run(Broadcaster.broadcast("room:1", "said", payload))
        assert.deepStrictEqual((yield* client.next("said")).payload, payload)
      }
      assert.deepStrictEqual((yield* rejoin(server, recovery.id)).missed, [])
    })
  )

  it.effect("channel 0.7: who was away for longer than is kept is told that it is not complete", () =>
    Effect.gen(function* () {
      const beyond = (options: Recovery.Options, away: (server: Server) => Effect.Effect<void>) =>
        Effect.gen(function* () {
          const server = yield* serverOf(options)
          yield* say(server, 0)
          const { recovery } = yield* rejoin(server, null)
          yield* say(server, 1)
          assert.deepStrictEqual((yield* rejoin(server, recovery.id)).missed, [1])
          yield* away(server)
          const back = yield* rejoin(server, recovery.id)
          assert.isFalse(back.recovery.complete)
          assert.deepStrictEqual(back.missed, [])
          assert.isTrue((yield* rejoin(server, back.recovery.id)).recovery.complete)
        })
      yield* beyond({ maxMessages: 2 }, (server) => Effect.andThen(say(server, 2), say(server, 3)))
      yield* beyond({ maxAge: "1 minute" }, () => TestClock.adjust("1 minute"))
      yield* beyond({ maxTopics: 1 }, (server) => say(server, 2, "room:2"))
      yield* beyond({ maxBytes: 100 }, (server) => Effect.andThen(say(server, 2), say(server, 3)))
    })
  )

  it.effect("channel 0.7: an id of another process, of the future, or none at all is not complete", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const { recovery } = yield* rejoin(server, null)
      yield* say(server, 1)
      const ids = ["other-0", recovery.id.replace(/\d+$/, "99"), "", "-", "__proto__", `${recovery.id}x`]
      for (const id of ids) assert.isFalse((yield* rejoin(server, id)).recovery.complete, id)
      for (const id of [7, {}, null]) assert.isTrue((yield* rejoin(server, id)).recovery.complete)
    })
  )

  it("channel 0.7: whoever is told that it is complete has missed nothing, whatever was sent and forgotten", async () => {
    const step = fc.oneof(
      fc.record({ topic: fc.constantFrom("room:1", "room:2", "room:3"), wait: fc.nat({ max: 40 }) }),
      fc.constant(undefined)
    )
    const limits = fc.record({
      maxMessages: fc.integer({ min: 1, max: 4 }),
      maxTopics: fc.integer({ min: 1, max: 3 }),
      maxBytes: fc.integer({ min: 60, max: 400 })
    })
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 30 }), (options, steps) =>
        Effect.gen(function* () {
          const { missed, publish } = yield* Broadcaster.Broadcaster
          const sent: Array<number> = []
          const seen: Array<{ readonly id: string | null; readonly count: number }> = []
          let n = 0
          for (const step of steps) {
            if (step === undefined) {
              seen.push({ id: missed!("room:1", null).id, count: sent.length })
              continue
            }
            yield* TestClock.adjust(step.wait)
            publish({ topic: step.topic, event: "said", payload: { n: ++n } })
            if (step.topic === "room:1") sent.push(n)
          }
          for (const { count, id } of seen) {
            const { complete, messages } = missed!("room:1", id)
            const numbers = messages.map(({ payload }) => (payload as { readonly n: number }).n)
            if (complete) assert.deepStrictEqual(numbers, sent.slice(count))
            else assert.isEmpty(numbers)
          }
        }).pipe(
          Effect.provide(
            Recovery.layer({ ...options, maxAge: 100 }).pipe(
              Layer.provide(Broadcaster.layer),
              Layer.provideMerge(TestClock.layer())
            )
          ),
          Effect.runPromise
        )
      ),
      { numRuns: 300 }
    )
  })
})
