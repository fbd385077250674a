/**
 * Adds messages to a room, from HTTP, from its channel and from other Harbours: each is stored first, then broadcast.
 */
import { Context, Effect, Layer } from "effect"
import { Broadcaster } from "fairlead/channel"

import type { Member, Message, MessageText, RoomName, RoomNotFound, StorageError } from "./Domain.ts"
import { linksIn } from "./Links.ts"
import type { News, TooManyOrigins } from "./PeerNews.ts"
import { Previews } from "./Previews.ts"
import { RoomChannel } from "./RoomChannel.ts"
import { Storage } from "./Storage.ts"

/** Takes messages. */
export class Messages extends Context.Service<
  Messages,
  {
    /** Stores a message, broadcasts it to the room, and requests previews of its links. */
    readonly post: (
      room: RoomName,
      text: MessageText,
      by: Member
    ) => Effect.Effect<Message, RoomNotFound | StorageError>
    /** Does the same with messages of another Harbour; known messages are not broadcast again. */
    readonly take: (news: News) => Effect.Effect<void, RoomNotFound | TooManyOrigins | StorageError>
  }
>()("harbour/Messages") {
  /** Messages in `Storage`, broadcast by the `Broadcaster`. */
  static readonly layer = Layer.effect(
    Messages,
    Effect.gen(function* () {
      const storage = yield* Storage
      const { wake } = yield* Previews
      const broadcaster = yield* Broadcaster.Broadcaster

      /** Broadcasts the new messages. The storage runs it in the step of its commit, even when the client that sent them is gone. */
      const tell = (messages: ReadonlyArray<Message>) =>
        Effect.forEach(messages, (message) => RoomChannel.broadcast(message, "posted", message), {
          discard: true
        }).pipe(
          // The previews begin afterwards, so that a message is broadcast before them.
          Effect.andThen(wake),
          Effect.provideService(Broadcaster.Broadcaster, broadcaster)
        )

      return Messages.of({
        post: (room, text, by) => storage.post(room, text, by, linksIn(text), (message) => tell([message])),
        take: (news) => Effect.asVoid(storage.take(news, linksIn, tell))
      })
    })
  )
}
