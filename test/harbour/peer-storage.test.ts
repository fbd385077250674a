/** What a Harbour keeps of others, and gives to them. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Option, Schema } from "effect"

import { limits, RoomNotFound } from "../../examples/harbour/Domain.ts"
import { encode } from "../../examples/harbour/PeerFrames.ts"
import { Known, News, Origin, TooManyOrigins } from "../../examples/harbour/PeerNews.ts"
import { memberName, messageText, moored, quay, roomName } from "./PeerHarbour.ts"
import type { Moored } from "./PeerHarbour.ts"

const nothing = Known.make({ rooms: {}, messages: {} })
const origin = (n: number) => Schema.decodeSync(Origin)(n.toString(16).padStart(32, "0"))
const epoch = DateTime.makeUnsafe(0)

const room = (number: number, name: string, from = origin(1)) => ({
  origin: from,
  number,
  name: roomName(name),
  topic: `topic of ${name}`,
  createdBy: memberName("Ada"),
  createdAt: epoch
})

const message = (number: number, text: string, from = origin(1)) => ({
  origin: from,
  number,
  room: quay,
  author: memberName("Ada"),
  text: messageText(text),
  postedAt: epoch
})

const news = (part: {
  rooms?: ReadonlyArray<ReturnType<typeof room>>
  messages?: ReadonlyArray<ReturnType<typeof message>>
}) => News.make({ rooms: [], messages: [], ...part })

/** Takes what `from` has and `to` lacks, batch by batch; the sizes of the batches. */
const catchUp = (from: Moored, to: Moored) =>
  Effect.gen(function* () {
    const sizes: Array<readonly [rooms: number, messages: number]> = []
    for (;;) {
      const { messages, rooms } = yield* from.storage.lacking(yield* to.storage.known)
      if (rooms.length + messages.length === 0) return sizes
      yield* to.take(news({ rooms, messages }))
      sizes.push([rooms.length, messages.length])
    }
  })

describe("the storage of peers", () => {
  it.effect("harbour: missing news come in bounded batches, in order, rooms before the messages in them", () =>
    Effect.gen(function* () {
      const [north, south] = [yield* moored, yield* moored]
      for (let n = 0; n < 40; n++) yield* north.createRoom(roomName(`pier-${n}`))
      yield* north.createRoom(quay)
      for (let n = 0; n < 70; n++) yield* north.post(`${n}`)
      assert.deepStrictEqual(yield* catchUp(north, south), [
        [32, 0],
        [9, 32],
        [0, 32],
        [0, 6]
      ])
      assert.deepStrictEqual(yield* south.said, yield* north.said)
      assert.deepStrictEqual(
        south.told,
        Array.from({ length: 70 }, (_, n) => `${n}`)
      )
      assert.deepStrictEqual(yield* south.storage.known, yield* north.storage.known)
    })
  )

  it.effect("harbour: repeated and returned news are stored and broadcast once, and passed on under their origin", () =>
    Effect.gen(function* () {
      const [north, south, east] = [yield* moored, yield* moored, yield* moored]
      yield* north.createRoom(quay)
      yield* north.post("one")
      const told = yield* north.storage.lacking(nothing)
      for (let time = 0; time < 2; time++) yield* south.take(told)
      yield* catchUp(south, east)
      yield* north.take(yield* east.storage.lacking(nothing))
      for (const harbour of [north, south, east]) {
        assert.deepStrictEqual(harbour.told, ["one"])
        assert.deepStrictEqual(yield* harbour.said, ["Ada: one"])
        assert.deepStrictEqual(yield* harbour.storage.lacking(nothing), told)
      }
    })
  )

  it.effect("harbour: two rooms of one name become one, and each Harbour keeps what it says of it", () =>
    Effect.gen(function* () {
      const south = yield* moored
      yield* south.createRoom(quay)
      yield* south.take(news({ rooms: [room(1, "quay"), room(2, "pier")], messages: [message(1, "from elsewhere")] }))
      const { items } = yield* south.storage.rooms({ limit: 10 })
      assert.deepStrictEqual(
        items.map(({ name, topic }) => [name as string, topic]),
        [
          ["pier", "topic of pier"],
          ["quay", ""]
        ]
      )
      assert.deepStrictEqual(yield* south.said, ["Ada: from elsewhere"])
    })
  )

  it.effect("harbour: an author from elsewhere takes no name here, and nobody's token is theirs", () =>
    Effect.gen(function* () {
      const south = yield* moored
      const bob = { ...message(1, "from elsewhere"), author: memberName("Bob") }
      yield* south.take(news({ rooms: [room(1, "quay")], messages: [bob, message(2, "of a namesake")] }))
      const here = yield* south.storage.register(memberName("Bob"), new Uint8Array(32).fill(1))
      assert.strictEqual(here.name, "Bob")
      yield* south.post("from here")
      assert.deepStrictEqual(yield* south.said, ["Bob: from elsewhere", "Ada: of a namesake", "Ada: from here"])
      // Their digest is no SHA-256: it has more bytes.
      const digest = new TextEncoder().encode(`${origin(1)}/Ada`)
      assert.isTrue(Option.isSome(yield* south.storage.member(digest)))
      assert.isAbove(digest.length, 32)
    })
  )

  it.effect("harbour: news are taken whole or not at all: a message before its room, or one origin too many", () =>
    Effect.gen(function* () {
      const south = yield* moored
      const stray = news({ rooms: [room(1, "pier")], messages: [message(1, "astray")] })
      assert.deepStrictEqual(yield* Effect.flip(south.take(stray)), new RoomNotFound({ room: quay }))
      assert.deepStrictEqual(yield* south.storage.known, nothing)

      const batches = (count: number) => Array.from({ length: count }, (_, n) => room(1, `pier-${n}`, origin(n + 1)))
      for (let at = 0; at < limits.peer.origins - 1; at += limits.peer.batch) {
        const rooms = batches(limits.peer.origins - 1).slice(at, at + limits.peer.batch)
        yield* south.take(news({ rooms }))
      }
      const before = yield* south.storage.known
      const more = news({ rooms: [room(2, "quay", origin(1)), room(1, "wharf", origin(5000))] })
      assert.deepStrictEqual(yield* Effect.flip(south.take(more)), new TooManyOrigins())
      assert.deepStrictEqual(yield* south.storage.known, before)
    })
  )

  it.effect("harbour: messages under this Harbour's own origin are not taken from others", () =>
    Effect.gen(function* () {
      const south = yield* moored
      yield* south.createRoom(quay)
      const [own] = Object.keys((yield* south.storage.known).rooms)
      yield* south.take(news({ messages: [message(9, "never said", Schema.decodeSync(Origin)(own ?? ""))] }))
      assert.deepStrictEqual([yield* south.said, south.told], [[], []])
    })
  )

  it.effect("harbour: the largest batch fits a frame", () =>
    Effect.sync(() => {
      const author = memberName("𝒜".repeat(limits.memberName))
      const largest = {
        rooms: Array.from({ length: limits.peer.batch }, (_, n) => ({
          ...room(Number.MAX_SAFE_INTEGER - n, "a".repeat(limits.roomName)),
          topic: "𝒜".repeat(limits.topic),
          createdBy: author
        })),
        messages: Array.from({ length: limits.peer.batch }, (_, n) => ({
          ...message(Number.MAX_SAFE_INTEGER - n, "\u0001".repeat(limits.text)),
          room: roomName("a".repeat(limits.roomName)),
          author
        }))
      }
      assert.isAtMost(encode(news(largest)).length - 4, limits.peer.frame)
      const known = Object.fromEntries(
        Array.from({ length: limits.peer.origins }, (_, n) => [origin(n), Number.MAX_SAFE_INTEGER])
      )
      assert.isAtMost(encode(Known.make({ rooms: known, messages: known })).length - 4, limits.peer.frame)
    })
  )
})
