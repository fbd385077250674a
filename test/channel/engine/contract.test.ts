/** What a channel server does with an engine that is away, and what it tells a program of it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Stream } from "effect"
import { InvalidOption } from "fairlead"
import { App } from "fairlead/app"
import { Broadcaster, ChannelHandler, ChannelServer } from "fairlead/channel"
import { TestApp } from "fairlead/testing/app"
import { TestChannel } from "fairlead/testing/channel"

import { keepLogs } from "../../server/Logs.ts"
import { joined, Room, roomLayer, serverOf } from "./Room.ts"

const unavailable = (topic: string, operation: "publish" | "subscribe" | "since" | "survey") =>
  Effect.fail(new Broadcaster.BroadcasterUnavailable({ topic, operation }))

const away = Layer.succeed(Broadcaster.Broadcaster, {
  publish: ({ topic }) => unavailable(topic, "publish"),
  subscribe: (topic) => unavailable(topic, "subscribe"),
  since: (topic) => unavailable(topic, "since"),
  subscribers: () => [],
  survey: (topic) => unavailable(topic, "survey"),
  health: Stream.make({ _tag: "Suspended" as const, sinceMillis: 7, description: "the broker is away" })
})

describe("an engine that is away", () => {
  it.effect("channel2 2.4: refuses joins, fails publishing, and is seen by its health", () =>
    Effect.gen(function* () {
      const server = yield* TestChannel.make(ChannelServer.make("x").mount(Room), Layer.merge(roomLayer({}), away))
      const client = yield* server.connect()
      const { response, status } = yield* client.join("room:1")
      assert.deepStrictEqual([status, response], ["error", { reason: "unavailable" }])
      const published = yield* Effect.exit(server.run(Room.publish({ id: "1" }, "said", 1)))
      assert.deepStrictEqual(
        published,
        Exit.fail(new Broadcaster.BroadcasterUnavailable({ topic: "room:1", operation: "publish" }))
      )
      const [health] = yield* server.run(Stream.runCollect(Broadcaster.health))
      assert.strictEqual(health?._tag, "Suspended")
    })
  )

  it.effect("channel2 2.4: a broadcast that it could not publish is logged at Warn, and fails nothing", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      yield* Broadcaster.broadcast("room:1", "said", 1).pipe(Effect.provide([away, layer]))
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message.includes("could not publish")]),
        [["Warn", true]]
      )
    })
  )

  it.effect("channel2 2.4: the members that an engine knows are excluded by their ids", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({})
      const [ann, ben] = [yield* joined(server), yield* joined(server)]
      const [first] = yield* server.run(Room.members({ id: "1" }))
      const message = { topic: "room:1", event: "said", payload: 1 }
      yield* server.run(Broadcaster.publish(message, { except: first!.id }))
      assert.strictEqual((yield* ben.next("said")).payload, 1)
      assert.isFalse(ann.received.some(({ event }) => event === "said"))
    })
  )
})

describe("the hosts of an application", () => {
  it.effect("channel2 1.8: are the allowed origins of mounts that name none", () =>
    Effect.gen(function* () {
      const mount = (path: `/${string}`, allowedOrigins?: "any") =>
        ChannelServer.layer(ChannelServer.make("x"), {
          path,
          ...(allowedOrigins === undefined ? {} : { allowedOrigins })
        }).pipe(Layer.provide(Broadcaster.layer))
      assert.throws(() => App.make("chat", { hosts: [] }), InvalidOption, "hosts")
      const app = App.make("chat", { hosts: ["chat.example"] })
        .mount(mount("/socket"))
        .mount(mount("/open", "any"))
      const { get } = yield* TestApp.make(app)
      const status = (path: string, origin: string) =>
        Effect.map(
          get(`${path}/websocket?vsn=2.0.0`, { headers: { origin, host: "rebound.test" } }),
          ({ status }) => status
        )
      // A request without an upgrade is refused with 400 after the check of its origin.
      assert.strictEqual(yield* status("/socket", "https://chat.example"), 400)
      assert.strictEqual(yield* status("/socket", "http://rebound.test"), 403)
      assert.strictEqual(yield* status("/open", "http://rebound.test"), 400)
    })
  )
})

describe("a refusal", () => {
  it.effect("channel2 4.2: says that a client must not try again, in the types of the client", () =>
    Effect.gen(function* () {
      const handler = ChannelHandler.make("banned", {
        join: ({ topic }) => (topic === "room:1" ? Effect.fail(ChannelHandler.rejectForGood("banned")) : Effect.void),
        incoming: ({ event }) =>
          event === "tell"
            ? undefined
            : Effect.fail(new ChannelHandler.Reject({ reason: "rate limited", details: { retry_after_ms: 20 } }))
      })
      const server = yield* serverOf({}, [handler])
      const client = yield* server.connect()
      const refusal = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(effect), (error) =>
          error instanceof TestChannel.ErrorReply ? error.refusal : undefined
        )
      assert.deepStrictEqual((yield* client.join("room:1")).response, { retry: false, reason: "banned" })
      yield* client.join("room:2")
      const error = yield* refusal(client.channel(Room, { id: "2" }).push("number", { n: 1 }))
      assert.deepStrictEqual(error, { reason: "rate limited", retry_after_ms: 20 })
    })
  )
})

describe("the issues of a payload", () => {
  it.effect("channel2 4.5: say that a number is expected, and no names of numbers that JSON has not", () =>
    Effect.gen(function* () {
      const client = yield* joined(yield* serverOf({}))
      const reply = yield* client.push("room:1", "number", { n: "x" })
      const { issues } = reply.response as unknown as { readonly issues: ReadonlyArray<{ readonly message: string }> }
      assert.lengthOf(issues, 1)
      assert.match(issues[0]!.message, /^Expected (a )?number/)
      assert.notInclude(issues[0]!.message, "Infinity")
    })
  )
})
