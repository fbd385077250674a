import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { TestChannel } from "fairlead/testing/channel"

import {
  limits,
  MemberName,
  Message,
  MessageText,
  RoomName,
  RoomNotFound,
  StorageError
} from "../../examples/harbour/Domain.ts"
import { live, roomChannel } from "../../examples/harbour/Live.ts"
import { Messages } from "../../examples/harbour/Messages.ts"
import { Pages } from "../../examples/harbour/Pages.ts"
import { Previews } from "../../examples/harbour/Previews.ts"
import { MembersOnly, RoomChannel, Unavailable, UnknownToken } from "../../examples/harbour/RoomChannel.ts"
import * as SqliteStorage from "../../examples/harbour/SqliteStorage.ts"
import { Storage } from "../../examples/harbour/Storage.ts"
import { Tokens } from "../../examples/harbour/Tokens.ts"
import { given, memorySessions } from "./Given.ts"

const quay = Schema.decodeSync(RoomName)("quay")
const textOf = Schema.decodeSync(MessageText)
const nameOf = Schema.decodeSync(MemberName)
const encode = Schema.encodeSync(Message)

const inMemory = SqliteStorage.layer.pipe(Layer.provide(given({})))

/** Every page has its address for a title. */
const pages = Layer.succeed(Pages, { look: (url) => Effect.succeed(Option.some({ title: url, description: "" })) })

const harbourOver = <E>(storage: Layer.Layer<Storage, E>) =>
  roomChannel.pipe(
    Layer.provideMerge(Messages.layer),
    Layer.provideMerge(Layer.merge(Tokens.layer, Previews.layer)),
    Layer.provide(pages),
    Layer.provideMerge(storage),
    Layer.provideMerge(Layer.merge(given({}), memorySessions))
  )

/** Harbour's channels in memory, with the room "quay" and its keeper's token. */
const harbour = <E = never>(storage?: Layer.Layer<Storage, E>) =>
  Effect.gen(function* () {
    const server = yield* TestChannel.make(live, harbourOver<E | StorageError>(storage ?? inMemory))
    const keeper = yield* server.run(
      Effect.gen(function* () {
        const tokens = yield* Tokens
        const issued = yield* tokens.issue(nameOf("Ada"))
        const storage = yield* Storage
        yield* storage.createRoom({ name: quay, topic: "" }, issued.member)
        return issued
      })
    )
    const into = (room: RoomName) => Effect.map(server.connect(), (client) => client.channel(RoomChannel, { room }))
    const joined = (payload: { readonly token?: Redacted.Redacted }) =>
      Effect.gen(function* () {
        const client = yield* server.connect()
        const topic = client.channel(RoomChannel, { room: quay })
        yield* topic.join(payload)
        return { ...topic, heard: () => client.received.map(({ event }) => event) }
      })
    const guest = joined({})
    const member = joined({ token: keeper.token })
    return { server, keeper, into, guest, member, told: () => server.broadcasts.map(({ event }) => event) }
  })

describe("room channel", () => {
  it.effect("harbour: messages posted over HTTP and over the channel are broadcast alike, to guests too", () =>
    Effect.gen(function* () {
      const { guest, keeper, member, server } = yield* harbour()
      const [ada, visitor] = [yield* member, yield* guest]
      const reply = yield* ada.push("post", { text: textOf("by channel") })
      const answer = yield* server.run(
        Effect.flatMap(Messages, (messages) => messages.post(quay, textOf("by HTTP"), keeper.member))
      )
      for (const topic of [ada, visitor]) {
        assert.deepStrictEqual(encode(yield* topic.next("posted")), encode(reply))
        assert.deepStrictEqual(encode(yield* topic.next("posted")), encode(answer))
      }
      const { items } = yield* server.run(Effect.flatMap(Storage, (storage) => storage.messages(quay, { limit: 10 })))
      assert.deepStrictEqual(
        items.map((item) => encode(item)),
        [encode(answer), encode(reply)]
      )
    })
  )

  it.effect(
    "harbour: a message that could not be stored is broadcast to nobody, and its cause is hidden from the client",
    () =>
      Effect.gen(function* () {
        const full = Layer.effect(
          Storage,
          Effect.map(Storage, (storage) =>
            Storage.of({
              ...storage,
              post: () => Effect.fail(new StorageError({ operation: "post", cause: new Error("the disk is full") }))
            })
          )
        ).pipe(Layer.provide(inMemory))
        const { member, told } = yield* harbour(full)
        const ada = yield* member
        const error = yield* Effect.flip(ada.push("post", { text: textOf("lost") }))
        assert.deepStrictEqual(error, new Unavailable())
        assert.deepStrictEqual(told(), [])
      })
  )

  it.effect("harbour: a missing room and a wrong token are refused at the join, and the next join is accepted", () =>
    Effect.gen(function* () {
      const { into, keeper } = yield* harbour()
      const pier = Schema.decodeSync(RoomName)("pier")
      const nowhere = yield* into(pier)
      assert.deepStrictEqual(yield* Effect.flip(nowhere.join({})), new RoomNotFound({ room: pier }))
      const topic = yield* into(quay)
      for (const token of ["", "hbr_", Redacted.value(keeper.token).slice(1), `hbr_${"A".repeat(43)}`]) {
        assert.deepStrictEqual(yield* Effect.flip(topic.join({ token: Redacted.make(token) })), new UnknownToken())
      }
      assert.isUndefined(yield* topic.join({ token: keeper.token }))
    })
  )

  it.effect("harbour: a guest listens, and can neither post nor type", () =>
    Effect.gen(function* () {
      const { guest, told } = yield* harbour()
      const visitor = yield* guest
      assert.deepStrictEqual(yield* Effect.flip(visitor.push("post", { text: textOf("hello") })), new MembersOnly())
      yield* visitor.push("typing")
      // Answered behind the typing, which is not answered.
      assert.deepStrictEqual(yield* Effect.flip(visitor.push("post", { text: textOf("again") })), new MembersOnly())
      assert.deepStrictEqual(told(), [])
    })
  )

  it.effect("harbour: typing is broadcast to the others by name, once in two seconds, and never to oneself", () =>
    Effect.gen(function* () {
      const { guest, member, told } = yield* harbour()
      const [ada, visitor] = [yield* member, yield* guest]
      const type = Effect.andThen(ada.push("typing"), ada.push("post", { text: textOf("…") }))
      yield* type
      assert.deepStrictEqual(yield* visitor.next("typing"), { name: "Ada" })
      yield* TestClock.adjust(limits.typing - 1)
      yield* type
      assert.deepStrictEqual(told(), ["typing", "posted", "posted"])
      yield* TestClock.adjust(1)
      yield* type
      assert.deepStrictEqual(told(), ["typing", "posted", "posted", "typing", "posted"])
      assert.deepStrictEqual(yield* visitor.next("typing"), { name: "Ada" })
      assert.notInclude(ada.heard(), "typing")
      assert.include(visitor.heard(), "typing")
    })
  )

  it.effect("harbour: late previews are broadcast after their message, each with those before it", () =>
    Effect.gen(function* () {
      const { guest, member, server, told } = yield* harbour()
      const [ada, visitor] = [yield* member, yield* guest]
      const { id } = yield* ada.push("post", { text: textOf("https://one.test/ https://two.test/") })
      assert.deepStrictEqual(told(), ["posted"])
      yield* Effect.forkScoped(server.run(Effect.flatMap(Previews, ({ work }) => work)))
      const seen = [yield* visitor.next("previewed"), yield* visitor.next("previewed")]
      assert.deepStrictEqual(
        seen.map(({ previews }) => previews.map(({ title }) => title)),
        [["https://one.test/"], ["https://one.test/", "https://two.test/"]]
      )
      assert.isTrue(seen.every((previewed) => previewed.id === id))
      assert.deepStrictEqual(told(), ["posted", "previewed", "previewed"])
    })
  )
})
