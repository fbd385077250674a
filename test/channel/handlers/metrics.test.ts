import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { ChannelHandler } from "fairlead/channel"
import { metrics } from "fairlead/channel/handlers"
import type { MetricsOptions } from "fairlead/channel/handlers"
import type { TestChannel } from "fairlead/testing/channel"

import { Failed, joined, Room, serverOf } from "../engine/Room.ts"
import type { Parts } from "../engine/Room.ts"

/** All channel metrics that are not nothing, as lines. */
const values = Effect.map(Metric.snapshot, (all) =>
  all
    .filter(({ id }) => id.startsWith("fairlead.channel.") && id !== "fairlead.channel.dropped_messages")
    .map(({ attributes, id, state }) => {
      const value =
        "sum" in state
          ? `${state.count} in ${state.sum}s`
          : "count" in state
            ? state.count
            : "value" in state
              ? state.value
              : undefined
      const words = Object.entries(attributes ?? {})
        .filter(([name]) => name !== "unit" && name !== "fairlead.composite")
        .map(([, value]) => value)
      return [id.slice("fairlead.channel.".length), ...words, "=", String(value)].join(" ")
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
  it.effect("count open sockets and channels, messages by their way, and how long things took", () =>
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
            "join.duration room:{id} success = 2 in 0.02s",
            "members room:{id} = 2",
            "messages _OTHER transmit reply = 1",
            "messages room:{id} receive push = 2",
            "messages room:{id} transmit broadcast = 1",
            "messages room:{id} transmit push = 1",
            "messages room:{id} transmit reply = 3",
            "sockets = 2"
          ])
          yield* TestClock.adjust(90)
          yield* ann.close(1001)
          yield* bob.close(4007)
          yield* ann.released
          yield* bob.released
          const after = yield* values
          assert.includeMembers(after, ["socket.duration 1001 = 1 in 0.1s", "socket.duration _OTHER = 1 in 0.1s"])
          assert.notInclude(after.join(), "sockets")
          assert.notInclude(after.join(), "members")
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
            "connects failure Reject = 1",
            "join.duration room:{id} failure = 1 in 0s",
            "join.duration room:{id} success = 2 in 0s",
            "members room:{id} = 1",
            "sockets = 1"
          ])
        }),
      ChannelHandler.make("guard", {
        connect: ({ params }) =>
          params.has("ban") ? Effect.fail(new ChannelHandler.Reject({ reason: "no" })) : undefined
      })
    )
  )

  it.effect("have few topics: inventions of clients count as _OTHER", () =>
    measured({}, {}, (server) =>
      Effect.gen(function* () {
        const client = yield* joined(server)
        for (let index = 0; index < 20; index++) yield* client.push(`made up ${index}`, "ask")
        for (let index = 2; index < 6; index++) yield* client.join(`room:${index}`)
        const now = yield* values
        assert.notInclude(now.join(), "made up")
        assert.includeMembers(now, ["members room:{id} = 5", "messages _OTHER transmit reply = 20"])
      })
    )
  )

  it.effect("of a socket closed before its join was decided have no join", () =>
    measured({ join: () => Effect.never }, {}, (server) =>
      Effect.gen(function* () {
        const client = yield* server.connect()
        yield* client.notify("room:1", "phx_join")
        yield* client.close()
        yield* client.released
        assert.deepStrictEqual(yield* values, ["connects success = 1", "socket.duration 1000 = 1 in 0s"])
      })
    )
  )
})
