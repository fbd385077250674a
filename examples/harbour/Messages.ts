/**
 * The one way by which messages come into a room, over HTTP and over its channel: stored first, then told.
 */
import { Context, Effect, Layer } from "effect"
import { Broadcaster } from "fairlead/channel"

import type { Member, Message, MessageText, RoomName, RoomNotFound, StorageError } from "./Domain.ts"
import { linksIn } from "./Links.ts"
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
  }
>()("harbour/Messages") {
  /** Messages kept in `Storage`, told by the `Broadcaster`. */
  static readonly layer = Layer.effect(
    Messages,
    Effect.gen(function* () {
      const storage = yield* Storage
      const { wake } = yield* Previews
      const broadcaster = yield* Broadcaster.Broadcaster
      return Messages.of({
        // What is stored is told, though whoever posted it may be gone by then.
        post: (room, text, by) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.gen(function* () {
              const message = yield* restore(storage.post(room, text, by, linksIn(text)))
              // Before the previews are begun, so that a message is told ahead of them.
              yield* RoomChannel.broadcast({ room }, "posted", message)
              yield* wake
              return message
            })
          ).pipe(Effect.provideService(Broadcaster.Broadcaster, broadcaster))
      })
    })
  )
}
