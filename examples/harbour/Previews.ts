/**
 * Makes the previews of links in the background: a request that posts waits for no preview.
 *
 * A message is stored together with the links that wait. The job takes them from the storage one by one, `workers` at a
 * time, and stores what their pages say. So the queue is bounded (`limits.preview.backlog`), holds nothing in memory, and
 * survives the end of the process: unfinished previews are begun again at the next start, `limits.preview.tries` times
 * at most, lest a page that ends Harbour does so for ever. A link whose page says nothing is not asked for again.
 */
import { Context, Effect, Latch, Layer, Option, Stream } from "effect"
import { Broadcaster } from "fairlead/channel"

import type { StorageError } from "./Domain.ts"
import { Pages } from "./Pages.ts"
import { RoomChannel } from "./RoomChannel.ts"
import { Storage } from "./Storage.ts"

const workers = 4

/** Makes previews. */
export class Previews extends Context.Service<
  Previews,
  {
    /** Says that links may be waiting, and waits for nothing. */
    readonly wake: Effect.Effect<void>
    /** Makes the previews of all links, waiting and new, and broadcasts each to its room: it does not end. */
    readonly work: Effect.Effect<void, StorageError>
  }
>()("harbour/Previews") {
  /** From the links that `Storage` keeps. */
  static readonly layer = Layer.effect(
    Previews,
    Effect.gen(function* () {
      const pages = yield* Pages
      const storage = yield* Storage
      const broadcaster = yield* Broadcaster.Broadcaster
      const awake = yield* Latch.make()

      const waiting = Stream.paginate(
        0,
        Effect.fnUntraced(function* (after: number) {
          // Closed before the read, so that a message posted after the read opens it.
          yield* awake.close
          const link = yield* storage.beginPreview(after)
          if (Option.isNone(link)) yield* awake.await
          return [Option.toArray(link), Option.some(Option.isSome(link) ? link.value.id : after)]
        })
      )
      return Previews.of({
        wake: Effect.asVoid(awake.open),
        work: waiting.pipe(
          Stream.mapEffect(
            Effect.fnUntraced(function* ({ id, url }) {
              const message = yield* storage.endPreview(id, yield* pages.look(url))
              if (Option.isSome(message)) yield* RoomChannel.broadcast(message.value, "previewed", message.value)
            }),
            { concurrency: workers, unordered: true }
          ),
          Stream.runDrain,
          Effect.provideService(Broadcaster.Broadcaster, broadcaster)
        )
      })
    })
  )
}
