/** What a server does with one member: asks its client, lists and kicks it, and sends to it on other topics. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ChannelApi, ChannelHandler, ChannelServer, ChannelSocket } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

class Room extends ChannelApi.make("room:{id}", {
  incoming: {
    confirm: { reply: Schema.String },
    hang: {},
    elsewhere: {},
    search: { payload: Schema.Boolean, reply: Schema.Finite },
    whoami: { reply: Schema.String }
  },
  outgoing: { said: Schema.String },
  requests: {
    sure: { payload: Schema.String, reply: Schema.Boolean, error: Schema.Struct({ why: Schema.String }) }
  }
}) {}

const exits: Array<Exit.Exit<unknown, unknown>> = []

const layer = Room.layer({
  join: () => Effect.succeed(ChannelApi.state({ joins: 1 })),
  on: {
    confirm: (_, room) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(room.request("sure", "delete it?", { timeout: "5 seconds" }))
        exits.push(exit)
        return Exit.isSuccess(exit) ? String(exit.value) : "no answer"
      }),
    hang: () => Effect.never,
    elsewhere: () =>
      Effect.gen(function* () {
        const socket = yield* ChannelSocket.ChannelSocket
        yield* socket.push("room:2", "said", "on another topic")
        yield* socket.push("news", "said", "on a topic that nobody joined")
      }),
    search: (partial) => Effect.succeed(partial ? ChannelApi.replyAs("partial", 1) : 2),
    whoami: (_, room) => Effect.succeed(room.id)
  }
})

const make = TestChannel.make(ChannelServer.make("asks").mount(Room), layer)

const joined = (server: TestChannel.TestServer<any>, topic = "room:1") =>
  Effect.tap(server.connect(), (client) => client.join(topic))

/** A client that was asked, with the id of the request. */
const asked = Effect.gen(function* () {
  exits.length = 0
  const server = yield* make
  const client = yield* joined(server)
  const pushed = yield* Effect.forkScoped(client.push("room:1", "confirm"))
  const request = yield* client.next("sure")
  const { payload, request_id: id } = request.payload as { readonly payload: string; readonly request_id: string }
  assert.strictEqual(payload, "delete it?")
  const reply = Effect.map(Fiber.join(pushed), ({ response }) => response)
  return { server, client, id, reply }
})

describe("a request to a client", () => {
  it.effect("channel2 4.3: succeeds with its answer, while the handler that asked waits", () =>
    Effect.gen(function* () {
      const { client, id, reply } = yield* asked
      const taken = yield* client.push("room:1", "request_reply", { request_id: id, status: "ok", response: true })
      assert.deepStrictEqual(taken, { status: "ok", response: {} })
      assert.strictEqual(yield* reply, "true")
      // An answer counts once.
      const again = yield* client.push("room:1", "request_reply", { request_id: id, response: false })
      assert.deepStrictEqual(again, { status: "error", response: { reason: "unknown request" } })
    })
  )

  it.effect("channel2 4.3: fails with the declared error that the client answers with", () =>
    Effect.gen(function* () {
      const { client, id, reply } = yield* asked
      yield* client.notify("room:1", "request_reply", { request_id: id, status: "error", response: { why: "no" } })
      assert.strictEqual(yield* reply, "no answer")
      assert.deepStrictEqual(exits, [Exit.fail({ why: "no" })])
    })
  )

  const failsWith = (reason: ChannelApi.ClientRequestError["reason"]) =>
    assert.deepStrictEqual(exits, [
      Exit.fail(new ChannelApi.ClientRequestError({ topic: "room:1", event: "sure", reason }))
    ])

  it.effect("channel2 4.3: fails for an answer that does not fit its schema", () =>
    Effect.gen(function* () {
      const { client, id, reply } = yield* asked
      yield* client.notify("room:1", "request_reply", { request_id: id, response: "maybe" })
      assert.strictEqual(yield* reply, "no answer")
      failsWith("invalid answer")
    })
  )

  it.effect("channel2 4.3: fails when its time is up", () =>
    Effect.gen(function* () {
      const { reply } = yield* asked
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* reply, "no answer")
      failsWith("timed out")
    })
  )

  it.effect("channel2 4.3: ends with the channel", () =>
    Effect.gen(function* () {
      const { client, server } = yield* asked
      yield* client.close(1006)
      yield* client.released
      assert.strictEqual(server.sockets(), 0)
    })
  )
})

describe("the members of a topic", () => {
  it.effect("channel2 4.3: are counted and listed, with the ids of their sockets and when they joined", () =>
    Effect.gen(function* () {
      const named = ChannelHandler.make("named", {
        connect: ({ params }) => ChannelHandler.accept({ id: params.get("id") })
      })
      const server = yield* TestChannel.make(ChannelServer.make("asks").use(named).mount(Room), layer)
      const ann = yield* server.connect({ params: { id: "ann" } })
      yield* ann.join("room:1")
      yield* TestClock.adjust("30 seconds")
      yield* joined(server)
      yield* joined(server, "room:2")
      assert.strictEqual(yield* server.run(Room.count({ id: "1" })), 2)
      assert.strictEqual(yield* server.run(Room.count({ id: "9" })), 0)
      const members = yield* server.run(Room.members({ id: "1" }))
      assert.deepStrictEqual(
        members.map(({ joinedAt, socketId, topic }) => [topic, socketId, DateTime.toEpochMillis(joinedAt)]),
        [
          ["room:1", "ann", 0],
          ["room:1", undefined, 30_000]
        ]
      )
      assert.strictEqual((yield* ann.push("room:1", "whoami")).response, members[0]!.id)
    })
  )

  it.effect("nodes 1: are all asked, and each answers, declines, or has no time left", () =>
    Effect.gen(function* () {
      const server = yield* make
      const [ann, ben] = [yield* joined(server), yield* joined(server)]
      yield* joined(server)
      const asking = yield* Effect.forkChild(
        server.run(Room.request({ id: "1" }, "sure", "all?", { timeout: "3 seconds" }))
      )
      const answer = (client: TestChannel.TestSocket, status: string, response: Schema.Json) =>
        Effect.flatMap(client.next("sure"), ({ payload }) => {
          const { request_id } = payload as { readonly request_id: string }
          return client.notify("room:1", "request_reply", { request_id, status, response })
        })
      yield* answer(ann, "ok", true)
      yield* answer(ben, "error", { why: "no" })
      yield* TestClock.adjust("3 seconds")
      const { answers, missingNodes } = yield* Fiber.join(asking)
      const members = yield* server.run(Room.members({ id: "1" }))
      assert.deepStrictEqual(
        answers.map(({ member }) => member),
        members.map(({ id }) => id)
      )
      assert.deepStrictEqual(
        answers.map(({ result }) =>
          Result.match(result, {
            onSuccess: String,
            onFailure: (error) => ("why" in error ? error.why : error.reason)
          })
        ),
        ["true", "no", "timed out"]
      )
      assert.strictEqual(missingNodes, 0)
      assert.throws(
        () => Effect.runSync(server.run(Room.request({ id: "1" }, "sure", "x", { timeout: -1 }))),
        "timeout"
      )
    })
  )

  it.effect("channel2 4.3: one is kicked for good, also where its handler hangs, and the others stay", () =>
    Effect.gen(function* () {
      const server = yield* make
      const [ann, ben] = [yield* joined(server), yield* joined(server)]
      yield* ann.notify("room:1", "hang")
      const [member] = yield* server.run(Room.members({ id: "1" }))
      assert.isTrue(yield* server.run(Room.kick({ id: "1" }, member!.id)))
      assert.strictEqual((yield* ann.next()).event, "phx_close")
      assert.isFalse(yield* server.run(Room.kick({ id: "1" }, member!.id)))
      assert.strictEqual(yield* server.run(Room.count({ id: "1" })), 1)
      assert.strictEqual((yield* ben.push("room:1", "search", true)).status, "partial")
    })
  )

  it.effect("channel2 4.3: get events on other topics of their socket, joined or not", () =>
    Effect.gen(function* () {
      const server = yield* make
      const client = yield* joined(server)
      yield* client.join("room:2")
      yield* client.notify("room:1", "elsewhere")
      const [second, third] = [yield* client.next("said"), yield* client.next("said")]
      assert.deepStrictEqual(
        [second.topic, second.payload, second.joinRef === null],
        ["room:2", "on another topic", false]
      )
      assert.deepStrictEqual([third.topic, third.joinRef], ["news", null])
    })
  )
})

describe("replies", () => {
  it.effect("channel2 4.3: may have another status than ok", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* make)
      assert.deepStrictEqual(yield* client.push("room:1", "search", true), { status: "partial", response: 1 })
      assert.deepStrictEqual(yield* client.push("room:1", "search", false), { status: "ok", response: 2 })
    })
  )
})

describe("a socket that expires", () => {
  const expiring = ChannelHandler.make("expiring", {
    connect: () => ChannelHandler.accept({ expiresAt: 60_000 }),
    incoming: ({ event }, socket) =>
      event === "hang" ? Effect.as(socket.expireAt(120_000), ChannelHandler.drop) : undefined
  })
  const server = TestChannel.make(ChannelServer.make("asks").use(expiring).mount(Room), layer, {
    idleTimeout: "10 minutes"
  })

  it.effect("channel2 4.2: is closed with 1008 at that time", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* server)
      yield* TestClock.adjust(59_999)
      assert.strictEqual((yield* client.heartbeat).status, "ok")
      yield* TestClock.adjust(1)
      const { code, reason } = yield* client.closed
      assert.deepStrictEqual([code, reason], [1008, "expired"])
    })
  )

  it.effect("channel2 4.2: stays open until the new time of a client that authenticates again", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* server)
      yield* client.notify("room:1", "hang")
      yield* TestClock.adjust(119_999)
      assert.strictEqual((yield* client.heartbeat).status, "ok")
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* client.closed).code, 1008)
    })
  )
})
