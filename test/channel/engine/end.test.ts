import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Latch } from "effect"
import { ChannelApi } from "fairlead/channel"

import { Failed, joined, loggingServerOf, serverOf, until } from "./Room.ts"
import type { Parts } from "./Room.ts"

/** A room that writes down how it ends, and when its finalizers run. */
const ending = (parts: Parts = {}) => {
  const journal: Array<string> = []
  const write = (line: string) => Effect.sync(() => void journal.push(line))
  const all: Parts = {
    ...parts,
    join: (request) =>
      Effect.andThen(
        Effect.addFinalizer(() => write("released")),
        parts.join?.(request) ?? Effect.succeed({})
      ),
    leave: (reason) => write(reason)
  }
  return { journal, parts: all }
}

describe("a channel ends once, its leave hook runs and its scope closes", () => {
  it.effect("channel 0.3: when the client leaves", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending()
      const server = yield* serverOf(parts)
      const client = yield* joined(server)
      assert.deepStrictEqual(yield* client.leave("room:1"), { status: "ok", response: {} })
      assert.strictEqual((yield* client.next()).event, "phx_close")
      yield* until(() => journal.length === 2)
      assert.deepStrictEqual(journal, ["left", "released"])
      assert.strictEqual(server.members("room:1"), 0)
    })
  )

  it.effect("channel 0.3: when a join takes its place", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending()
      const client = yield* joined(yield* serverOf(parts))
      yield* client.join("room:1")
      assert.deepStrictEqual(journal, ["replaced", "released"])
    })
  )

  it.effect("channel 0.3: when it crashes", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ ask: () => Effect.die("oh") })
      const client = yield* joined(yield* serverOf(parts))
      yield* Effect.flip(client.push("room:1", "ask"))
      yield* until(() => journal.length === 2)
      assert.deepStrictEqual(journal, ["crashed", "released"])
    })
  )

  it.effect("channel 0.3: when it stops", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ ask: () => Effect.succeed(ChannelApi.stop) })
      const client = yield* joined(yield* serverOf(parts))
      yield* Effect.flip(client.push("room:1", "ask"))
      yield* until(() => journal.length === 2)
      assert.deepStrictEqual(journal, ["stopped", "released"])
    })
  )

  it.effect.each([1000, 1006])("channel 1.5: when the socket is closed with %i", (code) =>
    Effect.gen(function* () {
      const { journal, parts } = ending()
      const server = yield* serverOf(parts)
      const client = yield* joined(server)
      yield* client.close(code)
      yield* client.released
      assert.deepStrictEqual(journal, ["disconnected", "released"])
      assert.strictEqual(server.members("room:1"), 0)
      assert.strictEqual(server.sockets(), 0)
    })
  )

  it.effect("channel 0.3: when the application stops", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending()
      const server = yield* serverOf(parts)
      const client = yield* joined(server)
      yield* server.shutdown
      assert.strictEqual((yield* client.closed).code, 1012)
      yield* client.released
      assert.deepStrictEqual(journal, ["shutdown", "released"])
    })
  )

  it.effect("channel 0.3: when the application stops while a handler takes its time to end", () =>
    Effect.gen(function* () {
      const latch = yield* Latch.make()
      const { journal, parts } = ending({ ask: () => Effect.onInterrupt(Effect.never, () => latch.await) })
      const server = yield* serverOf(parts)
      const client = yield* joined(server)
      yield* client.notify("room:1", "ask")
      yield* server.shutdown
      yield* client.closed
      assert.deepStrictEqual(journal, [])
      yield* latch.open
      yield* client.released
      assert.deepStrictEqual(journal, ["shutdown", "released"])
    })
  )

  it.effect("channel 0.3: when the server's own scope closes", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending()
      yield* Effect.scoped(Effect.flatMap(serverOf(parts), (server) => joined(server)))
      assert.strictEqual(journal.length, 2)
      assert.strictEqual(journal[1], "released")
    })
  )

  it.effect("channel 0.3: when the socket is lost while afterJoin runs", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ afterJoin: () => Effect.never })
      const { lines, server } = yield* loggingServerOf(parts)
      const client = yield* joined(server)
      yield* client.close(1006)
      yield* client.released
      assert.deepStrictEqual(journal, ["disconnected", "released"])
      assert.deepStrictEqual(lines, [])
    })
  )
})

describe("a join that does not succeed leaves nothing open", () => {
  it.effect("channel 1.5: when it is refused: its scope closes before the client gets the reply", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ join: () => Effect.fail(new Failed({ why: "full" })) })
      const client = yield* (yield* serverOf(parts)).connect()
      assert.deepStrictEqual(yield* client.join("room:1"), {
        status: "error",
        response: { _tag: "Failed", why: "full" }
      })
      assert.deepStrictEqual(journal, ["released"])
    })
  )

  it.effect("channel 1.5: when it crashes: the client gets a reply, without phx_error", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ join: () => Effect.die(new Error("no database")) })
      const { lines, server } = yield* loggingServerOf(parts)
      const client = yield* server.connect()
      const reply = yield* client.join("room:1")
      assert.deepStrictEqual(reply, { status: "error", response: { reason: "join crashed" } })
      yield* client.heartbeat
      assert.deepStrictEqual(
        client.received.map(({ event }) => event),
        ["phx_reply", "phx_reply"]
      )
      assert.deepStrictEqual(journal, ["released"])
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
      assert.include(lines[0]?.message, `"room:{id}"`)
    })
  )

  it.effect("channel 0.3: when the socket is gone before it is decided: it is interrupted", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ join: () => Effect.never })
      const { lines, server } = yield* loggingServerOf(parts)
      const client = yield* server.connect()
      yield* client.notify("room:1", "phx_join")
      yield* client.close()
      yield* client.released
      assert.deepStrictEqual(journal, ["released"])
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("channel 0.3: when its own fiber is interrupted during a wait, it is as a crash", () =>
    Effect.gen(function* () {
      const { journal, parts } = ending({ join: () => Effect.interrupt })
      const client = yield* (yield* serverOf(parts)).connect()
      const reply = yield* client.join("room:1")
      assert.deepStrictEqual(reply, { status: "error", response: { reason: "join crashed" } })
      assert.deepStrictEqual(journal, ["released"])
    })
  )
})

describe("the scope of a handler's channel", () => {
  it.effect("channel 0.3: a finalizer added by any of its hooks runs when the channel ends, in reverse order", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const add = (line: string) => Effect.addFinalizer(() => Effect.sync(() => void journal.push(line)))
      const server = yield* serverOf({
        join: () => Effect.as(add("join"), {}),
        afterJoin: () => add("afterJoin"),
        ask: () => Effect.as(add("ask"), {}),
        leave: () => add("leave")
      })
      const client = yield* joined(server)
      yield* client.push("room:1", "ask")
      yield* client.leave("room:1")
      yield* until(() => journal.length === 4)
      assert.deepStrictEqual(journal, ["leave", "ask", "afterJoin", "join"])
    })
  )

  it.effect("channel 0.3: one that a replaced channel's leave adds runs before the new join", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const write = (line: string) => Effect.sync(() => void journal.push(line))
      const server = yield* serverOf({
        join: () => Effect.as(write("join"), {}),
        leave: () => Effect.addFinalizer(() => write("leave"))
      })
      const client = yield* joined(server)
      yield* client.join("room:1")
      assert.deepStrictEqual(journal, ["join", "leave", "join"])
    })
  )

  it.effect("channel 0.3: a fiber forked in its scope is interrupted", () =>
    Effect.gen(function* () {
      const [started, interrupted] = [yield* Latch.make(), yield* Deferred.make<void>()]
      const running = Effect.onInterrupt(Effect.andThen(started.open, Effect.never), () =>
        Deferred.succeed(interrupted, undefined)
      )
      const server = yield* serverOf({ afterJoin: () => Effect.asVoid(Effect.forkScoped(running)) })
      const client = yield* joined(server)
      yield* started.await
      yield* client.leave("room:1")
      yield* Deferred.await(interrupted)
    })
  )

  it.effect("channel 0.3: a finalizer that dies is logged once, and the others run", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const { lines, server } = yield* loggingServerOf({
        join: () =>
          Effect.as(
            Effect.andThen(
              Effect.addFinalizer(() => Effect.sync(() => void journal.push("first"))),
              Effect.addFinalizer(() => Effect.die("torn"))
            ),
            {}
          )
      })
      const client = yield* joined(server)
      yield* client.close()
      yield* client.released
      assert.deepStrictEqual(journal, ["first"])
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
      assert.include(lines[0]?.message, `"room:{id}" of channel server "rooms"`)
    })
  )

  it.effect("channel 1.5: the pushes of leave are the last messages to the client", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ leave: (reason, member) => member.push("note", reason) })
      const client = yield* joined(server)
      yield* client.leave("room:1")
      yield* client.next("note")
      assert.deepStrictEqual(
        client.received.slice(1).map(({ event }) => event),
        ["phx_reply", "phx_close", "note"]
      )
    })
  )
})
