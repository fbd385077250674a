// @effect-diagnostics missingEffectError:off missingEffectContext:off
import { DateTime, Effect, Ref, Schema } from "effect"
import type { Layer, Scope } from "effect"
import { Broadcaster, ChannelApi, ChannelSocket } from "fairlead/channel"
import { expectTypeOf, test } from "vitest"

import { Db, DbDown, join, Lobby, on, Private, Refused, rest, Room, TooLong, Two, User } from "./Definitions.ts"

test("a pattern says its parameters and its topics", () => {
  expectTypeOf<ChannelApi.ParamNames<"a:{b}:{c}x">>().toEqualTypeOf<"b" | "c">()
  expectTypeOf<ChannelApi.ParamNames<"a:*">>().toEqualTypeOf<"*">()
  expectTypeOf<ChannelApi.ParamNames<"a">>().toEqualTypeOf<never>()
  expectTypeOf<ChannelApi.Topic<"a:{b}:{c}x">>().toEqualTypeOf<`a:${string}:${string}x`>()
  expectTypeOf<ChannelApi.Topic<"a:*">>().toEqualTypeOf<`a:${string}`>()
  expectTypeOf<ChannelApi.Topic<"a">>().toEqualTypeOf<"a">()
  expectTypeOf(Two.topic({ x: 1, y: "s" })).toEqualTypeOf<`a:${string}:${string}`>()
  // @ts-expect-error y is missing
  Two.topic({ x: 1 })
  // @ts-expect-error x is a number
  Two.topic({ x: "1", y: "s" })
})

test("a definition names no parameter that its pattern has not, and encodes each as a string", () => {
  // @ts-expect-error no such parameter in the pattern
  ChannelApi.make("a:{x}", { params: { z: Schema.NumberFromString } })
  // @ts-expect-error a parameter is encoded as a string
  ChannelApi.make("a:{x}", { params: { x: Schema.Number } })
  // @ts-expect-error an outgoing event is a Schema
  ChannelApi.make("a", { outgoing: { x: {} } })
})

test("an implementation is a layer of the channel, with the needs of its handlers except the channel's own", () => {
  const full = Room.layer({
    join: ({ params, payload, topic }) => {
      expectTypeOf(params).toEqualTypeOf<{ readonly roomId: number }>()
      expectTypeOf(payload).toEqualTypeOf<{ readonly name: string }>()
      expectTypeOf(topic).toEqualTypeOf<`room:${string}`>()
      return Effect.gen(function* () {
        if (payload.name === "") return yield* new Refused({ reason: "name" })
        const count = yield* Ref.make(0)
        yield* Effect.addFinalizer(() => Effect.void)
        return ChannelApi.joined({ count: 1 }, { count, name: payload.name })
      })
    },
    afterJoin: (member) => member.push("entered", { name: member.state.name }),
    on: {
      say: ({ text }, member) =>
        Effect.gen(function* () {
          expectTypeOf(member.state.count).toEqualTypeOf<Ref.Ref<number>>()
          const db = yield* Db
          if (text.length > 100) return yield* new TooLong({ max: 100 })
          return { id: yield* Effect.orDie(db.save(text)) }
        }),
      ping: () => Effect.asVoid(ChannelSocket.ChannelSocket),
      count: (payload, { state }) => {
        expectTypeOf(payload).toEqualTypeOf<void>()
        return Ref.updateAndGet(state.count, (n) => n + 1)
      },
      bytes: (bytes) => Effect.succeed(bytes)
    },
    intercept: { entered: (payload, { state }) => Effect.succeed(payload.name === state.name ? undefined : payload) },
    leave: (reason, member) => Effect.log(member.state.name, reason)
  })
  expectTypeOf(full).toEqualTypeOf<Layer.Layer<Room, never, Db>>()
  expectTypeOf(Lobby.layer({ join: () => Effect.void, on: {} })).toEqualTypeOf<Layer.Layer<Lobby>>()
})

test("the layer needs all services of its handlers except the socket's", () => {
  const named = Private.layer({
    join: ({ params }) => Effect.map(User, (user) => void `${user}${params["*"]}`),
    on: {}
  })
  expectTypeOf(named).toEqualTypeOf<Layer.Layer<Private>>()
  const other = Lobby.layer({ join: () => Effect.asVoid(User), on: {} })
  expectTypeOf(other).toEqualTypeOf<Layer.Layer<Lobby, never, User>>()
  const everywhere = Lobby.layer({
    join: () => Effect.asVoid(Db),
    afterJoin: () => Effect.asVoid(User),
    on: {},
    leave: () => Effect.asVoid(Broadcaster.Broadcaster)
  })
  expectTypeOf(everywhere).toEqualTypeOf<Layer.Layer<Lobby, never, Db | User | Broadcaster.Broadcaster>>()
})

test("an answer may come later, end the channel, or both be left out", () => {
  const later = Room.layer({
    join,
    on: {
      ...rest,
      say: ({ text }) =>
        Effect.succeed(
          text === ""
            ? ChannelApi.later(Effect.flatMap(Db, () => Effect.succeed({ id: 1 })))
            : text === "bye"
              ? ChannelApi.stopWith({ id: 2 })
              : ChannelApi.stop
        )
    }
  })
  expectTypeOf(later).toEqualTypeOf<Layer.Layer<Room, never, Db>>()
  Room.layer({
    join,
    // @ts-expect-error the last reply is a wrong one
    on: { ...rest, say: () => Effect.succeed(ChannelApi.stopWith({ nope: 1 })) }
  })
  Room.layer({
    join,
    // @ts-expect-error the later reply is a wrong one
    on: { ...rest, say: () => Effect.succeed(ChannelApi.later(Effect.succeed({ nope: 1 }))) }
  })
  Room.layer({
    join,
    // @ts-expect-error DbDown is not declared
    on: { ...rest, say: () => Effect.succeed(ChannelApi.later(Effect.fail(new DbDown()))) }
  })
})

test("every event has a handler, and no other", () => {
  // @ts-expect-error say has no handler
  Room.layer({ join, on: rest })
  Room.layer({
    join,
    // @ts-expect-error no incoming event other
    on: { ...on, other: () => Effect.void }
  })
  // @ts-expect-error a join must be decided
  Room.layer({ on })
  Room.layer({
    join,
    on,
    // @ts-expect-error no outgoing event nope
    intercept: { nope: () => Effect.void }
  })
})

test("a handler returns the reply of the definition, and fails with nothing else", () => {
  // @ts-expect-error wrong reply
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed({ nope: 1 }) } })
  // @ts-expect-error undeclared error
  Room.layer({ join, on: { ...rest, say: () => Effect.fail(new DbDown()) } })
  // @ts-expect-error an event without an error may not fail
  Room.layer({ join, on: { ...on, ping: () => Effect.fail(new TooLong({ max: 1 })) } })
  // @ts-expect-error no Effect
  Room.layer({ join, on: { ...on, ping: () => 1 } })
  // @ts-expect-error wrong reply of the join
  Room.layer({ join: () => Effect.succeed({ nope: 1 }), on })
  // @ts-expect-error wrong reply of the join beside its state
  Room.layer({ join: () => Effect.succeed(ChannelApi.joined({ nope: 1 }, 1)), on })
  // @ts-expect-error undeclared error of the join
  Room.layer({ join: () => Effect.fail(new DbDown()), on })
  // @ts-expect-error afterJoin may not fail
  Room.layer({ join, on, afterJoin: () => Effect.fail(new Refused({ reason: "" })) })
  // @ts-expect-error leave may not fail
  Room.layer({ join, on, leave: () => Effect.fail(new DbDown()) })
  // @ts-expect-error an intercept gives the event's payload
  Room.layer({ join, on, intercept: { entered: () => Effect.succeed(3) } })
  // @ts-expect-error an intercept may not fail
  Room.layer({ join, on, intercept: { entered: () => Effect.fail(3) } })
})

test("any is refused wherever it would hide errors or needs", () => {
  const any: any = undefined
  const anyError = any as Effect.Effect<{ id: number }, any>
  const anyNeeds = any as Effect.Effect<{ id: number }, never, any>
  // Where all of it is any, an unknown need is left over, which cannot go unseen.
  expectTypeOf(Room.layer({ join, on: { ...rest, say: () => any } })).toEqualTypeOf<Layer.Layer<Room, never, unknown>>()
  expectTypeOf(Room.layer({ join: () => any, on })).toEqualTypeOf<Layer.Layer<Room, never, unknown>>()
  // @ts-expect-error the error type is any
  Room.layer({ join, on: { ...rest, say: () => anyError } })
  // @ts-expect-error the requirements are any
  Room.layer({ join, on: { ...rest, say: () => anyNeeds } })
  // @ts-expect-error the error type of the later reply is any
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(ChannelApi.later(anyError)) } })
  // @ts-expect-error the requirements of the later reply are any
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(ChannelApi.later(anyNeeds)) } })
  // @ts-expect-error the error type of leave is any
  Room.layer({ join, on, leave: () => any as Effect.Effect<void, any> })
})

test("a member sends what the definition says", () => {
  const member = {} as ChannelApi.Member<typeof Room, string>
  expectTypeOf(member.params).toEqualTypeOf<{ readonly roomId: number }>()
  expectTypeOf(member.state).toEqualTypeOf<string>()
  const at = DateTime.nowUnsafe()
  expectTypeOf(member.push("said", { text: "", at })).toEqualTypeOf<Effect.Effect<void>>()
  expectTypeOf(member.stop).toEqualTypeOf<Effect.Effect<void>>()
  // @ts-expect-error no such outgoing event
  void member.push("nope", {})
  // @ts-expect-error wrong payload
  void member.broadcast("entered", { nam: "" })
  // @ts-expect-error the payload is missing
  void member.broadcastFrom("entered")
})

test("a broadcast from outside is typed, and needs the broadcaster", () => {
  const out = Room.broadcast({ roomId: 1 }, "entered", { name: "" })
  expectTypeOf(out).toEqualTypeOf<Effect.Effect<void, never, Broadcaster.Broadcaster>>()
  // @ts-expect-error no such outgoing event
  void Room.broadcast({ roomId: 1 }, "say", { text: "" })
  // @ts-expect-error wrong parameters
  void Room.broadcast({ room: 1 }, "entered", { name: "" })
})

test("the layer has the needs of the Schemas", () => {
  class Key extends Schema.Class<Key>("Key")({ id: Schema.Number }) {}
  const Sealed = Schema.String as Schema.Codec<string, string, Db, User>
  class Safe extends ChannelApi.make("safe", {
    incoming: { open: { payload: Sealed } },
    outgoing: { opened: Sealed, key: Key }
  }) {}
  const layer = Safe.layer({ join: () => Effect.void, on: { open: () => Effect.void } })
  expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Safe, never, Db | User>>()
  const broadcast = Safe.broadcast({}, "opened", "x")
  expectTypeOf(broadcast).toEqualTypeOf<Effect.Effect<void, never, Broadcaster.Broadcaster | User>>()
})

test("a subscription lives in a scope", () => {
  const stream = Broadcaster.subscribe("room:1")
  expectTypeOf<Effect.Services<typeof stream>>().toEqualTypeOf<Broadcaster.Broadcaster | Scope.Scope>()
})
