/**
 * Sockets under the handlers that count and log, and the requests of clients that poll, interrupted at every operation.
 */
import { assert, describe } from "@effect/vitest"
import { Clock, Effect, Layer, Logger, Metric } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { log, metrics } from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

import * as LongPoll from "../../../src/channel/LongPoll.ts"
import { hubOf } from "../../../src/channel/MountedHub.ts"
import { sweeps } from "../../kit/Sweeping.ts"
import { Room, roomLayer } from "../engine/Room.ts"

const server = ChannelServer.make("swept")

/** A life with everything that handlers see. */
const live = (server: TestChannel.TestServer) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* server.connect()
      yield* client.join("room:1")
      yield* client.push("room:1", "ask", 1)
      yield* client.join("room:1")
      yield* client.leave("room:1")
      yield* client.join("room:2")
    })
  )

/** Waits until the server has released all sockets, and a little longer for their last lines. */
const released = (server: TestChannel.TestServer, left = 500): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (server.sockets() === 0) return Effect.repeat(Effect.yieldNow, { times: 50 })
    if (left === 0) assert.fail(`${server.sockets()} sockets are left`)
    return Effect.andThen(Effect.yieldNow, released(server, left - 1))
  }).pipe(Effect.asVoid)

const parts = {
  join: () => Effect.as(Effect.yieldNow, {}),
  ask: () => Effect.as(Effect.yieldNow, {}),
  leave: () => Effect.yieldNow
}

/** The gauges that are not zero. */
const gauges = Effect.map(Metric.snapshot, (all) =>
  all.flatMap(({ id, state }) => ("value" in state && state.value !== 0 ? [`${id} ${String(state.value)}`] : []))
)

describe("sweeps of channel handlers", () => {
  const registry = Effect.provideService(Metric.MetricRegistry, new Map())

  sweeps("channel metrics", {
    make: registry(TestChannel.make(server.use(metrics()).mount(Room), roomLayer(parts))),
    call: live,
    after: (server: TestChannel.TestServer) =>
      registry(
        Effect.gen(function* () {
          yield* released(server)
          assert.deepStrictEqual(yield* gauges, [])
        })
      )
  })

  sweeps("channel log", {
    make: Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      const channels = TestChannel.make(server.use(log()).mount(Room), roomLayer(parts))
      return { lines, server: yield* Effect.provide(channels, Logger.layer([logger])) }
    }),
    call: ({ server }: Logged) => live(server),
    after: ({ lines, server }: Logged) =>
      Effect.gen(function* () {
        yield* released(server)
        const count = (start: string) => lines.filter((line) => line.startsWith(start)).length
        assert.strictEqual(count("connect over"), count("disconnect with") + count("connect refused"), lines.join("\n"))
      })
  })
})

interface Logged {
  readonly lines: ReadonlyArray<string>
  readonly server: TestChannel.TestServer
}

const windowMillis = 1000

interface Polled {
  readonly ask: (method: string, token?: string, body?: string) => Effect.Effect<Polling>
  readonly sockets: () => number
}

interface Polling {
  readonly status: number
  readonly token?: string
}

describe("sweeps of long-poll", () => {
  const mounted = server.mount(Room)

  const make = Effect.gen(function* () {
    const built = yield* Layer.build(Layer.merge(roomLayer(parts), Broadcaster.layer))
    const hub = yield* Effect.provideContext(hubOf(mounted, {}), built)
    const handle = yield* LongPoll.make(hub, {}, { window: windowMillis })
    const ask = (method: string, token?: string, body?: string) => {
      const url = `http://localhost/longpoll?vsn=2.0.0${token === undefined ? "" : `&token=${token}`}`
      const request = HttpServerRequest.fromWeb(new Request(url, { method, ...(body === undefined ? {} : { body }) }))
      return Effect.map(
        handle(request),
        ({ body }) => JSON.parse(new TextDecoder().decode((body as unknown as { body: Uint8Array }).body)) as Polling
      )
    }
    return { ask, sockets: () => hub.sockets.size }
  })

  sweeps("channel requests of a client that polls", {
    make,
    call: ({ ask }: Polled) =>
      Effect.gen(function* () {
        const { token } = yield* ask("GET")
        yield* ask("POST", token, JSON.stringify(["1", "1", "room:1", "phx_join", {}]))
        yield* ask("GET", token)
      }),
    after: ({ ask, sockets }: Polled) =>
      Effect.gen(function* () {
        // A session whose client is gone ends by its window.
        const clock = yield* Clock.Clock
        assert.isAtMost(sockets(), 1)
        if ("adjust" in clock) yield* TestClock.adjust(windowMillis * 4)
        yield* Effect.repeat(Effect.yieldNow, { times: 50 })
        assert.strictEqual(sockets(), 0)
        assert.strictEqual((yield* ask("GET")).status, 410)
      })
  })
})
