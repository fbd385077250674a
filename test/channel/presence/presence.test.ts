import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ChannelServer, Presence } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { diffOf, enter, events, Room, roomLayer, serverOf, settled, shown, stateOf } from "./Present.ts"
import type { Diff } from "./Present.ts"

describe("presence", () => {
  it.effect("channel 1.8: a member gets the state after it joined, and a diff for every later change", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const ann = yield* enter(server, "ann")
      const joined = yield* diffOf(ann)
      const [{ phx_ref, ...meta } = { phx_ref: undefined }] = joined.joins["ann"]!.metas
      assert.isString(phx_ref)
      assert.deepStrictEqual([meta, joined.leaves], [{ at: "home" }, {}])
      assert.deepStrictEqual(yield* stateOf(ann), joined.joins)
      // The reply, the diff, and then the state that has it.
      assert.deepStrictEqual(events(ann), ["phx_reply", "presence_diff", "presence_state"])

      yield* TestClock.adjust("100 millis")
      const ben = yield* enter(server, "ben")
      assert.deepStrictEqual(shown(yield* stateOf(ben)), [
        ["ann", ["home"]],
        ["ben", ["home"]]
      ])
      assert.deepStrictEqual(shown((yield* diffOf(ann)).joins), [["ben", ["home"]]])
    })
  )

  it.effect("channel 1.8: an update is one diff, with the ref before it", () =>
    Effect.gen(function* () {
      const ann = yield* enter(yield* serverOf(), "ann")
      const before = (yield* diffOf(ann)).joins
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* ann.push("room:1", "update", { key: "ann", at: "work" })).response, "ok")
      const { joins, leaves } = yield* diffOf(ann)
      assert.deepStrictEqual(leaves, before)
      const [meta] = joins["ann"]!.metas
      assert.deepInclude(meta, { at: "work", phx_ref_prev: before["ann"]!.metas[0]!["phx_ref"] })
      assert.notStrictEqual(meta!["phx_ref"], meta!["phx_ref_prev"])
    })
  )

  it.effect("channel 1.8: ends with untrack, a leave, a crash, another join, and the end of the socket", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ diffInterval: 0 })
      const watcher = yield* enter(server)
      const ends: ReadonlyArray<
        readonly [string, (client: TestChannel.TestSocket) => Effect.Effect<unknown, unknown>]
      > = [
        ["untrack", (client) => client.push("room:1", "untrack", "untrack")],
        ["untrack all", (client) => client.push("room:1", "untrack", null)],
        ["leave", (client) => client.leave("room:1")],
        ["crash", (client) => client.notify("room:1", "crash")],
        ["join again", (client) => client.join("room:1", {})],
        ["lost", (client) => client.close(1006)]
      ]
      for (const [name, end] of ends) {
        const client = yield* enter(server, name)
        assert.deepStrictEqual(shown((yield* diffOf(watcher)).joins), [[name, ["home"]]])
        yield* end(client)
        assert.deepStrictEqual(shown((yield* diffOf(watcher)).leaves), [[name, ["home"]]], name)
      }
      assert.deepStrictEqual((yield* server.run(Room.presence({ id: "1" }))).present, [])
    })
  )

  it.effect("channel 1.8: a key has a meta for each member, and keys are any text", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      for (const name of ["__proto__", "ann", "__proto__", ""]) yield* enter(server, name)
      const client = yield* enter(server)
      yield* TestClock.adjust("100 millis")
      const expected = [
        ["__proto__", ["home", "home"]],
        ["ann", ["home"]],
        ["", ["home"]]
      ]
      assert.deepStrictEqual(shown(yield* stateOf(client)), expected)
      assert.deepStrictEqual((yield* client.push("room:1", "list")).response, expected)
    })
  )

  it.effect("channel 1.8: to track twice, and to update nothing, are errors that change nothing", () =>
    Effect.gen(function* () {
      const ann = yield* enter(yield* serverOf(), "ann")
      const push = (event: string, key: string) =>
        Effect.map(ann.push("room:1", event, { key, at: "work" }), ({ response }) => response)
      assert.strictEqual(yield* push("track", "ann"), "AlreadyTracked")
      assert.strictEqual(yield* push("update", "ben"), "NotTracked")
      assert.strictEqual(yield* push("track", "ben"), "ok")
      assert.deepStrictEqual((yield* ann.push("room:1", "list")).response, [
        ["ann", ["home"]],
        ["ben", ["work"]]
      ])
    })
  )

  it.effect("channel 1.8: is listed from outside, with decoded metas and the position at which it is true", () =>
    Effect.gen(function* () {
      const since = new Date(0)
      const server = yield* serverOf()
      yield* enter(server, "ann")
      yield* server.run(
        Effect.flatMap(Presence.Presence, ({ put }) =>
          put("room:1", {
            id: "other",
            key: "ben",
            ref: "r",
            previousRef: undefined,
            meta: { at: "x", since: since.toJSON() }
          })
        )
      )
      // Another version of the program wrote this.
      yield* server.run(
        Effect.flatMap(Presence.Presence, ({ put }) =>
          put("room:1", { id: "old", key: "cid", ref: "r2", previousRef: undefined, meta: { where: "x" } })
        )
      )
      const { position, present } = yield* server.run(Room.presence({ id: "1" }))
      assert.strictEqual(position.offset, 3)
      assert.deepStrictEqual(present, [
        { key: "ann", metas: [{ at: "home" }] },
        { key: "ben", metas: [{ at: "x", since }] }
      ])
    })
  )
})

describe("diffs", () => {
  it.effect("nodes 2: changes within the interval are one diff, and those that cancel out are none", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const watcher = yield* enter(server)
      const clients = yield* Effect.forEach(["a", "b", "c", "d"], (name) => enter(server, name))
      assert.deepStrictEqual(shown((yield* diffOf(watcher)).joins), [["a", ["home"]]])
      yield* clients[1]!.push("room:1", "update", { key: "b", at: "work" })
      yield* clients[2]!.leave("room:1")
      yield* clients[0]!.leave("room:1")
      yield* TestClock.adjust("99 millis")
      assert.strictEqual(events(watcher).filter((event) => event === "presence_diff").length, 1)
      yield* TestClock.adjust("1 millis")
      const { joins, leaves } = yield* diffOf(watcher)
      assert.deepStrictEqual(shown(joins), [
        ["d", ["home"]],
        ["b", ["work"]]
      ])
      assert.deepStrictEqual(shown(leaves), [["a", ["home"]]])
      // No client knows the ref before.
      assert.notProperty(joins["b"]!.metas[0], "phx_ref_prev")
    })
  )

  it.effect("nodes 2: a state waits for the changes before it, and no earlier change follows it", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      yield* enter(server, "ann")
      const ben = yield* enter(server, "ben")
      yield* settled
      assert.notInclude(events(ben), "presence_state")
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(events(ben).slice(-2), ["presence_diff", "presence_state"])
      assert.deepStrictEqual(shown(yield* stateOf(ben)), [
        ["ann", ["home"]],
        ["ben", ["home"]]
      ])
      // A state for which nothing waits comes at once.
      const cid = yield* enter(server)
      yield* stateOf(cid)
    })
  )

  it.effect("nodes 3.5: in a storm of 1,000 joins a member gets at most 20 diffs a second, and knows them all", () =>
    Effect.gen(function* () {
      const server = yield* serverOf()
      const watcher = yield* enter(server)
      let virtual = 0
      for (let n = 0; n < 1000; n++) {
        yield* enter(server, `user ${n}`)
        if (n % 5 === 0) {
          yield* TestClock.adjust("5 millis")
          virtual += 5
        }
      }
      yield* TestClock.adjust("100 millis")
      const diffs = watcher.received.filter(({ event }) => event === "presence_diff")
      assert.isAtMost(diffs.length, 2 + virtual / 50)
      const joins = diffs.flatMap(({ payload }) => Object.keys((payload as unknown as Diff).joins))
      assert.strictEqual(new Set(joins).size, 1000)
      assert.strictEqual(joins.length, 1000)
    })
  )

  it.effect("nodes 2: are never dropped for a slow reader", () =>
    Effect.gen(function* () {
      const server = yield* TestChannel.make(ChannelServer.make("slow").mount(Room), roomLayer({ diffInterval: 0 }), {
        slowReader: { maxMessages: 12, onOverflow: "drop-oldest" }
      })
      const slow = yield* enter(server)
      yield* slow.stopReading
      const broadcasts = (count: number) =>
        Effect.forEach(Array.from({ length: count }), () => server.run(Room.broadcast({ id: "1" }, "said", "x")))
      yield* broadcasts(6)
      for (const name of ["a", "b", "c"]) {
        yield* enter(server, name)
        yield* settled
        yield* broadcasts(6)
      }
      yield* slow.startReading
      const names: Array<string> = []
      for (let left = 3; left > 0; left--) names.push(...Object.keys((yield* diffOf(slow)).joins))
      assert.deepStrictEqual(names, ["a", "b", "c"])
      assert.isBelow(events(slow).filter((event) => event === "said").length, 24)
    })
  )
})
