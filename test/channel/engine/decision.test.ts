import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch } from "effect"
import { ChannelHandler } from "fairlead/channel"

import { journaling } from "./Journaling.ts"
import { joined, loggingServerOf, serverOf, until } from "./Room.ts"

const { change, drop, make, Reject, reply } = ChannelHandler

describe("join and incoming", () => {
  it.effect("channel 0.2: refuse with a reason and details, and later handlers do not run", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const guard = make("guard", {
        join: ({ topic }) =>
          topic === "room:2" ? Effect.fail(new Reject({ reason: "closed", details: { until: "noon" } })) : Effect.void,
        incoming: ({ payload }) => (payload === "bad" ? Effect.fail(new Reject({ reason: "no" })) : undefined)
      })
      const behind = make("behind", { join: () => void ran.push("join"), incoming: () => void ran.push("incoming") })
      const client = yield* joined(yield* serverOf({}, [guard, behind]))
      assert.deepStrictEqual(yield* client.join("room:2"), {
        status: "error",
        response: { until: "noon", reason: "closed" }
      })
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "bad"), {
        status: "error",
        response: { reason: "no" }
      })
      assert.deepStrictEqual(ran, ["join"])
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "good"), { status: "ok", response: "good" })
    })
  )

  it.effect("channel 0.2: a message without a ref is refused without a word", () =>
    Effect.gen(function* () {
      const client = yield* joined(
        yield* serverOf({}, [make("no", { incoming: () => Effect.fail(new Reject({ reason: "no" })) })])
      )
      yield* client.send(`["1",null,"room:1","ask",{}]`)
      yield* client.heartbeat
      assert.lengthOf(client.received, 2)
    })
  )

  it.effect.each([
    ["at once", <A>(value: A) => value],
    ["with a pause", <A>(value: A) => Effect.as(Effect.yieldNow, value)]
  ] as const)("channel 0.2: decide %s: reply, drop, change", ([, as]) =>
    Effect.gen(function* () {
      const decide = make("decide", {
        incoming: ({ event, payload }) => {
          if (payload === "reply") return as(reply({ by: "handler" }, "maybe"))
          if (payload === "drop") return as(drop)
          if (payload === "event") return as(change({ event: "number", payload: { n: 7 } }))
          return payload === "payload" ? as(change({ payload: `${event} changed` })) : undefined
        }
      })
      const client = yield* joined(yield* serverOf({}, [decide]))
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "reply"), {
        status: "maybe",
        response: { by: "handler" }
      })
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "event"), { status: "ok", response: 7 })
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "payload"), { status: "ok", response: "ask changed" })
      const before = client.received.length
      yield* client.notify("room:1", "ask", "drop")
      assert.deepStrictEqual(yield* client.push("room:1", "ask", "on"), { status: "ok", response: "on" })
      assert.lengthOf(client.received, before + 1)
    })
  )

  it.effect.each([
    [
      "thrown",
      () => {
        throw new Error("oh")
      }
    ],
    ["at once", () => Effect.die("oh")],
    ["later", () => Effect.andThen(Effect.yieldNow, Effect.die("oh"))]
  ] as const)(
    "channel 0.2: a defect, %s, ends the join or the channel, logged once with the handler's name",
    ([, die]) =>
      Effect.gen(function* () {
        const broken = make("broken", {
          join: ({ topic }) => (topic === "room:2" ? die() : undefined),
          incoming: ({ payload }) => (payload === "die" ? die() : undefined)
        })
        const { lines, server } = yield* loggingServerOf({}, [broken])
        const client = yield* joined(server)
        assert.deepStrictEqual(yield* client.join("room:2"), { status: "error", response: { reason: "join crashed" } })
        yield* until(() => lines.length > 0)
        assert.lengthOf(lines, 1)
        assert.include(lines[0]?.message, `"broken" of channel server "rooms" died`)
        assert.deepInclude(yield* Effect.flip(client.push("room:1", "ask", "die")), { event: "phx_error" })
        yield* until(() => lines.length > 1)
        assert.lengthOf(lines, 2)
        assert.include(lines[1]?.message, `"broken" of channel server "rooms" died`)
        assert.strictEqual((yield* client.heartbeat).status, "ok")
      })
  )
})

describe("outgoing", () => {
  it.effect("channel 0.2: changes and drops replies, pushes and broadcasts", () =>
    Effect.gen(function* () {
      const shout = make("shout", {
        outgoing: ({ event, kind, payload }) => {
          if (payload === "secret") return drop
          return kind === "reply"
            ? undefined
            : change({ event: event.toUpperCase(), payload: `${kind}: ${JSON.stringify(payload)}` })
        }
      })
      const server = yield* serverOf(
        {
          ask: (payload, room) =>
            Effect.as(Effect.andThen(room.push("note", payload), room.broadcast("said", payload)), payload)
        },
        [shout]
      )
      const client = yield* joined(server)
      yield* client.push("room:1", "ask", "hi")
      yield* client.notify("room:1", "ask", "secret")
      yield* client.heartbeat
      assert.deepStrictEqual(
        client.received.slice(1).map(({ event, payload }) => [event, payload]),
        [
          ["NOTE", `push: "hi"`],
          ["SAID", `broadcast: "hi"`],
          ["phx_reply", { status: "ok", response: "hi" }],
          ["phx_reply", { status: "ok", response: {} }]
        ]
      )
    })
  )

  it.effect(
    "channel 0.2: that throws closes its own socket, logged once with the handler's name; others get the broadcast",
    () =>
      Effect.gen(function* () {
        const broken = make("broken", {
          outgoing: ({ payload }, { request: connect }) => {
            if (connect.params.has("broken") && payload === "boom") throw new Error("oh")
          }
        })
        const { lines, server } = yield* loggingServerOf(
          { ask: (payload, room) => Effect.as(room.broadcast("said", payload), {}) },
          [broken]
        )
        const bad = yield* server.connect({ params: { broken: "1" } })
        yield* bad.join("room:1")
        const [ann, bob] = [yield* joined(server), yield* joined(server)]
        assert.deepStrictEqual(yield* ann.push("room:1", "ask", "boom"), { status: "ok", response: {} })
        assert.strictEqual((yield* bob.next("said")).payload, "boom")
        assert.strictEqual((yield* bad.closed).code, 1011)
        yield* bad.released
        yield* until(() => lines.length > 0)
        assert.lengthOf(lines, 1)
        assert.include(lines[0]?.message, `"broken" of channel server "rooms" died`)
        assert.strictEqual(server.sockets(), 2)
      })
  )
})

describe("leave and disconnect", () => {
  it.effect(
    "channel 0.2: run of every handler, though one dies; each defect is logged once with the handler's name",
    () =>
      Effect.gen(function* () {
        const { handler, journal } = journaling(Effect.void)
        const throwing = make("throwing", {
          leave: () => {
            throw new Error("leave")
          },
          disconnect: () => Effect.die("disconnect")
        })
        const { lines, server } = yield* loggingServerOf({}, [handler("a"), throwing, handler("b")])
        const client = yield* joined(server)
        journal.splice(0)
        yield* client.close()
        yield* client.released
        assert.deepStrictEqual(journal, [
          "b leave room:1 disconnected",
          "a leave room:1 disconnected",
          "b disconnect 1000",
          "a disconnect 1000"
        ])
        yield* until(() => lines.length > 1)
        assert.lengthOf(lines, 2)
        assert.isTrue(lines.every(({ message }) => message.startsWith(`"throwing" of channel server "rooms" died`)))
      })
  )

  it.effect("channel 0.3: disconnect runs when the last channel has ended, and then the socket's scope closes", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const latch = yield* Latch.make()
      const last = make("last", {
        connect: () => Effect.addFinalizer(() => Effect.sync(() => void journal.push("released"))),
        disconnect: () => void journal.push("disconnect")
      })
      const server = yield* serverOf(
        {
          leave: () =>
            Effect.andThen(
              latch.await,
              Effect.sync(() => void journal.push("left"))
            )
        },
        [last]
      )
      const client = yield* joined(server)
      yield* client.join("room:2")
      yield* client.close()
      assert.deepStrictEqual(journal, [])
      yield* latch.open
      yield* client.released
      assert.deepStrictEqual(journal, ["left", "left", "disconnect", "released"])
    })
  )
})
