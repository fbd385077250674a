import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestChannel } from "fairlead/testing/channel"

import { EmptyText, Room, RoomLive, rooms } from "../src/Room.ts"

it.effect("sends a text to everybody in the room", () =>
  Effect.gen(function* () {
    const server = yield* TestChannel.make(rooms, RoomLive)
    const ada = (yield* server.connect()).channel(Room, { name: "lobby" })
    const grace = (yield* server.connect()).channel(Room, { name: "lobby" })
    yield* ada.join({ user: "Ada" })
    yield* grace.join({ user: "Grace" })
    assert.deepStrictEqual(yield* ada.push("say", { text: "hello" }), { length: 5 })
    assert.deepStrictEqual(yield* grace.next("said"), { user: "Ada", text: "hello" })
  })
)

it.effect("rejects an empty text", () =>
  Effect.gen(function* () {
    const server = yield* TestChannel.make(rooms, RoomLive)
    const ada = (yield* server.connect()).channel(Room, { name: "lobby" })
    yield* ada.join({ user: "Ada" })
    assert.instanceOf(yield* Effect.flip(ada.push("say", { text: " " })), EmptyText)
  })
)
