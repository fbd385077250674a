import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import * as TestChannel from "fairlead/testing/channel"

const Line = Schema.Struct({ text: Schema.String })
class Room extends ChannelApi.make("room:{id}", {
  params: { id: Schema.NumberFromString },
  incoming: { say: { payload: Line, reply: Schema.Struct({ length: Schema.Number }) } },
  outgoing: { said: Line }
}) {}

const RoomLive = Room.layer({
  join: () => Effect.void,
  on: { say: (line, room) => Effect.as(room.broadcast("said", line), { length: line.text.length }) }
})
const chat = ChannelServer.make("chat").mount(Room)

it.effect("two clients of one server talk", () =>
  Effect.gen(function* () {
    const server = yield* TestChannel.make(chat, RoomLive)
    const ann = yield* server.connect()
    const bob = (yield* server.connect({ vsn: "1.0.0" })).channel(Room, { id: 1 })
    assert.deepStrictEqual(yield* ann.join("room:1"), { status: "ok", response: {} })
    yield* bob.join()
    assert.deepStrictEqual(yield* ann.push("room:1", "say", { text: "hello" }), {
      status: "ok",
      response: { length: 5 }
    })
    assert.deepStrictEqual(yield* bob.next("said"), { text: "hello" })
    assert.strictEqual(yield* ann.next().pipe(Effect.map((m) => m.event)), "said")
    yield* ann.leave("room:1")
    yield* ann.close()
    yield* ann.released
    assert.strictEqual(server.sockets(), 1)
  })
)
