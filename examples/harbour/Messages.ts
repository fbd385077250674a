/**
 * The one way by which messages come into a room, over HTTP, over its channel and from other Harbours: stored first, then told.
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
    /** Stores a message, tells all who are in the room, and has previews made of its links. */
    readonly post: (
      room: RoomName,
      text: MessageText,
      by: Member
    ) => Effect.Effect<Message, RoomNotFound | StorageError>
    /** Does the same with what another Harbour tells; what is here already is not told again. */
    readonly take: (news: News) => Effect.Effect<void, RoomNotFound | TooManyOrigins | StorageError>
  }
>()("harbour/Messages") {
  /** Messages kept in `Storage`, told by the `Broadcaster`. */
  static readonly layer = Layer.effect(
    Messages,
    Effect.gen(function* () {
      const storage = yield* Storage
      const { wake } = yield* Previews
      const broadcaster = yield* Broadcaster.Broadcaster

      /** What is stored is told, though whoever brought it may be gone by then. */
      const told = <A, E>(stored: Effect.Effect<A, E>, messagesOf: (stored: A) => ReadonlyArray<Message>) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const made = yield* restore(stored)
            // Before the previews are begun, so that a message is told ahead of them.
            for (const message of messagesOf(made)) yield* RoomChannel.broadcast(message, "posted", message)
            yield* wake
            return made
          })
        ).pipe(Effect.provideService(Broadcaster.Broadcaster, broadcaster))

      return Messages.of({
        post: (room, text, by) => told(storage.post(room, text, by, linksIn(text)), (message) => [message]),
        take: (news) => Effect.asVoid(told(storage.take(news, linksIn), (messages) => messages))
      })
    })
  )
}
