import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { ChannelHandler } from "fairlead/channel"
import { metrics } from "fairlead/channel/handlers"
import type { MetricsOptions } from "fairlead/channel/handlers"
import type * as TestChannel from "fairlead/testing/channel"

import { Failed, joined, Room, serverOf } from "../engine/Room.ts"
import type { Parts } from "../engine/Room.ts"

/** All channel metrics that are not nothing, as lines. */
const values = Effect.map(Metric.snapshot, (all) =>
  all
    .filter(({ id }) => id.startsWith("channel_"))
    .map(({ attributes, id, state }) => {
      const value =
        "sum" in state
          ? `${state.count} in ${state.sum}ms`
          : "count" in state
            ? state.count
            : "value" in state
              ? state.value
              : undefined
      const words = Object.entries(attributes ?? {})
        .filter(([name]) => name !== "time_unit")
        .map(([, value]) => value)
      return [id, ...words, "=", String(value)].join(" ")
    })
    .filter((line) => !line.endsWith("= 0"))
    .toSorted()
)

/** In a registry of its own. */
const measured = <A>(
  parts: Parts,
  options: MetricsOptions,
  use: (server: TestChannel.TestServer) => Effect.Effect<A, unknown, any>,
  ...more: ReadonlyArray<ChannelHandler.ChannelHandler>
) =>
  Effect.flatMap(serverOf(parts, [metrics(options), ...more]), use).pipe(
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

describe("metrics", () => {
  it.effect("count sockets and channels that are there, messages by their way, and how long things took", () =>
    measured(
      { join: () => Effect.as(Effect.sleep(10), {}), ask: (_, room) => Effect.as(room.push("note", 1), {}) },
      {},
      (server) =>
        Effect.gen(function* () {
          const [ann, bob] = [yield* server.connect(), yield* server.connect()]
          yield* ann.notify("room:1", "phx_join")
          yield* bob.notify("room:2", "phx_join")
          yield* TestClock.adjust(10)
          yield* ann.push("room:1", "ask")
          yield* ann.notify("room:1", "tell")
          yield* server.run(Room.broadcast({ id: "2" }, "said", 1))
          yield* bob.heartbeat
          assert.deepStrictEqual(yield* values, [
            "channel_join_duration room ok = 2 in 20ms",
            "channel_joined room = 2",
            "channel_messages phoenix out reply = 1",
            "channel_messages room in push = 2",
            "channel_messages room out broadcast = 1",
            "channel_messages room out push = 1",
            "channel_messages room out reply = 3",
            "channel_sockets = 2"
          ])
          yield* TestClock.adjust(90)
          yield* ann.close(1001)
          yield* bob.close(4007)
          yield* ann.released
          yield* bob.released
          const after = yield* values
          assert.includeMembers(after, [
            "channel_socket_duration 1001 = 1 in 100ms",
            "channel_socket_duration _OTHER = 1 in 100ms"
          ])
          assert.notInclude(after.join(), "channel_sockets")
          assert.notInclude(after.join(), "channel_joined")
        })
    )
  )

  it.effect("count what was refused, and a channel that never was joined does not leave", () =>
    measured(
      { join: ({ params }) => (params.id === "1" ? Effect.fail(new Failed({ why: "no" })) : Effect.succeed({})) },
      {},
      (server) =>
        Effect.gen(function* () {
          yield* Effect.exit(server.connect({ params: { ban: "1" } }))
          const client = yield* joined(server)
          yield* client.join("room:2")
          yield* client.join("room:2")
          const now = yield* values
          assert.includeMembers(now, [
            "channel_connects_refused = 1",
            "channel_join_duration room error = 1 in 0ms",
            "channel_join_duration room ok = 2 in 0ms",
            "channel_joined room = 1",
            "channel_sockets = 1"
          ])
        }),
      ChannelHandler.make("guard", {
        connect: ({ params }) =>
          params.has("ban") ? Effect.fail(new ChannelHandler.Refused({ reason: "no" })) : undefined
      })
    )
  )

  it.effect("have few topics: what clients make up counts as _OTHER", () =>
    measured({}, { maxTopics: 2, topic: (topic) => topic }, (server) =>
      Effect.gen(function* () {
        const client = yield* joined(server)
        for (let index = 0; index < 20; index++) yield* client.push(`made up ${index}`, "ask")
        for (let index = 2; index < 6; index++) yield* client.join(`room:${index}`)
        const now = yield* values
        assert.notInclude(now.join(), "made up")
        assert.includeMembers(now, [
          "channel_joined room:1 = 1",
          "channel_joined room:2 = 1",
          "channel_joined _OTHER = 3"
        ])
        assert.include(now, "channel_messages _OTHER out reply = 23")
      })
    )
  )

  it.effect("of a socket that is gone before its join was decided have no join", () =>
    measured({ join: () => Effect.never }, {}, (server) =>
      Effect.gen(function* () {
        const client = yield* server.connect()
        yield* client.notify("room:1", "phx_join")
        yield* client.close()
        yield* client.released
        assert.deepStrictEqual(yield* values, ["channel_socket_duration 1000 = 1 in 0ms"])
      })
    )
  )
})
