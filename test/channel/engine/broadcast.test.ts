import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Latch, Layer, Schema, Stream } from "effect"
import { Broadcaster, ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { joined, loggingServerOf, Room, roomLayer, serverOf, until } from "./Room.ts"
import type { Parts } from "./Room.ts"

const relay: Parts = {
  ask: (payload, room) => Effect.as(room.broadcast("said", payload), {}),
  tell: (payload, room) => room.broadcastFrom("said", payload)
}

const said = (client: TestChannel.TestSocket) =>
  client.received.filter(({ event }) => event === "said").map(({ payload }) => payload)

describe("a broadcast", () => {
  it.effect("channel 1.6: reaches all members of its topic, the sender too, and nobody else", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(relay)
      const [ann, bob, eve] = [yield* joined(server), yield* joined(server), yield* joined(server, "room:2")]
      yield* server.connect()
      yield* ann.push("room:1", "ask", { text: "hi" })
      for (const client of [ann, bob]) assert.deepStrictEqual(said(client), [{ text: "hi" }])
      assert.deepStrictEqual(said(eve), [])
      assert.deepInclude(bob.received.at(-1), { joinRef: null, ref: null, topic: "room:1" })
      assert.deepStrictEqual(server.broadcasts, [{ topic: "room:1", event: "said", payload: { text: "hi" } }])
    })
  )

  it.effect("channel 1.6: from a member reaches all others, that member's other sockets too", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(relay)
      const [ann, bob] = [yield* joined(server), yield* joined(server)]
      yield* ann.notify("room:1", "tell", 1)
      yield* ann.heartbeat
      assert.deepStrictEqual([said(ann), said(bob)], [[], [1]])
    })
  )

  it.effect("channel 1.6: from outside of any channel reaches them, typed by the definition", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({})
      const client = yield* joined(server)
      yield* server.run(Room.broadcast({ id: "1" }, "said", { n: 1 }))
      yield* server.run(Broadcaster.broadcast("room:1", "any", 2))
      assert.deepInclude(yield* client.next(), { event: "said", payload: { n: 1 } })
      assert.deepInclude(yield* client.next(), { event: "any", payload: 2 })
    })
  )

  it.effect("channel 1.6: reaches each member in the order in which it was sent", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(relay)
      const [ann, bob] = [yield* joined(server), yield* joined(server)]
      const all = Array.from({ length: 200 }, (_, index) => index)
      for (const index of all) yield* ann.notify("room:1", "ask", index)
      yield* until(() => said(bob).length === 200)
      assert.deepStrictEqual([said(ann), said(bob)], [all, all])
    })
  )

  it.effect("channel 0.7: of bytes passes over members of version 1, and reaches those of version 2", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(relay)
      const [old, ann, bob] = [yield* server.connect({ vsn: "1.0.0" }), yield* joined(server), yield* joined(server)]
      yield* old.join("room:1")
      const bytes = Uint8Array.of(1, 2, 3)
      assert.deepStrictEqual(yield* ann.push("room:1", "ask", bytes), { status: "ok", response: {} })
      assert.deepStrictEqual([said(old), said(ann), said(bob)], [[], [bytes], [bytes]])
      yield* ann.push("room:1", "ask", "text")
      assert.deepStrictEqual(said(old), ["text"])
    })
  )

  it.effect("channel 1.6: does not reach who is still joining, nor who has left", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const server = yield* serverOf({
        ...relay,
        join: ({ payload }) => (payload === "wait" ? Effect.as(latch.await, {}) : Effect.succeed({}))
      })
      const [ann, bob, eve] = [yield* joined(server), yield* joined(server), yield* server.connect()]
      yield* eve.notify("room:1", "phx_join", "wait")
      yield* bob.leave("room:1")
      yield* ann.push("room:1", "ask", 1)
      yield* latch.open
      yield* eve.next()
      yield* ann.push("room:1", "ask", 2)
      assert.deepStrictEqual([said(ann), said(bob), said(eve)], [[1, 2], [], [2]])
    })
  )

  it.effect("channel 0.5: is heard by a subscription, from its beginning until its scope closes", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(relay)
      const client = yield* joined(server)
      const heard = yield* Effect.scoped(
        Effect.gen(function* () {
          const stream = yield* server.run(Broadcaster.subscribe("room:1", { capacity: 2 }))
          assert.strictEqual(server.members("room:1"), 2)
          for (const n of [1, 2, 3]) yield* client.push("room:1", "ask", n)
          return yield* Stream.runCollect(Stream.take(stream, 2))
        })
      )
      // The oldest is lost, for the subscriber was slow.
      assert.deepStrictEqual(
        Array.from(heard, ({ payload }) => payload),
        [2, 3]
      )
      assert.strictEqual(server.members("room:1"), 1)
    })
  )

  it.effect("channel 1.1: encodes what the definition says, with the parameters in the topic", () =>
    Effect.gen(function* () {
      class Clock extends ChannelApi.make("clock:{zone}:{n}", {
        params: { n: Schema.NumberFromString },
        outgoing: { tick: Schema.Struct({ at: Schema.DateFromString }) }
      }) {}
      const layer = Clock.layer({ join: () => Effect.void, on: {} })
      const server = yield* TestChannel.make(ChannelServer.make("clocks").mount(Clock), layer)
      const clock = (yield* server.connect()).channel(Clock, { zone: "utc", n: 7 })
      yield* clock.join()
      const at = new Date(0)
      yield* server.run(Clock.broadcast({ zone: "utc", n: 7 }, "tick", { at }))
      assert.deepStrictEqual(server.broadcasts[0]?.payload, { at: "1970-01-01T00:00:00.000Z" })
      assert.deepStrictEqual(yield* clock.next("tick"), { at })
    })
  )
})

describe("an intercepted broadcast", () => {
  it.effect("channel 1.6: is changed or held back for each member, and comes as a push", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const named = ChannelHandler.make("named", {
        connect: ({ params }) => ChannelHandler.accept({ context: Context.make(Name, params.get("name") ?? "") })
      })
      class Hall extends ChannelApi.make("hall", {
        requires: [Name],
        incoming: { say: { payload: Schema.String } },
        outgoing: { said: Schema.Struct({ text: Schema.String, to: Schema.String }), note: Schema.String }
      }) {}
      const HallLive = Hall.layer({
        join: () => Effect.map(Name, (name) => ChannelApi.joined(undefined, name)),
        on: {
          say: (text, hall) => Effect.andThen(hall.broadcast("said", { text, to: "all" }), hall.broadcast("note", text))
        },
        intercept: {
          said: ({ text }, { state }) => Effect.succeed(state === text ? undefined : { text, to: state })
        }
      })
      const server = yield* TestChannel.make(ChannelServer.make("x").use(named).mount(Hall), HallLive)
      const [ann, bob] = [
        yield* server.connect({ params: { name: "ann" } }),
        yield* server.connect({ params: { name: "bob" } })
      ]
      yield* ann.join("hall")
      yield* bob.join("hall")
      yield* ann.notify("hall", "say", "bob")
      yield* ann.next("note")
      yield* bob.next("note")
      yield* ann.heartbeat
      assert.deepStrictEqual(said(ann), [{ text: "bob", to: "ann" }])
      assert.deepStrictEqual(said(bob), [])
      assert.deepInclude(yield* ann.next("said"), { joinRef: "1", ref: null })
    })
  )

  it.effect("channel 1.6: keeps its order, though one takes longer than the next", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const server = yield* serverOf({
        ...relay,
        intercept: (payload) => (payload === 1 ? Effect.as(latch.await, payload) : Effect.succeed(payload))
      })
      const client = yield* joined(server)
      for (const n of [1, 2, 3]) yield* server.run(Room.broadcast({ id: "1" }, "said", n))
      assert.deepStrictEqual(said(client), [])
      yield* latch.open
      yield* until(() => said(client).length === 3)
      assert.deepStrictEqual(said(client), [1, 2, 3])
    })
  )

  it.effect("channel 1.6: that comes from a handler is handled after it", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ ...relay, intercept: (payload) => Effect.succeed(payload) })
      const client = yield* joined(server)
      yield* client.push("room:1", "ask", 1)
      yield* client.next("said")
      assert.deepStrictEqual(
        client.received.slice(1).map(({ event }) => event),
        ["phx_reply", "said"]
      )
    })
  )

  it.effect("channel 1.6: whose change dies crashes the channel of that member alone", () =>
    Effect.gen(function* () {
      let first = true
      const { lines, server } = yield* loggingServerOf({
        ...relay,
        intercept: (payload) =>
          Effect.suspend(() => {
            if (!first) return Effect.succeed(payload)
            first = false
            return Effect.die("oh")
          })
      })
      const [ann, bob] = [yield* joined(server), yield* joined(server)]
      yield* server.run(Room.broadcast({ id: "1" }, "said", 1))
      assert.strictEqual((yield* ann.next()).event, "phx_error")
      assert.strictEqual((yield* bob.next()).event, "said")
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
    })
  )
})

describe("the testing kit", () => {
  it.effect("channel 0.9: takes a broadcaster of the layer or of the context, and sees what goes through it", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const own = Layer.succeed(Broadcaster.Broadcaster, {
        publish: ({ event }) =>
          Effect.as(
            Effect.sync(() => void journal.push(event)),
            undefined
          ),
        subscribe: () => Effect.succeed(() => {}),
        since: () => Effect.succeed({ complete: true, top: undefined, deliveries: [] }),
        subscribers: () => [],
        survey: () => Effect.succeed({ answers: [], missing: 0 }),
        health: Stream.make({ _tag: "Connected" as const })
      })
      const server = ChannelServer.make("x").mount(Room)
      const live = roomLayer({})
      const given = yield* TestChannel.make(server, Layer.merge(live, own))
      yield* given.run(Room.broadcast({ id: "1" }, "said", 1))
      const around = yield* TestChannel.make(server, live).pipe(Effect.provide(own))
      yield* around.run(Room.broadcast({ id: "1" }, "note", 2))
      assert.deepStrictEqual(journal, ["said", "note"])
      assert.deepStrictEqual([given.broadcasts.length, around.broadcasts.length], [1, 1])
    })
  )
})
