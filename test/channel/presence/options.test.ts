import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { Broadcaster, ChannelApi, ChannelServer, Presence } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { diffOf, enter, Room, roomLayer, serverOf, stateOf } from "./Present.ts"
import type { Metas } from "./Present.ts"

describe("the limits of presence", () => {
  const fails = (options: ChannelApi.PresenceOptions, pushes: ReadonlyArray<readonly [string, string, string]>) =>
    Effect.gen(function* () {
      const client = yield* enter(yield* serverOf(options))
      return yield* Effect.forEach(pushes, ([event, key, at]) =>
        Effect.map(client.push("room:1", event, { key, at }), ({ response }) => response)
      )
    })

  it.effect("nodes 2: bound the keys, the metas and the changes of a client", () =>
    Effect.gen(function* () {
      const tracks = (...keys: ReadonlyArray<string>) => keys.map((key) => ["track", key, ""] as const)
      assert.deepStrictEqual(yield* fails({ maxKeys: 2 }, tracks("a", "b", "c")), ["ok", "ok", "PresenceLimit maxKeys"])
      assert.deepStrictEqual(
        yield* fails({ maxMetaBytes: 10 }, [
          ["track", "a", "1"],
          ["track", "b", "12"],
          ["update", "a", "\u00e9"]
        ]),
        ["ok", "PresenceLimit maxMetaBytes", "PresenceLimit maxMetaBytes"]
      )
      assert.deepStrictEqual(
        yield* fails({ maxChanges: 2 }, [
          ["track", "a", "1"],
          ["update", "a", "2"],
          ["update", "a", "3"]
        ]),
        ["ok", "ok", "PresenceLimit maxChanges"]
      )
    })
  )

  it.effect("nodes 2: a window ends, and what is untracked makes room", () =>
    Effect.gen(function* () {
      const client = yield* enter(yield* serverOf({ maxChanges: 2, maxKeys: 1, window: "30 seconds" }))
      const track = (key: string) =>
        Effect.map(client.push("room:1", "track", { key, at: "" }), ({ response }) => response)
      assert.strictEqual(yield* track("a"), "ok")
      yield* client.push("room:1", "untrack", "a")
      assert.strictEqual(yield* track("b"), "ok")
      yield* client.push("room:1", "untrack", "b")
      assert.strictEqual(yield* track("c"), "PresenceLimit maxChanges")
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* track("c"), "ok")
    })
  )

  it("nodes 2: wrong ones throw at once", () => {
    assert.throws(() => roomLayer({ maxKeys: 0 }), InvalidOption, "presence.maxKeys")
    assert.throws(() => roomLayer({ maxMetaBytes: 0 }), InvalidOption, "presence.maxMetaBytes")
    assert.throws(() => roomLayer({ window: 0 }), InvalidOption, "presence.window")
    assert.throws(() => roomLayer({ diffInterval: Number.NaN }), InvalidOption, "presence.diffInterval")
    class Bare extends ChannelApi.make("bare", {}) {}
    const bare = Bare as unknown as { readonly layer: (implementation: object) => unknown }
    assert.throws(
      () => bare.layer({ join: () => Effect.void, on: {}, presence: {} }),
      InvalidOption,
      "declares no presence"
    )
  })
})

class Names extends Context.Service<Names, ReadonlyMap<number, string>>()("test/Names") {}

class Named extends ChannelApi.make("named:{id}", {
  params: { id: Schema.NumberFromString },
  join: { payload: Schema.Struct({ user: Schema.Finite }) },
  incoming: { state: { reply: Schema.Json } },
  presence: { key: Schema.NumberFromString, meta: Schema.Struct({}), fields: Schema.Struct({ name: Schema.String }) }
}) {}

describe("the fetch hook", () => {
  const make = (names: ReadonlyMap<number, string>, calls: Array<unknown> = []) =>
    TestChannel.make(
      ChannelServer.make("named").mount(Named),
      Named.layer({
        join: ({ payload }) => Effect.succeed(ChannelApi.state(payload.user)),
        afterJoin: (member) => Effect.orDie(member.presence.track(member.state, {})),
        on: { state: (_, member) => member.presence.state },
        presence: {
          fetch: (keys, { params }) =>
            Effect.map(Effect.andThen(Effect.yieldNow, Names), (names) => {
              calls.push([params.id, [...keys].toSorted((a, b) => a - b)])
              if (keys.includes(13)) throw new Error("an unlucky key")
              return new Map(keys.flatMap((key) => (names.has(key) ? [[key, { name: names.get(key)! }] as const] : [])))
            })
        }
      }).pipe(Layer.provide(Layer.succeed(Names, names)))
    )

  const join = (server: TestChannel.TestServer, user: number) =>
    Effect.tap(server.connect(), (client) => client.join("named:7", { user }))

  it.effect("nodes 2: adds fields to the keys of states, diffs and lists, one call for each diff", () =>
    Effect.gen(function* () {
      const calls: Array<unknown> = []
      const server = yield* make(new Map([[1, "Ann"]]), calls)
      const ann = yield* join(server, 1)
      const diff = yield* diffOf(ann)
      assert.deepInclude(diff.joins["1"], { name: "Ann" })
      assert.deepInclude((yield* stateOf(ann))["1"], { name: "Ann" })
      assert.deepStrictEqual(calls, [[7, [1]]])
      yield* TestClock.adjust("100 millis")
      const ben = yield* join(server, 2)
      assert.notProperty((yield* stateOf(ben))["2"], "name")
      assert.notProperty((yield* diffOf(ann)).joins["2"], "name")
      assert.deepStrictEqual(calls.slice(1), [[7, [1, 2]]])
      const listed = (yield* ben.push("named:7", "state")).response as unknown as Metas
      assert.deepInclude(listed["1"], { name: "Ann" })
    })
  )

  it.effect("nodes 2: one that dies or takes too long leaves the keys without fields, and diffs go on", () =>
    Effect.gen(function* () {
      const server = yield* make(new Map([[1, "Ann"]]))
      const unlucky = yield* join(server, 13)
      assert.deepStrictEqual(Object.keys((yield* diffOf(unlucky)).joins["13"]!), ["metas"])
      yield* unlucky.close(1006)
      yield* unlucky.released
      yield* TestClock.adjust("100 millis")
      const ann = yield* join(server, 1)
      assert.deepInclude((yield* stateOf(ann))["1"], { name: "Ann" })
    })
  )
})

describe("an engine that is away", () => {
  const unavailable = (topic: string) =>
    Effect.fail(new Broadcaster.BroadcasterUnavailable({ topic, operation: "presence" }))

  it.effect("nodes 2: refuses the join of a channel with presence, and leaves nothing", () =>
    Effect.gen(function* () {
      const away = Layer.succeed(Presence.Presence, {
        put: unavailable,
        remove: () => Effect.void,
        list: unavailable,
        watch: unavailable
      })
      const server = yield* TestChannel.make(
        ChannelServer.make("away").mount(Room),
        Layer.merge(roomLayer(), Layer.merge(Broadcaster.layer, away))
      )
      const client = yield* server.connect()
      const reply = yield* client.join("room:1", {})
      assert.deepStrictEqual(reply, { status: "error", response: { reason: "unavailable" } })
      assert.strictEqual(server.members("room:1"), 0)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(server.run(Room.presence({ id: "1" })))))
    })
  )

  it.effect("nodes 2: a track that fails is an error, and may be tried again", () =>
    Effect.gen(function* () {
      let isAway = true
      const engine = Layer.effect(
        Presence.Presence,
        Effect.map(Presence.Presence, (inner) => ({
          ...inner,
          put: (topic: string, entry: Presence.PresenceEntry) => (isAway ? unavailable(topic) : inner.put(topic, entry))
        }))
      ).pipe(Layer.provideMerge(Broadcaster.layer))
      const server = yield* TestChannel.make(ChannelServer.make("away").mount(Room), Layer.merge(roomLayer(), engine))
      const client = yield* enter(server)
      const track = Effect.map(client.push("room:1", "track", { key: "a", at: "x" }), ({ response }) => response)
      assert.strictEqual(yield* track, "BroadcasterUnavailable")
      isAway = false
      assert.strictEqual(yield* track, "ok")
    })
  )
})
