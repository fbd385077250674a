import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import { TestChannel } from "fairlead/testing/channel"

import { Failed, joined, serverOf, until } from "./Room.ts"

const responses = (client: TestChannel.TestSocket) =>
  client.received.flatMap(({ payload }) =>
    typeof payload === "object" && payload !== null && "response" in payload ? [payload.response] : []
  )

describe("messages of one topic", () => {
  it.effect("channel 1.5: are handled in the order in which they came, one after another", () =>
    Effect.gen(function* () {
      const started: Array<unknown> = []
      const server = yield* serverOf({
        ask: (payload) =>
          Effect.sync(() => void started.push(payload)).pipe(
            Effect.andThen(Effect.sleep(payload === "slow" ? "1 second" : 0)),
            Effect.as(payload)
          )
      })
      const client = yield* joined(server)
      yield* client.notify("room:1", "ask", "slow")
      yield* client.notify("room:1", "ask", "fast")
      yield* client.notify("room:1", "number", { n: 3 })
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(started, ["slow"])
      assert.deepStrictEqual(responses(client), [{}])
      yield* TestClock.adjust("1 millis")
      yield* client.next()
      yield* client.next()
      yield* client.next()
      assert.deepStrictEqual(responses(client), [{}, "slow", "fast", 3])
    })
  )

  it.effect("channel 1.5: that come while the topic is being joined wait for the join", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const server = yield* serverOf({ join: () => latch.await.pipe(Effect.as("in")) })
      const client = yield* server.connect()
      yield* client.notify("room:1", "phx_join")
      yield* client.notify("room:1", "ask", "early")
      yield* client.notify("room:1", "phx_leave")
      yield* client.notify("room:1", "ask", "late")
      yield* client.heartbeat
      assert.deepStrictEqual(responses(client), [{}])
      yield* latch.open
      yield* until(() => client.received.length === 6)
      assert.deepStrictEqual(responses(client), [{}, "in", "early", {}, { reason: "unmatched topic" }])
    })
  )

  it.effect("channel 1.5: are answered after the earlier pushes of the handler", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({
        ask: (payload, member) =>
          Effect.as(
            Effect.andThen(member.push("note", 1), Effect.andThen(Effect.yieldNow, member.push("note", 2))),
            payload
          )
      })
      const client = yield* joined(server)
      yield* client.push("room:1", "ask", 3)
      assert.deepStrictEqual(
        client.received.slice(1).map(({ event }) => event),
        ["note", "note", "phx_reply"]
      )
    })
  )

  it.effect("channel 1.5: are handled in order too where some answer at once and some do not", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({
        ask: (payload) => (Number(payload) % 3 === 0 ? Effect.as(Effect.yieldNow, payload) : Effect.succeed(payload))
      })
      const client = yield* joined(server)
      const all = Array.from({ length: 100 }, (_, index) => index)
      for (const index of all) yield* client.notify("room:1", "ask", index)
      yield* until(() => client.received.length === 101)
      assert.deepStrictEqual(responses(client).slice(1), all)
    })
  )
})

describe("topics", () => {
  it.effect("channel 0.3: do not wait for a handler of another that is stuck", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({
        ask: (payload) => (payload === "stuck" ? Effect.never : Effect.succeed(payload))
      })
      const client = yield* joined(server)
      yield* client.join("room:2")
      yield* client.notify("room:1", "ask", "stuck")
      assert.deepStrictEqual(yield* client.push("room:2", "ask", "free"), { status: "ok", response: "free" })
      assert.strictEqual((yield* client.heartbeat).status, "ok")
      assert.strictEqual((yield* client.leave("room:2")).status, "ok")
    })
  )

  it.effect("channel 0.3: do not wait for a join of another that is stuck", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ join: ({ params }) => (params.id === "1" ? Effect.never : Effect.succeed({})) })
      const client = yield* server.connect()
      yield* client.notify("room:1", "phx_join")
      assert.strictEqual((yield* client.join("room:2")).status, "ok")
    })
  )

  it.effect("channel 0.3: do not wait for a leave of another that is stuck", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const server = yield* serverOf({ leave: () => latch.await })
      const client = yield* joined(server)
      yield* client.join("room:2")
      yield* client.leave("room:1")
      assert.deepStrictEqual(yield* client.push("room:2", "ask", "free"), { status: "ok", response: "free" })
      yield* latch.open
    })
  )

  it.effect("channel 0.3: of several sockets are independent too", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({
        ask: (payload) => (payload === "stuck" ? Effect.never : Effect.succeed(payload))
      })
      const [ann, bob] = [yield* joined(server), yield* joined(server)]
      yield* ann.notify("room:1", "ask", "stuck")
      assert.deepStrictEqual(yield* bob.push("room:1", "ask", "free"), { status: "ok", response: "free" })
    })
  )
})

describe("a join of a topic that is joined", () => {
  it.effect("channel 1.5: ends the old channel first, and the client sees the new reply and then the old close", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const server = yield* serverOf({
        join: () => Effect.sync(() => (journal.push("join"), {})),
        leave: (reason) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => void journal.push(reason))
          )
      })
      const client = yield* joined(server)
      assert.strictEqual((yield* client.join("room:1")).status, "ok")
      assert.deepStrictEqual(journal, ["join", "replaced", "join"])
      const [, reply, close] = client.received
      assert.deepInclude(reply, { event: "phx_reply", joinRef: "2", ref: "2" })
      assert.deepInclude(close, { event: "phx_close", joinRef: "1", ref: "1" })
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "new"), { status: "ok", response: "new" })
      assert.strictEqual(server.members("room:1"), 1)
    })
  )

  it.effect("channel 1.5: does not wait for a stuck handler, whose client gets no answer", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const reasons: Array<string> = []
      const server = yield* serverOf({
        ask: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)),
        leave: (reason) => Effect.sync(() => void reasons.push(reason))
      })
      const client = yield* joined(server)
      const stuck = yield* Effect.forkChild(Effect.flip(client.push("room:1", "ask")))
      yield* client.notify("room:1", "tell", "dropped")
      yield* Effect.yieldNow
      assert.strictEqual((yield* client.join("room:1")).status, "ok")
      yield* Deferred.await(interrupted)
      assert.deepStrictEqual(
        yield* Fiber.join(stuck),
        new TestChannel.ChannelEnded({ topic: "room:1", event: "phx_close" })
      )
      assert.deepStrictEqual(reasons, ["replaced"])
      assert.notInclude(
        client.received.map(({ event }) => event),
        "phx_error"
      )
    })
  )

  it.effect("channel 1.5: leaves no channel when it is refused", () =>
    Effect.gen(function* () {
      let joins = 0
      const server = yield* serverOf({
        join: () => (joins++ === 0 ? Effect.succeed({}) : Effect.fail(new Failed({ why: "once" })))
      })
      const client = yield* joined(server)
      const refused = yield* client.join("room:1")
      assert.deepStrictEqual(refused, { status: "error", response: { _tag: "Failed", why: "once" } })
      assert.strictEqual(client.received.at(-1)?.event, "phx_close")
      assert.deepStrictEqual(yield* client.push("room:1", "ask"), {
        status: "error",
        response: { reason: "unmatched topic" }
      })
      assert.strictEqual(server.members("room:1"), 0)
    })
  )

  it.effect("channel 1.5: of a topic whose old channel is ending waits for its end", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const journal: Array<string> = []
      const server = yield* serverOf({
        join: () => Effect.sync(() => (journal.push("join"), {})),
        leave: () =>
          Effect.andThen(
            latch.await,
            Effect.sync(() => void journal.push("left"))
          )
      })
      const client = yield* joined(server)
      yield* client.leave("room:1")
      const rejoin = yield* Effect.forkChild(client.join("room:1"))
      yield* Effect.yieldNow
      assert.deepStrictEqual(journal, ["join"])
      yield* latch.open
      assert.strictEqual((yield* Fiber.join(rejoin)).status, "ok")
      assert.deepStrictEqual(journal, ["join", "left", "join"])
    })
  )
})

describe("messages with a join_ref", () => {
  it.effect("channel 1.5: of an earlier join are dropped, a leave too; without one they are delivered", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({})
      const client = yield* joined(server)
      yield* client.join("room:1")
      yield* client.send(`["1","90","room:1","ask","stale"]`)
      yield* client.send(`["1","91","room:1","phx_leave",{}]`)
      yield* client.send(`[null,"92","room:1","ask","open"]`)
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "current"), { status: "ok", response: "current" })
      assert.deepStrictEqual(
        client.received.map(({ ref }) => ref),
        ["1", "2", "1", "92", "3"]
      )
    })
  )
})
