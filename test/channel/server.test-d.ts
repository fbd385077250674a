// @effect-diagnostics missingEffectError:off missingEffectContext:off
import { Context, Effect, Redacted } from "effect"
import type { Layer, Scope } from "effect"
import type { HttpRouter } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import { ChannelHandler, ChannelServer } from "fairlead/channel"
import type { Broadcaster } from "fairlead/channel"
import {
  authentication,
  joinGuard,
  joinRateLimit,
  joinRule,
  log,
  metrics,
  payloadLimit,
  rateLimit
} from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"
import { expectTypeOf, test } from "vitest"

import { Db, DbDown, join, Lobby, on, Private, Refused as Declared, Room, User } from "./Definitions.ts"

const { accept, make, Reject } = ChannelHandler
type Handler<P = never, R = never> = ChannelHandler.ChannelHandler<P, R>

class Place extends Context.Service<Place, string>()("Place") {}

const user = make("user", { connect: () => accept({ context: Context.make(User, "ann") }) })
const needsUser = make("needs", { incoming: () => Effect.asVoid(User) })

test("a handler declares its services, and has the needs of its hooks except the socket's own", () => {
  expectTypeOf(make("none", {})).toEqualTypeOf<Handler>()
  expectTypeOf(user).toEqualTypeOf<Handler<User>>()
  expectTypeOf(needsUser).toEqualTypeOf<Handler<never, User>>()
  const own = make("own", {
    connect: () => Effect.map(Db, () => accept({ id: "x", context: Context.make(User, "ann") })),
    join: () =>
      Effect.asVoid(
        Effect.andThen(
          User,
          Effect.addFinalizer(() => Effect.void)
        )
      ),
    leave: () => Effect.asVoid(Place),
    disconnect: () => Effect.asVoid(User)
  })
  expectTypeOf(own).toEqualTypeOf<Handler<User, Db | Place>>()
  const perhaps = make("perhaps", { connect: ({ params }) => (params.has("x") ? user1 : undefined) })
  expectTypeOf(perhaps).toEqualTypeOf<Handler<User>>()
})
const user1 = accept({ context: Context.make(User, "") })

test("a hook returns the decision of its place, and fails with a refusal", () => {
  // @ts-expect-error a connect gives accept(…)
  make("x", { connect: () => 1 })
  // @ts-expect-error a connect fails with what responds
  make("x", { connect: () => Effect.fail(new DbDown()) })
  // @ts-expect-error a join gives nothing
  make("x", { join: () => ChannelHandler.drop })
  // @ts-expect-error a join fails with Reject
  make("x", { join: () => Effect.fail(new Declared({ reason: "" })) })
  make("x", {
    incoming: () => (Math.random() > 0.5 ? ChannelHandler.reply({}) : Effect.fail(new Reject({ reason: "" })))
  })
  // @ts-expect-error an incoming gives a decision
  make("x", { incoming: () => ({ payload: 1 }) })
  // @ts-expect-error an outgoing is a plain function
  make("x", { outgoing: () => Effect.void })
  // @ts-expect-error a leave does not fail
  make("x", { leave: () => Effect.fail(new Reject({ reason: "" })) })
  // @ts-expect-error a disconnect does not fail
  make("x", { disconnect: () => Effect.fail(new Reject({ reason: "" })) })
  // @ts-expect-error no such hook
  make("x", { arrive: () => undefined })
})

test("any is refused in the errors and needs of a hook", () => {
  const any: any = undefined
  // @ts-expect-error the error type is any
  make("x", { connect: () => any as Effect.Effect<void, any> })
  // @ts-expect-error the requirements are any
  make("x", { join: () => any as Effect.Effect<void, never, any> })
  // @ts-expect-error the error type is any
  make("x", { incoming: () => any as Effect.Effect<void, any> })
  // @ts-expect-error the requirements are any
  make("x", { leave: () => any as Effect.Effect<void, never, any> })
})

test("a server needs its channels, and all services that earlier handlers do not provide", () => {
  const none = ChannelServer.make("x")
  expectTypeOf(none).toEqualTypeOf<ChannelServer.ChannelServer<never, never>>()
  expectTypeOf(none.mount(Room, Lobby)).toEqualTypeOf<ChannelServer.ChannelServer<never, Room | Lobby>>()
  expectTypeOf(none.mount(Private)).toEqualTypeOf<ChannelServer.ChannelServer<never, Private | User>>()
  expectTypeOf(none.use(user).mount(Private)).toEqualTypeOf<ChannelServer.ChannelServer<User, Private>>()
  expectTypeOf(none.use(user).use(needsUser)).toEqualTypeOf<ChannelServer.ChannelServer<User, never>>()
  // In the wrong order it stays needed.
  expectTypeOf(none.use(needsUser).use(user)).toEqualTypeOf<ChannelServer.ChannelServer<User, User>>()
  // @ts-expect-error no handler
  none.use({})
  // @ts-expect-error no channel
  none.mount(User)
})

test("a class-tagged handler is needed by its name, and its layer takes what the handler needs", () => {
  class Authenticate extends ChannelHandler.Service<Authenticate>()("Authenticate", {
    provides: User,
    requires: [Place]
  }) {}
  const server = ChannelServer.make("x").use(Authenticate).mount(Private)
  expectTypeOf(server).toEqualTypeOf<ChannelServer.ChannelServer<User, Authenticate | Place | Private>>()
  const handler = make("a", {
    connect: () =>
      Effect.gen(function* () {
        yield* Db
        return accept({ context: Context.make(User, yield* Place) })
      })
  })
  expectTypeOf(Authenticate.layer(handler)).toEqualTypeOf<Layer.Layer<Authenticate, never, Db>>()
  // @ts-expect-error it does not provide the user
  Authenticate.layer(make("none", {}))
})

test("a mounted server needs a router, a broadcaster and the services of the server", () => {
  const mounted = ChannelServer.layer(ChannelServer.make("x").use(user).mount(Private, Room), { path: "/socket" })
  expectTypeOf(mounted).toEqualTypeOf<
    Layer.Layer<never, never, HttpRouter.HttpRouter | Broadcaster.Broadcaster | Private | Room>
  >()
  // @ts-expect-error a path begins with a slash
  ChannelServer.layer(ChannelServer.make("x"), { path: "socket" })
  expectTypeOf(ChannelServer.disconnect("id")).toEqualTypeOf<Effect.Effect<void, never, Broadcaster.Broadcaster>>()
})

test("ready-made handlers need and provide what they say", () => {
  expectTypeOf(log()).toEqualTypeOf<Handler>()
  expectTypeOf(metrics()).toEqualTypeOf<Handler>()
  expectTypeOf(payloadLimit()).toEqualTypeOf<Handler>()
  const rate = { limit: 1, window: "1 second" } as const
  expectTypeOf(rateLimit(rate)).toEqualTypeOf<Handler>()
  expectTypeOf(joinRateLimit(rate)).toEqualTypeOf<Handler>()
  const keyed = { ...rate, key: () => "x" }
  expectTypeOf(rateLimit(keyed)).toEqualTypeOf<Handler<never, RateLimiter.RateLimiter>>()
  expectTypeOf(joinRateLimit(keyed)).toEqualTypeOf<Handler<never, RateLimiter.RateLimiter>>()

  const verify = (token: Redacted.Redacted) =>
    Effect.as(Effect.orDie(Effect.flatMap(Db, (db) => db.save(Redacted.value(token)))), "ann")
  const authenticate = authentication(User, { verify, id: (name) => name.toUpperCase(), anonymous: "nobody" })
  expectTypeOf(authenticate).toEqualTypeOf<Handler<User, Db>>()
  // @ts-expect-error verify gives what the service is
  authentication(User, { verify: () => Effect.succeed(1) })
  // @ts-expect-error what verify fails with does not respond
  authentication(User, { verify: () => Effect.as(Effect.fail(new DbDown()), "ann") })
  // @ts-expect-error the error type is any
  authentication(User, { verify: () => Effect.succeed("ann") as Effect.Effect<string, any> })

  const guard = joinGuard({
    rules: [
      joinRule("lobby", () => true),
      joinRule("room:{id}:{part}", ({ params, topic }) => {
        expectTypeOf(params).toEqualTypeOf<{ readonly id: string; readonly part: string }>()
        expectTypeOf(topic).toEqualTypeOf<`room:${string}:${string}`>()
        return Effect.map(User, (name) => name === params.id)
      }),
      joinRule("*", () => Effect.as(Db, false))
    ]
  })
  expectTypeOf(guard).toEqualTypeOf<Handler<never, User | Db>>()
  // @ts-expect-error a rule says yes or no
  joinRule("a", () => "yes")
  // @ts-expect-error a rule fails with Reject
  joinRule("a", () => Effect.fail(new DbDown()))
})

test("a test provides the needs of a server, except the broadcaster", () => {
  const server = ChannelServer.make("x").use(user).mount(Private, Room)
  const roomLayer = Room.layer({ join, on })
  const bare = TestChannel.make(server)
  expectTypeOf(bare).toEqualTypeOf<Effect.Effect<TestChannel.TestServer, never, Scope.Scope | Private | Room>>()
  const some = TestChannel.make(server, roomLayer)
  expectTypeOf(some).toEqualTypeOf<Effect.Effect<TestChannel.TestServer<Room>, never, Scope.Scope | Private>>()
  const running = {} as TestChannel.TestServer<Room>
  expectTypeOf(running.run(Room.broadcast({ roomId: 1 }, "entered", { name: "" }))).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(running.run(Effect.asVoid(Db))).toEqualTypeOf<Effect.Effect<void, never, Db>>()
})

test("a test's client of a defined channel is typed by it", () => {
  const client = {} as TestChannel.TestSocket
  const room = client.channel(Room, { roomId: 1 })
  type Ended = TestChannel.ChannelEnded | TestChannel.SocketClosed | TestChannel.ErrorReply
  expectTypeOf(room.join({ name: "" })).toEqualTypeOf<Effect.Effect<{ readonly count: number }, Ended | Declared>>()
  expectTypeOf(room.push("ping")).toEqualTypeOf<Effect.Effect<void, Ended>>()
  expectTypeOf(room.next("entered")).toEqualTypeOf<Effect.Effect<{ readonly name: string }, TestChannel.SocketClosed>>()
  // @ts-expect-error the payload is missing
  void room.join()
  // @ts-expect-error no such event
  void room.push("nope")
  // @ts-expect-error no such outgoing event
  void room.next("say")
  // @ts-expect-error a parameter is missing
  client.channel(Room, {})
})
