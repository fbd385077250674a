import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Schema } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { Failed, joined, loggingServerOf, serverOf, until } from "./Room.ts"
import type { Member, Payload } from "./Room.ts"

const eventsOf = (client: TestChannel.TestSocket) => client.received.map(({ event }) => event)

describe("a handler's answer", () => {
  it.effect(
    "channel 1.5: is an ok reply, an error reply for a declared error, and nothing where nothing is declared",
    () =>
      Effect.gen(function* () {
        const server = yield* serverOf({
          ask: (payload) => (payload === "fail" ? Effect.fail(new Failed({ why: "told to" })) : Effect.succeed(payload))
        })
        const client = yield* joined(server)
        assert.deepStrictEqual(yield* client.push("room:1", "ask", "a"), { status: "ok", response: "a" })
        assert.deepStrictEqual(yield* client.push("room:1", "ask", "fail"), {
          status: "error",
          response: { _tag: "Failed", why: "told to" }
        })
        yield* client.notify("room:1", "tell")
        yield* client.heartbeat
        assert.lengthOf(client.received, 4)
      })
  )

  it.effect("channel 1.5: to bytes may be bytes, and JSON to bytes", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({
        ask: (payload) => Effect.succeed(payload instanceof Uint8Array && payload.length > 2 ? payload.length : payload)
      })
      const client = yield* joined(server)
      const bytes = Uint8Array.of(1, 2)
      assert.deepStrictEqual(yield* client.push("room:1", "ask", bytes), { status: "ok", response: bytes })
      assert.deepStrictEqual(yield* client.push("room:1", "ask", Uint8Array.of(1, 2, 3)), { status: "ok", response: 3 })
    })
  )

  it.effect("channel 0.7: of bytes to a client of version 1 is an error reply, and the channel goes on", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ ask: () => Effect.succeed(Uint8Array.of(1)) })
      const client = yield* server.connect({ vsn: "1.0.0" })
      yield* client.join("room:1")
      const reply = { status: "error", response: { reason: "a binary reply needs vsn 2.0.0" } }
      assert.deepStrictEqual(yield* client.push("room:1", "ask"), reply)
      assert.deepStrictEqual(yield* client.push("room:1", "number", { n: 1 }), { status: "ok", response: 1 })
    })
  )

  it.effect("channel 0.1: to a payload outside of the definition is an error that says where", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}))
      const reply = yield* client.push("room:1", "number", { n: "1" })
      assert.strictEqual(reply.status, "error")
      assert.deepInclude(reply.response, { reason: "invalid payload" })
      assert.include(JSON.stringify(reply.response), `"path":["n"]`)
      const bytes = yield* client.push("room:1", "number", Uint8Array.of(1))
      assert.deepInclude(bytes.response, { reason: "invalid payload" })
    })
  )

  it.effect("channel 0.1: that cannot be encoded is a crash, for the handler returned a wrong value", () =>
    Effect.gen(function* () {
      const { lines, server } = yield* loggingServerOf({ number: () => Number.NaN })
      const client = yield* joined(server)
      const ended = yield* Effect.flip(client.push("room:1", "number", { n: 1 }))
      assert.deepInclude(ended, { _tag: "ChannelEnded", event: "phx_error" })
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
    })
  )
})

describe("a reply that comes later", () => {
  const later = (latch: Latch.Latch, reply: Payload = "later") =>
    Effect.succeed(ChannelApi.later(Effect.as(latch.await, reply)))

  it.effect("channel 1.5: does not hold up the messages after it", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const server = yield* serverOf({
        ask: (payload) => (payload === "slow" ? later(latch) : Effect.succeed(payload))
      })
      const client = yield* joined(server)
      const slow = yield* Effect.forkChild(client.push("room:1", "ask", "slow"))
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "fast"), { status: "ok", response: "fast" })
      yield* latch.open
      assert.deepStrictEqual(yield* Fiber.join(slow), { status: "ok", response: "later" })
    })
  )

  it.effect("channel 1.5: may be a declared error", () =>
    Effect.gen(function* () {
      const failing = Effect.andThen(Effect.yieldNow, Effect.fail(new Failed({ why: "late" })))
      const client = yield* joined(yield* serverOf({ ask: () => Effect.succeed(ChannelApi.later(failing)) }))
      const reply = { status: "error", response: { _tag: "Failed", why: "late" } }
      assert.deepStrictEqual(yield* client.push("room:1", "ask"), reply)
    })
  )

  it.effect("channel 1.5: is not sent when the channel has ended, and its Effect is interrupted", () =>
    Effect.gen(function* () {
      const interrupted = yield* Latch.make()
      const running = yield* Latch.make()
      const never = Effect.onInterrupt(Effect.andThen(running.open, Effect.never), () => interrupted.open)
      const client = yield* joined(yield* serverOf({ ask: () => Effect.succeed(ChannelApi.later(never)) }))
      const asked = yield* Effect.forkChild(Effect.flip(client.push("room:1", "ask")))
      yield* running.await
      yield* client.leave("room:1")
      yield* interrupted.await
      assert.deepInclude(yield* Fiber.join(asked), { event: "phx_close" })
      assert.deepStrictEqual(eventsOf(client), ["phx_reply", "phx_reply", "phx_close"])
    })
  )

  it.effect("channel 1.5: of a channel that was joined again is not sent to the new one", () =>
    Effect.gen(function* () {
      const [latch, begun] = [yield* Latch.make(), yield* Latch.make()]
      // What cannot be interrupted outlives the channel's end.
      const stubborn = Effect.uninterruptible(Effect.andThen(begun.open, Effect.as(latch.await, "old")))
      const client = yield* joined(yield* serverOf({ ask: () => Effect.succeed(ChannelApi.later(stubborn)) }))
      const asked = yield* Effect.forkChild(Effect.exit(client.push("room:1", "ask")))
      yield* begun.await
      const rejoined = yield* Effect.forkChild(client.join("room:1"))
      yield* Effect.yieldNow
      yield* latch.open
      yield* Fiber.join(rejoined)
      yield* Fiber.join(asked)
      assert.notInclude(JSON.stringify(client.received), "old")
    })
  )

  it.effect("channel 1.5: that dies crashes the channel, and is logged once", () =>
    Effect.gen(function* () {
      const dying = Effect.andThen(Effect.yieldNow, Effect.die("oh"))
      const { lines, server } = yield* loggingServerOf({ ask: () => Effect.succeed(ChannelApi.later(dying)) })
      const client = yield* joined(server)
      assert.deepInclude(yield* Effect.flip(client.push("room:1", "ask")), { event: "phx_error" })
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
      assert.strictEqual((yield* client.join("room:1")).status, "ok")
    })
  )

  it.effect("channel 1.5: that cannot be encoded crashes the channel, whose end does not wait for it", () =>
    Effect.gen(function* () {
      class Sum extends ChannelApi.make("sum", { incoming: { sum: { reply: Schema.Finite } } }) {}
      const reasons: Array<string> = []
      const SumLive = Sum.layer({
        join: () => Effect.void,
        on: { sum: () => Effect.succeed(ChannelApi.later(Effect.as(Effect.yieldNow, Number.NaN))) },
        leave: (reason) => Effect.sync(() => void reasons.push(reason))
      })
      const server = yield* TestChannel.make(ChannelServer.make("sums").mount(Sum), SumLive)
      const client = yield* joined(server, "sum")
      assert.deepInclude(yield* Effect.flip(client.push("sum", "sum")), { event: "phx_error" })
      yield* until(() => reasons.length > 0)
      assert.strictEqual((yield* client.join("sum")).status, "ok")
      assert.deepStrictEqual(reasons, ["crashed"])
      assert.deepInclude(yield* Effect.flip(client.push("sum", "sum")), { event: "phx_error" })
      yield* client.close()
      yield* client.released
      assert.deepStrictEqual(reasons, ["crashed", "crashed"])
    })
  )
})

describe("a channel that stops", () => {
  const stops = (ask: (payload: Payload, member: Member) => Effect.Effect<any>) =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const server = yield* serverOf({ ask, leave: (reason) => Effect.sync(() => void reasons.push(reason)) })
      const client = yield* joined(server)
      yield* Effect.exit(client.push("room:1", "ask"))
      yield* until(() => reasons.length > 0)
      assert.deepStrictEqual(reasons, ["stopped"])
      assert.strictEqual((yield* client.join("room:1")).status, "ok")
      return eventsOf(client).slice(1, -1)
    })

  it.effect("channel 1.5: by stop is closed without a reply", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* stops(() => Effect.succeed(ChannelApi.stop)), ["phx_close"])
    })
  )

  it.effect("channel 1.5: by stopWith replies first", () =>
    Effect.gen(function* () {
      const events = yield* stops(() => Effect.succeed(ChannelApi.stopWith({ bye: true })))
      assert.deepStrictEqual(events, ["phx_reply", "phx_close"])
    })
  )

  it.effect("channel 1.5: by member.stop ends after the current message, and before the waiting ones", () =>
    Effect.gen(function* () {
      const asked: Array<Payload> = []
      const server = yield* serverOf({
        ask: (payload, member) =>
          Effect.as(
            Effect.andThen(
              member.stop,
              Effect.andThen(
                Effect.yieldNow,
                Effect.sync(() => asked.push(payload))
              )
            ),
            payload
          )
      })
      const client = yield* joined(server)
      yield* client.notify("room:1", "ask", 1)
      const second = yield* client.notify("room:1", "ask", 2)
      yield* until(() => client.received.length === 4)
      assert.deepInclude(client.received.at(-1), {
        ref: second,
        payload: { status: "error", response: { reason: "unmatched topic" } }
      })
      assert.deepStrictEqual(asked, [1])
      assert.deepStrictEqual(eventsOf(client).slice(1), ["phx_reply", "phx_close", "phx_reply"])
    })
  )

  it.effect("channel 1.5: by member.stop from outside of its handlers, and again, stops once", () =>
    Effect.gen(function* () {
      let member: Member | undefined
      const server = yield* serverOf({ afterJoin: (joined) => Effect.sync(() => void (member = joined)) })
      const client = yield* joined(server)
      yield* member!.stop
      yield* member!.stop
      assert.strictEqual((yield* client.next()).event, "phx_close")
      yield* client.heartbeat
      assert.deepStrictEqual(eventsOf(client), ["phx_reply", "phx_close", "phx_reply"])
    })
  )
})

describe("a defect", () => {
  it.effect.each([
    ["at once", () => Effect.die(new Error("secret"))],
    ["later", () => Effect.andThen(Effect.yieldNow, Effect.die(new Error("secret")))],
    [
      "thrown",
      () => {
        throw new Error("secret")
      }
    ]
  ] as const)("channel 1.5: of a handler, %s, ends its channel alone, and is logged once with its name", ([, ask]) =>
    Effect.gen(function* () {
      const { lines, server } = yield* loggingServerOf({ ask })
      const client = yield* joined(server)
      yield* client.join("room:2")
      const ended = yield* Effect.flip(client.push("room:1", "ask"))
      assert.deepStrictEqual(ended, new TestChannel.ChannelEnded({ topic: "room:1", event: "phx_error" }))
      assert.deepStrictEqual(client.received.at(-1), {
        joinRef: "1",
        ref: "1",
        topic: "room:1",
        event: "phx_error",
        payload: { reason: "channel_crash" }
      })
      assert.strictEqual((yield* client.push("room:2", "number", { n: 1 })).status, "ok")
      assert.strictEqual((yield* client.join("room:1")).status, "ok")
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
      assert.deepInclude(lines[0], { level: "Error" })
      assert.include(lines[0]?.message, `"room:{id}" of channel server "rooms" died`)
      assert.notInclude(JSON.stringify(client.received), "secret")
    })
  )

  it.effect("channel 1.5: of afterJoin ends the channel that was joined", () =>
    Effect.gen(function* () {
      const { lines, server } = yield* loggingServerOf({ afterJoin: () => Effect.die("oh") })
      const client = yield* joined(server)
      assert.strictEqual((yield* client.next()).event, "phx_error")
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
      assert.strictEqual(server.members("room:1"), 0)
    })
  )
})
