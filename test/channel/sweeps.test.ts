/**
 * Each step of a socket's life, interrupted at every operation. The server must be left as if the client had never been there, and answer the next one.
 */
import { assert, describe } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { RateLimiter } from "effect/persistence"
import { Broadcaster, ChannelApi, ChannelHandler, ChannelServer, ChannelSocket } from "fairlead/channel"
import { rateLimit } from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

import { Session } from "../../src/channel/longpoll/Session.ts"
import { sweeps } from "../kit/Sweeping.ts"

const any = ChannelApi.AnyPayload

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: any },
  incoming: {
    ask: { payload: any, reply: any },
    later: { payload: any, reply: any },
    say: { payload: any },
    stay: {},
    confirm: { reply: any },
    track: { payload: any, reply: any },
    untrack: { reply: any },
    expire: { payload: any, reply: any }
  },
  outgoing: { said: any, seen: any },
  requests: { sure: { payload: any, reply: any } },
  retention: ChannelApi.recoverable(),
  presence: { meta: Schema.Struct({ n: Schema.Finite }) }
}) {}

class Opened extends Context.Service<Opened, { open: number; left: number; joined: number }>()("test/Opened") {}

/** Something that is open for as long as a scope. */
const opened = Effect.flatMap(Opened, (counts) =>
  Effect.acquireRelease(
    Effect.sync(() => void counts.open++),
    () =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => void counts.open--)
      )
  )
)

const roomLayer = Room.layer({
  join: () =>
    Effect.andThen(
      opened,
      Effect.flatMap(Opened, (counts) => Effect.sync(() => void counts.joined++))
    ),
  afterJoin: (room) => room.broadcast("said", { hello: true }),
  on: {
    ask: (payload) => Effect.as(Effect.andThen(Effect.yieldNow, Effect.yieldNow), payload),
    later: (payload) => Effect.succeed(ChannelApi.later(Effect.as(Effect.andThen(opened, Effect.yieldNow), payload))),
    say: (payload, room) => room.broadcast("said", payload),
    stay: () => Effect.scoped(Effect.andThen(opened, Effect.never)),
    confirm: (_, room) =>
      Effect.scoped(
        Effect.andThen(
          opened,
          room.request("sure", 1, { timeout: "1 minute" }).pipe(Effect.catchTag("ClientRequestError", Effect.succeed))
        )
      ).pipe(Effect.map((answer) => (answer === true ? answer : null))),
    track: (payload, { presence }) =>
      presence
        .track("ann", { n: 1 })
        .pipe(
          Effect.andThen(presence.update("ann", { n: 2 })),
          Effect.andThen(presence.track("ben", { n: 3 })),
          Effect.as(payload),
          Effect.orDie
        ),
    untrack: (_, { presence }) => Effect.as(presence.untrack(), null),
    expire: (payload) =>
      Effect.gen(function* () {
        const { expireAt } = yield* ChannelSocket.ChannelSocket
        yield* expireAt(payload === null ? undefined : DateTime.add(yield* DateTime.now, { minutes: 1 }))
        return payload
      })
  },
  intercept: { seen: (payload) => Effect.as(Effect.yieldNow, payload) },
  leave: (_, room) =>
    Effect.andThen(
      Effect.flatMap(Opened, (counts) => Effect.sync(() => void counts.left++)),
      room.broadcast("said", { bye: true })
    )
})

const handler = ChannelHandler.make("counts", {
  connect: () => Effect.as(opened, ChannelHandler.accept({ id: "ann" })),
  join: () => Effect.andThen(opened, Effect.yieldNow),
  incoming: () => Effect.yieldNow,
  leave: () => Effect.yieldNow,
  disconnect: () => Effect.yieldNow
})

const make = Effect.gen(function* () {
  const counts = { open: 0, left: 0, joined: 0 }
  const layer = roomLayer.pipe(Layer.provideMerge(Layer.succeed(Opened, counts)))
  const server = yield* TestChannel.make(ChannelServer.make("swept").use(handler).mount(Room), layer)
  return { server, counts }
})

type Subject = Effect.Success<typeof make>

const settled = ({ counts, server }: Subject, left = 2000): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (counts.open === 0 && server.sockets() === 0) return Effect.void
    if (left === 0) assert.fail(`${counts.open} scopes and ${server.sockets()} sockets are left`)
    return Effect.andThen(Effect.yieldNow, settled({ counts, server }, left - 1))
  })

/** Nothing of the client is left, and the next one is served. */
const after = (subject: Subject) =>
  Effect.gen(function* () {
    const { counts, server } = subject
    yield* settled(subject)
    assert.strictEqual(server.members("room:1"), 0)
    assert.deepStrictEqual((yield* server.run(Room.presence({ id: "1" }))).present, [])
    yield* Effect.scoped(
      Effect.gen(function* () {
        const client = yield* server.connect()
        assert.strictEqual((yield* client.join("room:1", { recover_from: null })).status, "ok")
        assert.strictEqual((yield* client.push("room:1", "ask", 1)).status, "ok")
        assert.strictEqual(server.members("room:1"), 1)
      })
    )
    yield* settled(subject)
    assert.isAtMost(counts.left, counts.joined)
  })

const swept = (
  name: string,
  steps: (client: TestChannel.TestSocket, subject: Subject) => Effect.Effect<unknown, unknown>
) =>
  sweeps(`channel ${name}`, {
    make,
    call: (subject: Subject) =>
      Effect.scoped(Effect.flatMap(subject.server.connect(), (client) => steps(client, subject))),
    after
  })

const joins = (client: TestChannel.TestSocket) => client.join("room:1", { recover_from: null })

describe("channel sweeps", () => {
  swept("connect", () => Effect.void)
  swept("join", joins)
  swept("join that is lost while it is decided", (client) =>
    Effect.andThen(client.notify("room:1", "phx_join"), Effect.andThen(Effect.yieldNow, client.close(1006)))
  )
  swept("join in place of another", (client) => Effect.andThen(joins(client), joins(client)))
  swept("event", (client) => Effect.andThen(joins(client), client.push("room:1", "ask", 1)))
  swept("event whose handler runs when the socket ends", (client) =>
    Effect.andThen(joins(client), Effect.andThen(client.notify("room:1", "stay"), Effect.yieldNow))
  )
  swept("later reply", (client) => Effect.andThen(joins(client), client.push("room:1", "later", 1)))
  swept("request to a client", (client) =>
    Effect.gen(function* () {
      yield* joins(client)
      yield* client.notify("room:1", "confirm")
      const { payload } = yield* client.next("sure")
      const { request_id } = payload as { readonly request_id: string }
      yield* client.push("room:1", "request_reply", { request_id, response: true })
      // This one is not answered.
      yield* client.notify("room:1", "confirm")
      yield* client.next("sure")
    })
  )
  swept("socket that expires", (client) =>
    Effect.gen(function* () {
      yield* joins(client)
      for (const payload of [1, 2, null, 3]) yield* client.push("room:1", "expire", payload)
    })
  )
  swept("presence", (client) =>
    Effect.gen(function* () {
      yield* joins(client)
      yield* client.next("presence_state")
      yield* client.push("room:1", "track", 1)
      yield* client.push("room:1", "untrack")
      yield* client.push("room:1", "track", 2)
    })
  )
  swept("presence of a socket that is lost", (client) =>
    Effect.andThen(joins(client), Effect.andThen(client.notify("room:1", "track", 1), client.close(1006)))
  )
  swept("leave", (client) => Effect.andThen(joins(client), client.leave("room:1")))
  swept("intercepted broadcast", (client, { server }) =>
    Effect.andThen(
      joins(client),
      Effect.andThen(server.run(Broadcaster.broadcast("room:1", "seen", 1)), client.next("seen"))
    )
  )
  swept("slow reader", (client, { server }) =>
    Effect.gen(function* () {
      yield* joins(client)
      yield* client.stopReading
      yield* client.notify("room:1", "ask", 1)
      yield* server.run(Broadcaster.broadcast("room:1", "said", 2))
      yield* client.startReading
      yield* client.push("room:1", "ask", 3)
    })
  )
  swept("recovery", (client, { server }) =>
    Effect.gen(function* () {
      yield* joins(client)
      const { position } = yield* client.next("said")
      yield* client.leave("room:1")
      yield* server.run(Broadcaster.broadcast("room:1", "said", 2))
      yield* client.join("room:1", { recover_from: position ?? null })
    })
  )
  swept("close by id", (client, { server }) =>
    Effect.andThen(joins(client), Effect.andThen(server.run(ChannelServer.disconnect("ann")), client.closed))
  )

  sweeps("channel subscribe", {
    make,
    call: ({ server }: Subject) => Effect.scoped(server.run(Broadcaster.subscribe("room:1"))),
    after
  })

  sweeps("channel poll of a long-poll session", {
    make: Effect.sync(
      () =>
        new Session(
          "id",
          0,
          () => {},
          () => {}
        )
    ),
    call: (session: Session) =>
      Effect.all(
        [
          session.take(0, 1000),
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => session.write("first"))
          )
        ],
        {
          concurrency: "unbounded"
        }
      ),
    after: (session: Session) =>
      Effect.gen(function* () {
        session.write("last")
        assert.strictEqual((yield* session.take(0, 1000)).at(-1), "last")
        assert.isTrue(session.isOpen)
      })
  })

  sweeps("channel rateLimit", {
    make: Effect.gen(function* () {
      const limited = ChannelServer.make("limited")
        .use(rateLimit({ limit: 2, window: "1 hour", algorithm: "fixed-window", key: () => "all" }))
        .mount(Room)
      const layer = roomLayer.pipe(
        Layer.provideMerge(Layer.succeed(Opened, { open: 0, left: 0, joined: 0 })),
        Layer.provideMerge(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)))
      )
      const server = yield* TestChannel.make(limited, layer)
      const client = yield* server.connect()
      yield* client.join("room:1")
      return client
    }),
    call: (client: TestChannel.TestSocket) => client.push("room:1", "ask", 1),
    after: (client: TestChannel.TestSocket) =>
      Effect.gen(function* () {
        const replies = yield* Effect.forEach([2, 3, 4], (n) => client.push("room:1", "ask", n))
        const statuses = replies.map(({ status }) => status)
        // The interrupted push has taken a token, or has not.
        assert.deepStrictEqual([statuses[0], statuses[2]], ["ok", "error"])
      })
  })
})
