import { assert, describe, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { ChannelHandler, ChannelServer } from "fairlead/channel"
import { joinGuard, joinRule } from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

import { Room, roomLayer, serverOf } from "../engine/Room.ts"

class Rooms extends Context.Service<Rooms, ReadonlyArray<string>>()("test/Rooms") {}

const unauthorized = { status: "error", response: { reason: "unauthorized" } }

const statuses = (client: TestChannel.TestSocket, ids: ReadonlyArray<string>) =>
  Effect.forEach(ids, (id) => Effect.map(client.join(`room:${id}`), ({ status }) => status))

describe("joinGuard", () => {
  it.effect("lets the first rule decide whose pattern matches, at once or by an Effect", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const guard = joinGuard({
        rules: [
          joinRule("room:x-{name}", ({ params }) => {
            asked.push(params.name)
            return params.name === "a"
          }),
          joinRule("room:{id}", ({ params, payload }) =>
            Effect.as(Effect.yieldNow, params.id === "1" || payload === "please")
          )
        ]
      })
      const client = yield* (yield* serverOf({}, [guard])).connect()
      assert.deepStrictEqual(yield* statuses(client, ["x-a", "x-b", "1", "2"]), ["ok", "error", "ok", "error"])
      assert.deepStrictEqual(asked, ["a", "b"])
      assert.strictEqual((yield* client.join("room:2", "please")).status, "ok")
      assert.deepStrictEqual(yield* client.join("room:3"), unauthorized)
    })
  )

  it.effect("refuses what no rule matches, unless it is to allow it", () =>
    Effect.gen(function* () {
      const none = [joinRule("other", () => true)]
      const closed = yield* (yield* serverOf({}, [joinGuard({ rules: none })])).connect()
      assert.deepStrictEqual(yield* closed.join("room:1"), unauthorized)
      const open = yield* (yield* serverOf({}, [joinGuard({ rules: none, otherwise: "allow" })])).connect()
      assert.strictEqual((yield* open.join("room:1")).status, "ok")
    })
  )

  it.effect("replies with the reason that a rule fails with", () =>
    Effect.gen(function* () {
      const full = new ChannelHandler.Reject({ reason: "full", details: { seats: 0 } })
      const guard = joinGuard({ rules: [joinRule("room:*", () => Effect.fail(full))] })
      const client = yield* (yield* serverOf({}, [guard])).connect()
      assert.deepStrictEqual(yield* client.join("room:1"), { status: "error", response: { seats: 0, reason: "full" } })
    })
  )

  it.effect("asks with the services of the socket, and a rule that dies is a join that crashed", () =>
    Effect.gen(function* () {
      const rooms = ChannelHandler.make("rooms", {
        connect: ({ params }) =>
          ChannelHandler.accept({ context: Context.make(Rooms, params.get("rooms")?.split(",") ?? []) })
      })
      const guard = joinGuard({
        rules: [
          joinRule("room:die", () => Effect.die("oh")),
          joinRule("room:{id}", ({ params, socket }) =>
            Effect.map(Rooms, (rooms) => rooms.includes(params.id) && socket.request.transport === "memory")
          )
        ]
      })
      const server = yield* TestChannel.make(ChannelServer.make("x").use(rooms).use(guard).mount(Room), roomLayer({}))
      const client = yield* server.connect({ params: { rooms: "1,2" } })
      assert.deepStrictEqual(yield* statuses(client, ["1", "2", "3"]), ["ok", "ok", "error"])
      assert.deepStrictEqual((yield* client.join("room:die")).response, { reason: "join crashed" })
    })
  )

  it("throws for an invalid pattern", () => {
    assert.throws(() => joinGuard({ rules: [joinRule("a:{b", () => true)] }), /"a:\{b"/)
  })
})
