import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Metric } from "effect"
import { TestClock } from "effect/testing"
import { ChannelHandler, ChannelServer, ChannelSocket } from "fairlead/channel"
import type { Broadcaster } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { joined, loggingServerOf, Room, roomLayer, serverOf, until } from "./Room.ts"

const ids = ChannelHandler.make("ids", {
  connect: ({ params }) => ChannelHandler.accept({ id: params.get("id") })
})

describe("limits of a socket", () => {
  it.effect("channel 1.1: a join beyond maxChannels is refused, and one is free again when a channel has ended", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}, [], { maxChannels: 2 }))
      yield* client.join("room:2")
      const refused = { status: "error", response: { reason: "too many channels joined" } }
      assert.deepStrictEqual(yield* client.join("room:3"), refused)
      assert.strictEqual((yield* client.join("room:2")).status, "ok")
      yield* client.leave("room:1")
      assert.strictEqual((yield* client.join("room:3")).status, "ok")
    })
  )

  it.effect("channel 0.4: a join that takes longer than joinTimeout is refused, and the topic is free again", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const join = ({ payload }: { readonly payload: unknown }) =>
        payload === "stuck"
          ? Effect.andThen(
              Effect.addFinalizer(() => Effect.sync(() => ended.push("scope"))),
              Effect.never
            )
          : Effect.succeed({})
      const client = yield* (yield* serverOf({ join }, [], { joinTimeout: "3 seconds" })).connect()
      const stuck = yield* Effect.forkChild(client.join("room:1", "stuck"))
      const next = yield* Effect.forkChild(client.join("room:1", "quick"))
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(stuck.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(stuck), { status: "error", response: { reason: "join timed out" } })
      assert.strictEqual((yield* Fiber.join(next)).status, "ok")
      assert.deepStrictEqual(ended, ["scope"])
    })
  )

  it.effect("channel 1.1: a socket may have joined a hundred topics by default", () =>
    Effect.gen(function* () {
      const client = yield* (yield* serverOf({})).connect()
      for (let index = 0; index < 100; index++) {
        assert.strictEqual((yield* client.join(`room:${index}`)).status, "ok")
      }
      assert.strictEqual((yield* client.join("room:100")).status, "error")
    })
  )

  it.effect(
    "channel2 1.3: a channel beyond maxPending is answered busy; heartbeats and other channels do not wait",
    () =>
      Effect.gen(function* () {
        const handled: Array<unknown> = []
        const latch = yield* Latch.make()
        const server = yield* serverOf(
          {
            tell: (payload) =>
              Effect.andThen(
                latch.await,
                Effect.sync(() => void handled.push(payload))
              )
          },
          [],
          { maxPendingMessages: 4 }
        )
        const client = yield* joined(server)
        // One is being handled, four may wait.
        for (let index = 0; index < 5; index++) yield* client.notify("room:1", "tell", index)
        assert.deepStrictEqual(yield* client.push("room:1", "tell", 5), {
          status: "error",
          response: { reason: "busy" }
        })
        assert.strictEqual((yield* client.heartbeat).status, "ok")
        assert.strictEqual((yield* client.join("room:2")).status, "ok")
        assert.strictEqual((yield* client.push("room:2", "ask", "there")).status, "ok")
        yield* latch.open
        yield* until(() => handled.length === 5)
        assert.deepStrictEqual(handled, [0, 1, 2, 3, 4])
        assert.strictEqual((yield* client.push("room:1", "ask", "again")).status, "ok")
      })
  )

  it.effect("channel2 1.3: a busy channel ends by onBusy: crash, and no other does", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ tell: () => Effect.never }, [], { maxPendingMessages: 2, onBusy: "crash" })
      const client = yield* joined(server)
      yield* client.join("room:2")
      for (let index = 0; index < 4; index++) yield* client.notify("room:1", "tell", index)
      const { event, topic } = yield* client.next("phx_error")
      assert.deepStrictEqual([event, topic], ["phx_error", "room:1"])
      assert.strictEqual((yield* client.push("room:2", "ask", 1)).status, "ok")
      assert.strictEqual((yield* client.join("room:1")).status, "ok")
    })
  )

  it.effect("channel2 1.3: the bytes that wait are bounded for a channel, and for a socket", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ tell: () => Effect.never }, [], {
        maxPendingBytes: 2000,
        maxSocketPendingBytes: 3000
      })
      const client = yield* joined(server)
      yield* client.join("room:2")
      const large = "x".repeat(1200)
      for (const topic of ["room:1", "room:1", "room:2"]) yield* client.notify(topic, "tell", large)
      const busy = { status: "error", response: { reason: "busy" } }
      assert.deepStrictEqual(yield* client.push("room:1", "tell", large), busy)
      yield* client.notify("room:2", "tell", large)
      assert.deepStrictEqual(yield* client.push("room:2", "tell", large), busy)
      yield* client.leave("room:1").pipe(Effect.forkChild)
      assert.strictEqual((yield* client.heartbeat).status, "ok")
    })
  )

  it.effect(
    "channel2 1.3: a handler that takes longer than handlerTimeout is interrupted, and its channel goes on",
    () =>
      Effect.gen(function* () {
        let interrupted = 0
        const ask = () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void interrupted++))
        const server = yield* serverOf({ ask, tell: () => Effect.void }, [], { handlerTimeout: "5 seconds" })
        const client = yield* joined(server)
        const asked = yield* Effect.forkChild(client.push("room:1", "ask", 1))
        yield* Effect.yieldNow
        yield* TestClock.adjust("5 seconds")
        const timedOut = { status: "error", response: { reason: "handler timed out" } }
        assert.deepStrictEqual(yield* Fiber.join(asked), timedOut)
        assert.strictEqual(interrupted, 1)
        assert.strictEqual((yield* client.push("room:1", "number", { n: 1 })).status, "ok")
      })
  )

  it.effect("channel 0.4: a silent socket is closed with 1002", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [], { idleTimeout: "10 seconds" })
      const silent = yield* joined(server)
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* silent.closed).code, 1002)
      assert.strictEqual(server.sockets(), 0)
    })
  )

  it.effect("channel 1.1: any message is a sign of life; the idle timeout is 60 seconds by default", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}))
      yield* TestClock.adjust("59 seconds")
      yield* client.heartbeat
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual((yield* client.heartbeat).status, "ok")
      yield* TestClock.adjust("66 seconds")
      assert.strictEqual((yield* client.closed).code, 1002)
    })
  )

  it.effect.each([
    ["not JSON", "{"],
    ["too deep", `["1","1","room:1","ask",${"[".repeat(4)}${"]".repeat(4)}]`],
    ["too long a name", `["1","1","room:1","${"a".repeat(21)}",{}]`]
  ] as const)("channel 1.1: a message that is %s closes the socket with 1011", ([, frame]) =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}, [], { maxDepth: 3, maxNameBytes: 20 }))
      yield* client.send(frame)
      assert.strictEqual((yield* client.closed).code, 1011)
    })
  )
})

describe("an event that the channel does not define", () => {
  it.effect("channel 0.7: gets an error reply, and the channel goes on", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}))
      assert.deepStrictEqual(yield* client.push("room:1", "nope"), {
        status: "error",
        response: { reason: "unknown event" }
      })
      assert.strictEqual((yield* client.push("room:1", "phx_reply")).status, "error")
      assert.strictEqual((yield* client.push("room:1", "ask")).status, "ok")
    })
  )

  it.effect("channel 1.5: crashes the channel where Phoenix's way is asked for", () =>
    Effect.gen(function* () {
      const { lines, server } = yield* loggingServerOf({}, [], { onUnknownEvent: "crash" })
      const client = yield* joined(server)
      assert.deepInclude(yield* Effect.flip(client.push("room:1", "nope")), { event: "phx_error" })
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
    })
  )
})

const overflows = Metric.counter("fairlead.channel.dropped_messages", {
  description: "Messages that were dropped for slow readers, by the end of the socket",
  incremental: true
})

const roomLive = roomLayer({})

/** A client that stopped reading behind its join, in a room with another that is told of broadcasts. */
const slowIn = (slowReader: TestChannel.Options["slowReader"] & {}) =>
  Effect.gen(function* () {
    const name = `slow ${slowReader.onOverflow} ${slowReader.maxMessages ?? slowReader.maxBytes}`
    const server = yield* TestChannel.make(ChannelServer.make(name).mount(Room), roomLive, { slowReader })
    const slow = yield* joined(server)
    yield* slow.stopReading
    const say = (payload: Broadcaster.Message["payload"]) => server.run(Room.broadcast({ id: "1" }, "said", payload))
    const count = (outcome: string) =>
      Effect.map(
        Metric.value(Metric.withAttributes(overflows, { "fairlead.composite": name, "fairlead.outcome": outcome })),
        ({ count }) => count
      )
    const said = () => slow.received.filter(({ event }) => event === "said").map(({ payload }) => payload)
    return { server, slow, say, count, said }
  })

describe("a client that does not read", () => {
  it.effect("channel 0.7: loses nothing while what waits is within bounds", () =>
    Effect.gen(function* () {
      const { count, said, say, slow } = yield* slowIn({ maxMessages: 4, onOverflow: "close" })
      for (let index = 0; index < 4; index++) yield* say(index)
      assert.deepStrictEqual(said(), [])
      yield* slow.startReading
      assert.deepStrictEqual(said(), [0, 1, 2, 3])
      assert.strictEqual(yield* count("dropped"), 0)
    })
  )

  it.effect("channel 0.7: is closed with 1013, and its lost messages are counted", () =>
    Effect.gen(function* () {
      const { count, say, server, slow } = yield* slowIn({ maxMessages: 2, onOverflow: "close" })
      for (let index = 0; index < 3; index++) yield* say(index)
      assert.strictEqual((yield* slow.closed).code, 1013)
      yield* slow.released
      assert.strictEqual(yield* count("closed"), 3)
      assert.strictEqual(server.members("room:1"), 0)
    })
  )

  it.effect("channel 0.7: loses the oldest, counted", () =>
    Effect.gen(function* () {
      const { count, said, say, slow } = yield* slowIn({ maxMessages: 3, onOverflow: "drop-oldest" })
      for (let index = 0; index < 5; index++) yield* say(index)
      yield* slow.startReading
      assert.deepStrictEqual(said(), [2, 3, 4])
      assert.strictEqual(yield* count("dropped"), 2)
    })
  )

  it.effect("channel 0.7: loses the newest, counted", () =>
    Effect.gen(function* () {
      const { count, said, say, slow } = yield* slowIn({ maxMessages: 3, onOverflow: "drop-newest" })
      for (let index = 0; index < 5; index++) yield* say(index)
      yield* slow.startReading
      assert.deepStrictEqual(said(), [0, 1, 2])
      assert.strictEqual(yield* count("dropped"), 2)
    })
  )

  it.effect("channel 0.7: has a bound of bytes too", () =>
    Effect.gen(function* () {
      const { said, say, slow } = yield* slowIn({ maxBytes: 1000, onOverflow: "drop-oldest" })
      yield* say("a".repeat(600))
      yield* say("b".repeat(600))
      yield* say("c".repeat(2000))
      yield* say("d")
      yield* slow.startReading
      assert.deepStrictEqual(said(), ["d"])
    })
  )

  it.effect("channel 0.7: never loses a reply: where only replies are left, it is closed", () =>
    Effect.gen(function* () {
      const { say, slow } = yield* slowIn({ maxMessages: 2, onOverflow: "drop-oldest" })
      yield* say(1)
      yield* slow.notify("room:1", "ask", 1)
      yield* slow.notify("room:1", "ask", 2)
      yield* Effect.yieldNow
      yield* slow.startReading
      assert.deepStrictEqual(
        slow.received.slice(1).map(({ payload }) => payload),
        [
          { status: "ok", response: 1 },
          { status: "ok", response: 2 }
        ]
      )
      yield* slow.stopReading
      for (let index = 0; index < 3; index++) yield* slow.notify("room:1", "ask", index)
      assert.strictEqual((yield* slow.closed).code, 1013)
    })
  )

  it.effect("channel 0.7: holds up no other member", () =>
    Effect.gen(function* () {
      const { say, server } = yield* slowIn({ maxMessages: 1, onOverflow: "drop-newest" })
      const fast = yield* joined(server)
      for (let index = 0; index < 5; index++) yield* say(index)
      for (let index = 0; index < 5; index++) assert.strictEqual((yield* fast.next("said")).payload, index)
    })
  )
})

describe("a socket is closed by the server", () => {
  it.effect("channel 1.1: by its id, with 1001 and no phx_close; others stay", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [ids])
      const one = yield* server.connect({ params: { id: "u:1" } })
      const same = yield* server.connect({ params: { id: "u:1" } })
      const other = yield* server.connect({ params: { id: "u:2" } })
      yield* one.join("room:1")
      yield* server.run(ChannelServer.disconnect("u:1"))
      assert.strictEqual((yield* one.closed).code, 1001)
      assert.strictEqual((yield* same.closed).code, 1001)
      yield* one.released
      yield* same.released
      assert.lengthOf(one.received, 1)
      assert.strictEqual((yield* other.heartbeat).status, "ok")
      assert.strictEqual(server.members("u:1"), 0)
    })
  )

  it.effect("channel 1.1: by a handler, and that handler's work is interrupted", () =>
    Effect.gen(function* () {
      class Kick extends Room {}
      const KickLive = Kick.layer({
        join: () => Effect.succeed({}),
        on: {
          ask: () =>
            Effect.gen(function* () {
              const socket = yield* ChannelSocket.ChannelSocket
              yield* socket.close(4000, "kicked")
              return yield* Effect.never
            }),
          tell: () => Effect.void,
          number: ({ n }) => Effect.succeed(n)
        }
      })
      const server = yield* TestChannel.make(ChannelServer.make("kick").mount(Kick), KickLive)
      const client = yield* joined(server)
      yield* client.notify("room:1", "ask")
      assert.deepInclude(yield* client.closed, { code: 4000, reason: "kicked" })
      yield* client.released
    })
  )

  it.effect("channel 0.4: on shutdown with 1012, in batches with a pause in between", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({}, [], { drain: { batchSize: 2, interval: "1 second" } })
      for (let index = 0; index < 5; index++) yield* server.connect()
      yield* server.shutdown
      yield* until(() => server.sockets() === 3)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(server.sockets(), 3)
      yield* TestClock.adjust("1 millis")
      yield* until(() => server.sockets() === 1)
      yield* TestClock.adjust("1 second")
      yield* until(() => server.sockets() === 0)
    })
  )

  it.effect("channel 0.4: on shutdown takes no more, not even a connecting one", () =>
    Effect.gen(function* () {
      const [asked, latch] = [yield* Latch.make(), yield* Latch.make()]
      const slow = ChannelHandler.make("slow", {
        connect: () => Effect.andThen(asked.open, Effect.asVoid(latch.await))
      })
      const server = yield* serverOf({}, [slow])
      const connecting = yield* Effect.forkChild(server.connect())
      yield* asked.await
      yield* server.shutdown
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Effect.flip(server.connect())).status, 503)
      yield* latch.open
      const late = yield* Fiber.join(connecting)
      assert.strictEqual((yield* late.closed).code, 1012)
      yield* late.released
    })
  )
})
