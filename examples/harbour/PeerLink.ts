/**
 * One link between two Harbours, over a stream: each sends its known positions, then the messages that the other lacks, for as long as the link lasts.
 *
 * No message waits in memory: each side reads the messages after the other's position from its storage, batch by batch, and sleeps after the last one.
 * Messages from the other move that mark too, so that they are not sent back. An idle side sends a heartbeat: a link without any frame for too long has ended.
 */
import { Effect, Latch, Option, PubSub } from "effect"
import { EndpointHooks } from "fairlead/endpoint"
import type { EndpointConnection, EndpointError } from "fairlead/endpoint"

import { Messages } from "./Messages.ts"
import { BadFrame, encode, reader } from "./PeerFrames.ts"
import { Known } from "./PeerNews.ts"
import type { News, Origin } from "./PeerNews.ts"
import { Storage } from "./Storage.ts"

/** How often something is said, though there is no news. */
const heartbeat = "5 seconds"
/** How long the other side may be silent. */
const patience = "15 seconds"

/** Raises the known position of each origin to that of the news. */
const raise = (last: Known["rooms"], told: News["rooms"] | News["messages"]): Known["rooms"] => {
  const raised: Record<Origin, number> = { ...last }
  for (const { number, origin } of told) raised[origin] = Math.max(raised[origin] ?? 0, number)
  return raised
}

const know = (known: Known, { messages, rooms }: News): Known =>
  Known.make({ rooms: raise(known.rooms, rooms), messages: raise(known.messages, messages) })

const reject = (status: number, reason: string) => Effect.fail(new EndpointHooks.Reject({ status, reason }))

/** Speaks over a stream until the other side finishes it, or is to be refused. `onLinked` runs when the other side has said what it knows. */
export const speak = (
  { recv, send }: EndpointConnection.BiStream,
  onLinked: Effect.Effect<void>
): Effect.Effect<void, EndpointHooks.Reject | EndpointError.StreamError, Storage | Messages> =>
  Effect.gen(function* () {
    const [messages, storage] = [yield* Messages, yield* Storage]
    // Before the first read of the storage, so that no message is missed between the two.
    const grown = yield* storage.grown
    const next = Effect.map(Effect.timeoutOption(reader(recv), patience), Option.flatten)

    yield* send.write(encode(yield* storage.known))
    const first = yield* next
    if (Option.isNone(first)) return undefined
    if (first.value._tag !== "Known") return yield* new BadFrame({ description: "it begins with known positions" })
    let theirs = first.value
    yield* onLinked

    const awake = yield* Latch.make()
    let due = false
    const waking = Effect.forever(Effect.andThen(PubSub.take(grown), awake.open))
    // By a separate clock: a side that only receives is woken often, without messages to send.
    const beating = Effect.sync(() => {
      due = true
    }).pipe(Effect.andThen(awake.open), Effect.delay(heartbeat), Effect.forever)

    const telling = Effect.gen(function* () {
      // Closed before the read, so that a message stored after the read opens it.
      yield* awake.close
      const news = yield* storage.lacking(theirs)
      if (!due && news.rooms.length + news.messages.length === 0) yield* awake.await
      else {
        due = false
        theirs = know(theirs, news)
        yield* send.write(encode(news))
      }
    }).pipe(Effect.forever)

    const hear = (news: Known | News) => {
      if (news._tag !== "News") return Effect.fail(new BadFrame({ description: "it goes on with news" }))
      // Before the signal that wakes the sender.
      theirs = know(theirs, news)
      return messages.take(news)
    }
    const hearing = Effect.gen(function* () {
      for (let frame = yield* next; Option.isSome(frame); frame = yield* next) yield* hear(frame.value)
    })
    return yield* Effect.raceAllFirst([hearing, telling, waking, beating])
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      BadFrame: ({ message }) => reject(400, message),
      RoomNotFound: ({ room }) => reject(400, `a message came before its room "${room}"`),
      TooManyOrigins: ({ message }) => reject(429, message),
      StorageError: (error) => Effect.andThen(Effect.logError(error), reject(503, "the storage failed"))
    })
  )
