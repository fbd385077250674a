import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, References, Scope } from "effect"
import { Broadcaster, ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { keepLogs } from "../../server/Logs.ts"
import { joined, Room, roomLayer, serverOf, until } from "./Room.ts"

const broadcast = (
  server: TestChannel.TestServer,
  event: "said" | "note",
  payload: typeof ChannelApi.AnyPayload.Type
) => server.run(Broadcaster.broadcast("room:1", event, payload))

describe("one ordered publish", () => {
  it.effect.each([400, 2000])(
    "channel2 1.1: %d slow members whose leave hook broadcasts all leave, and their scopes close",
    (count) =>
      Effect.gen(function* () {
        let left = 0
        let finalized = 0
        const server = yield* serverOf(
          {
            join: () =>
              Effect.as(
                Effect.addFinalizer(() => Effect.sync(() => void finalized++)),
                {}
              ),
            leave: (_, member) =>
              Effect.andThen(
                Effect.sync(() => void left++),
                member.broadcast("note", { bye: true })
              )
          },
          [],
          { slowReader: { maxMessages: 2 } }
        )
        const scope = yield* Scope.make()
        const connect = Effect.tap(Scope.provide(server.connect(), scope), (client) =>
          Effect.andThen(client.join("room:1"), client.stopReading)
        )
        const clients = yield* Effect.forEach(Array.from({ length: count }), () => connect)
        for (const n of [1, 2, 3]) yield* broadcast(server, "said", n)
        yield* Effect.forEach(clients, ({ released }) => released, { discard: true })
        assert.deepStrictEqual([left, finalized, server.members("room:1"), server.sockets()], [count, count, 0, 0])
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.effect("channel2 1.2: members see one order, whatever the members before them publish for a message", () =>
    Effect.gen(function* () {
      class Chat extends ChannelApi.make("chat", {
        join: { payload: ChannelApi.AnyPayload },
        outgoing: { said: ChannelApi.AnyPayload },
        retention: ChannelApi.recoverable()
      }) {}
      const layer = Chat.layer({
        join: () => Effect.void,
        on: {},
        intercept: {
          // The first member answers each message before others have seen it.
          said: (payload, member) =>
            payload === 1 && member.state === undefined
              ? Effect.as(member.broadcast("said", "answer"), payload)
              : Effect.succeed(payload)
        }
      })
      const server = yield* TestChannel.make(ChannelServer.make("chats").mount(Chat), layer)
      const ann = yield* server.connect()
      yield* ann.join("chat", { recover_from: null })
      const bob = yield* server.connect()
      yield* bob.join("chat", { recover_from: null })
      yield* server.run(Broadcaster.broadcast("chat", "said", 1))
      yield* server.run(Broadcaster.broadcast("chat", "said", 2))
      const seen = (client: TestChannel.TestSocket) =>
        client.received.flatMap(({ event, payload, position }) =>
          event === "said" ? [[payload, Number(position?.split(":")[1])] as const] : []
        )
      assert.deepStrictEqual(
        seen(bob).map(([payload]) => payload),
        [1, "answer", "answer", 2]
      )
      assert.deepStrictEqual(seen(ann), seen(bob))
      assert.deepStrictEqual(
        seen(bob).map(([, offset]) => offset),
        [1, 2, 3, 4]
      )
    })
  )

  it.effect("channel2 1.1: an error that a subscriber throws is reported, and stops no other", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      yield* Effect.gen(function* () {
        const { publish, subscribe } = yield* Broadcaster.Broadcaster
        const seen: Array<unknown> = []
        const fail = () => {
          throw new Error("broken")
        }
        yield* subscribe("t", { id: "a", deliver: fail })
        yield* subscribe("t", { id: "b", deliver: ({ payload }) => void seen.push(payload) })
        yield* publish({ topic: "t", event: "e", payload: 1 })
        assert.deepStrictEqual(seen, [1])
        yield* until(() => lines.length > 0)
        assert.include(lines[0]!.message, `A subscriber of "t" threw an error`)
      }).pipe(Effect.provide(Layer.provideMerge(Broadcaster.layer, layer)))
    })
  )

  it.effect("channel2 1.3: a handler that broadcasts many intercepted events keeps its socket and all its events", () =>
    Effect.gen(function* () {
      const count = 3000
      const server = yield* serverOf({
        tell: (_, member) =>
          Effect.forEach(Array.from({ length: count }), (_, n) => member.broadcast("said", n), { discard: true }),
        intercept: (payload) => Effect.as(Effect.yieldNow, payload)
      })
      const client = yield* joined(server)
      yield* client.notify("room:1", "tell", {})
      yield* until(() => client.received.filter(({ event }) => event === "said").length === count)
      assert.strictEqual((yield* client.push("room:1", "ask", 1)).status, "ok")
    })
  )

  it.effect("channel2 1.6: a message object that was changed and published again sends the new payload", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({})
      const client = yield* joined(server)
      const message = { topic: "room:1", event: "said", payload: 1 }
      yield* server.run(Broadcaster.publish(message))
      message.payload = 2
      yield* server.run(Broadcaster.publish(message))
      assert.deepStrictEqual([(yield* client.next("said")).payload, (yield* client.next("said")).payload], [1, 2])
    })
  )

  it.effect.each(["1.0.0", "2.0.0"])(
    "channel2 1.6: a late push of a left channel does not reach the next join (%s)",
    (vsn) =>
      Effect.gen(function* () {
        const members: Array<{ readonly push: (event: "note", payload: string) => Effect.Effect<void> }> = []
        const server = yield* serverOf({
          afterJoin: (member) => Effect.sync(() => void members.push(member)),
          leave: (_, member) => member.push("note", "last")
        })
        const client = yield* server.connect({ vsn })
        yield* client.join("room:1")
        yield* client.leave("room:1")
        yield* client.join("room:1")
        yield* members[0]!.push("note", "late")
        yield* members[1]!.push("note", "now")
        assert.strictEqual((yield* client.next("note")).payload, "last")
        assert.strictEqual((yield* client.next("note")).payload, "now")
      })
  )

  it.effect("channel2 1.6: an event disconnect on a topic named like a socket's id closes no socket", () =>
    Effect.gen(function* () {
      const named = ChannelHandler.make("named", { connect: () => ChannelHandler.accept({ id: "room:1" }) })
      const server = yield* TestChannel.make(ChannelServer.make("x").use(named).mount(Room), roomLayer({}))
      const client = yield* joined(server)
      yield* server.run(Broadcaster.broadcast("room:1", "disconnect", {}))
      assert.strictEqual((yield* client.next()).event, "disconnect")
      yield* server.run(ChannelServer.disconnect("room:1"))
      assert.strictEqual((yield* client.closed).code, 1001)
    })
  )

  it.effect("channel2 1.5: bytes for slow readers are bounded in sum, and the slowest is closed first", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [], { maxOutgoingBytes: 4 * 64 * 1024 + 10_000 })
      const slow = yield* Effect.forEach([1, 2, 3, 4], () => Effect.tap(joined(server), (client) => client.stopReading))
      const slowest = yield* Effect.tap(joined(server, "room:2"), (client) => client.join("room:1"))
      yield* broadcast(server, "said", "x".repeat(1000))
      assert.strictEqual(server.sockets(), 5)
      yield* slowest.stopReading
      yield* server.run(Broadcaster.broadcast("room:2", "said", "x".repeat(8000)))
      assert.strictEqual((yield* slowest.closed).code, 1013)
      yield* Effect.forEach(slow, ({ startReading }) => startReading)
      for (const client of slow) assert.strictEqual((yield* client.push("room:1", "ask", 1)).status, "ok")
    })
  )

  it.effect("channel2 1.6: the end of a socket is one line of log, at Debug", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      yield* Effect.gen(function* () {
        const server = yield* serverOf({})
        const client = yield* joined(server)
        yield* client.close()
        yield* client.released
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [["Debug", `A socket of "rooms" ended with 1000`]]
        )
      }).pipe(Effect.provide(layer), Effect.provideService(References.MinimumLogLevel, "Debug"))
    })
  )
})
