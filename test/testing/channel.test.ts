import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Schema, SchemaGetter } from "effect"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

class Full extends Schema.TaggedError<Full>()("Full", { seats: Schema.Number }) {}
const Line = Schema.Struct({ text: Schema.String })

// Encoded by an Effect that does not end at once.
const Slow = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transform((text: string) => text),
    encode: SchemaGetter.transformEffect((text: string) => Effect.as(Effect.yieldNow, `${text}!`))
  })
)

class Room extends ChannelApi.make("room:{id}", {
  params: { id: Schema.NumberFromString },
  join: {
    payload: Schema.Struct({ name: Schema.String }),
    reply: Schema.Struct({ seats: Schema.Number }),
    error: Full
  },
  incoming: {
    say: { payload: Line, reply: Schema.Struct({ length: Schema.Number }), error: Full },
    tell: { payload: Line },
    check: { error: Full },
    bytes: { payload: ChannelApi.Binary, reply: ChannelApi.Binary }
  },
  outgoing: { said: Line, heard: ChannelApi.Binary, slow: Slow }
}) {}

const roomLive = Room.layer({
  join: ({ payload }) => (payload.name === "late" ? Effect.fail(new Full({ seats: 0 })) : Effect.succeed({ seats: 3 })),
  on: {
    say: ({ text }, room) =>
      text === "never"
        ? Effect.never
        : text === "full"
          ? Effect.fail(new Full({ seats: 1 }))
          : Effect.as(room.broadcast("said", { text }), { length: text.length }),
    tell: ({ text }, room) => Effect.andThen(room.push("slow", text), room.push("said", { text })),
    check: () => Effect.void,
    bytes: (bytes, room) => Effect.as(Effect.andThen(room.push("heard", bytes), room.broadcast("heard", bytes)), bytes)
  }
})

const strict = ChannelHandler.make("strict", {
  incoming: ({ payload }) =>
    JSON.stringify(payload).includes("odd") ? Effect.fail(new ChannelHandler.Reject({ reason: "odd" })) : undefined
})
const chat = ChannelServer.make("chat").use(strict).mount(Room)

const setup = Effect.gen(function* () {
  const server = yield* TestChannel.make(chat, roomLive)
  const client = yield* server.connect()
  yield* client.join("room:1", { name: "ann" })
  return { server, client }
})

describe("a test's client", () => {
  it.effect.each(["1.0.0", "2.0.0"])("channel 0.9: talks version %s to others of its server", (vsn) =>
    Effect.gen(function* () {
      const { client, server } = yield* setup
      const other = yield* server.connect({ vsn })
      assert.deepStrictEqual(yield* other.join("room:1", { name: "bob" }), { status: "ok", response: { seats: 3 } })
      yield* other.push("room:1", "say", { text: "hello" })
      assert.deepStrictEqual((yield* client.next("said")).payload, { text: "hello" })
      assert.deepStrictEqual(yield* other.next(), {
        joinRef: null,
        ref: null,
        topic: "room:1",
        event: "said",
        payload: { text: "hello" }
      })
      yield* other.leave("room:1")
      assert.strictEqual((yield* other.next()).event, "phx_close")
    })
  )

  it.effect("channel 0.9: sends and gets bytes, as reply, push and broadcast", () =>
    Effect.gen(function* () {
      const { client } = yield* setup
      const bytes = Uint8Array.of(0, 255)
      assert.deepStrictEqual(yield* client.push("room:1", "bytes", bytes), { status: "ok", response: bytes })
      assert.deepInclude(yield* client.next("heard"), { joinRef: "1", topic: "room:1", payload: bytes })
      assert.deepInclude(yield* client.next("heard"), { joinRef: null, topic: "room:1", payload: bytes })
    })
  )

  it.effect("channel 0.9: takes messages in order, or the first of an event, and waits for it", () =>
    Effect.gen(function* () {
      const { client } = yield* setup
      yield* client.notify("room:1", "tell", { text: "a" })
      yield* client.next("slow")
      yield* client.notify("room:1", "say", { text: "b" })
      const events = yield* Effect.all([client.next("phx_reply"), client.next(), client.next()])
      assert.deepStrictEqual(
        events.map(({ event }) => event),
        ["phx_reply", "said", "said"]
      )
      const waiting = yield* Effect.forkChild(client.next())
      yield* Effect.yieldNow
      yield* client.notify("room:1", "say", { text: "c" })
      assert.deepStrictEqual((yield* Fiber.join(waiting)).payload, { text: "c" })
      assert.lengthOf(client.received, 7)
    })
  )

  it.effect("channel 0.9: that no longer waits leaves later messages to others", () =>
    Effect.gen(function* () {
      const { client } = yield* setup
      const gaveUp = yield* Effect.forkChild(client.next("said"))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(gaveUp)
      const unanswered = yield* Effect.forkChild(client.push("room:1", "say", { text: "never" }))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(unanswered)
      assert.strictEqual((yield* client.join("room:1", { name: "ann" })).status, "ok")
      yield* client.push("room:1", "say", { text: "x" })
      assert.strictEqual((yield* client.next("said")).event, "said")
    })
  )

  it.effect("channel 0.9: learns that its channel ended or its socket is closed, during any wait", () =>
    Effect.gen(function* () {
      const { client } = yield* setup
      const stuck = yield* Effect.forkChild(Effect.flip(client.push("room:1", "say", { text: "never" })))
      yield* Effect.yieldNow
      yield* client.join("room:1", { name: "ann" })
      const ended = yield* Fiber.join(stuck)
      assert.include(ended.message, `"room:1" ended with phx_close`)
      const waiting = yield* Effect.forkChild(Effect.flip(client.next("nothing")))
      const asking = yield* Effect.forkChild(Effect.flip(client.push("room:1", "say", { text: "never" })))
      yield* Effect.yieldNow
      yield* client.close(1006)
      const closed = [yield* Fiber.join(waiting), yield* Fiber.join(asking)]
      for (const { message } of closed) assert.include(message, "closed with 1006")
      assert.strictEqual((yield* client.closed).code, 1006)
      assert.instanceOf(yield* Effect.flip(client.heartbeat), TestChannel.SocketClosed)
      yield* client.send("nothing happens")
      yield* client.close()
    })
  )

  it.effect("channel 0.9: is lost with its scope, and the server releases it", () =>
    Effect.gen(function* () {
      const { server } = yield* setup
      const codes: Array<number> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* server.connect()
          yield* Effect.forkDetach(
            Effect.map(client.closed, ({ code }) => codes.push(code)),
            { startImmediately: true }
          )
          assert.strictEqual(server.sockets(), 2)
        })
      )
      yield* Effect.yieldNow
      assert.strictEqual(server.sockets(), 1)
      assert.deepStrictEqual(codes, [1006])
    })
  )

  it.effect("channel 0.9: that stops connecting is not connected", () =>
    Effect.gen(function* () {
      const [asked, gone] = [yield* Latch.make(), yield* Latch.make()]
      const slow = ChannelHandler.make("slow", {
        connect: () => Effect.onInterrupt(Effect.andThen(asked.open, Effect.never), () => gone.open)
      })
      const server = yield* TestChannel.make(ChannelServer.make("slow").use(slow))
      const connecting = yield* Effect.forkChild(server.connect())
      yield* asked.await
      yield* Fiber.interrupt(connecting)
      yield* gone.await
      assert.strictEqual(server.sockets(), 0)
    })
  )
})

describe("a test's channel by its definition", () => {
  const joined = Effect.map(setup, ({ client }) => client.channel(Room, { id: 1 }))

  it.effect("channel 0.9: sends and receives values", () =>
    Effect.gen(function* () {
      const room = yield* joined
      assert.strictEqual(room.topic, "room:1")
      assert.deepStrictEqual(yield* room.join({ name: "ann" }), { seats: 3 })
      assert.deepStrictEqual(yield* room.push("say", { text: "four" }), { length: 4 })
      assert.deepStrictEqual(yield* room.next("said"), { text: "four" })
      assert.isUndefined(yield* room.push("check"))
      assert.isUndefined(yield* room.push("tell", { text: "quiet" }))
      assert.strictEqual(yield* room.next("slow"), "quiet!")
      yield* room.leave
      assert.deepInclude(yield* Effect.flip(room.push("check")), {
        status: "error",
        response: { reason: "unmatched topic" }
      })
    })
  )

  it.effect("channel 0.9: fails with declared errors as they are, and with ErrorReply for others", () =>
    Effect.gen(function* () {
      const room = yield* joined
      assert.deepStrictEqual(yield* Effect.flip(room.join({ name: "late" })), new Full({ seats: 0 }))
      yield* room.join({ name: "ann" })
      assert.deepStrictEqual(yield* Effect.flip(room.push("say", { text: "full" })), new Full({ seats: 1 }))
      const odd = yield* Effect.flip(room.push("say", { text: "odd" }))
      assert.instanceOf(odd, TestChannel.ErrorReply)
      assert.strictEqual(
        odd.message,
        `"say" on "room:1" was answered error: {"reason":"odd"}. Declare the error, or expect this reply`
      )
    })
  )
})

describe("a refused connect", () => {
  it.effect("channel 0.9: says with which status and why", () =>
    Effect.gen(function* () {
      const server = yield* TestChannel.make(ChannelServer.make("x"))
      const refused = yield* Effect.flip(server.connect({ vsn: "9" }))
      assert.strictEqual(refused.message, `The connect was refused with 403: unknown vsn "9"`)
      yield* server.shutdown
      yield* Effect.yieldNow
      assert.strictEqual((yield* Effect.flip(server.connect())).status, 503)
    })
  )
})
