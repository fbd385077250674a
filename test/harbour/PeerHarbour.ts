/** Harbours without their HTTP side, for tests of peers: a storage, its messages, and what is told in the room "quay". */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { Broadcaster } from "fairlead/channel"

import { MemberName, Message, MessageText, RoomName } from "../../examples/harbour/Domain.ts"
import { Messages } from "../../examples/harbour/Messages.ts"
import { Pages } from "../../examples/harbour/Pages.ts"
import { Previews } from "../../examples/harbour/Previews.ts"
import * as SqliteStorage from "../../examples/harbour/SqliteStorage.ts"
import { Storage } from "../../examples/harbour/Storage.ts"
import { given } from "./Given.ts"

export const quay = Schema.decodeSync(RoomName)("quay")
export const roomName = Schema.decodeSync(RoomName)
export const memberName = Schema.decodeSync(MemberName)
export const messageText = Schema.decodeSync(MessageText)

const decodeTold = Schema.decodeUnknownSync(Message)

/** A Harbour of its own, with a member "Ada" who may post, over a storage that is changed. */
export const mooredOver = Effect.fnUntraced(function* (
  change: (storage: Storage["Service"]) => Partial<Storage["Service"]>
) {
  const look = Layer.succeed(Pages, { look: () => Effect.succeed(Option.none()) })
  const changed = Layer.effect(
    Storage,
    Effect.map(Storage, (storage) => Storage.of({ ...storage, ...change(storage) }))
  )
  const context = yield* Layer.build(
    Layer.fresh(
      Messages.layer.pipe(
        Layer.provideMerge(Previews.layer),
        Layer.provide(look),
        Layer.provideMerge(Layer.merge(Layer.provide(changed, SqliteStorage.layer), Broadcaster.layer)),
        Layer.provide(given({}))
      )
    )
  )
  const [messages, storage] = [Context.get(context, Messages), Context.get(context, Storage)]
  const ada = yield* storage.register(memberName("Ada"), new Uint8Array(32))
  const told: Array<string> = []
  yield* Context.get(context, Broadcaster.Broadcaster).subscribe("room:quay", {
    id: "test",
    deliver: ({ payload }) => void told.push(decodeTold(payload).text)
  })
  return {
    context,
    storage,
    take: messages.take,
    ada,
    /** The texts that were told live in "quay", in order. */
    told,
    createRoom: (name: RoomName) => storage.createRoom({ name, topic: "" }, ada),
    post: (text: string, room = quay) => messages.post(room, messageText(text), ada),
    /** Who said what in "quay", as it came. */
    said: Effect.map(storage.messages(quay, { limit: 100 }), ({ items }) =>
      items.toReversed().map(({ author, text }) => `${author}: ${text}`)
    )
  }
})

/** A Harbour of its own. */
export const moored = mooredOver(() => ({}))

export type Moored = Effect.Success<typeof moored>
