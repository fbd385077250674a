/**
 * The messages between Harbours: the rooms and messages they know, and those that the other lacks.
 *
 * 1. A room or message is named by its *origin*, the database that it was first written to, and its number there. So it is the same thing everywhere, whichever way
 *    it comes and however often.
 * 2. Whoever has a number of an origin has all before it that there are: they are sent in order and stored in order. So one number for each origin is its known position.
 * 3. A room's name is its identity for people: two rooms of one name become one, and each Harbour keeps what it says of it. An author keeps their name, which is no
 *    member's name here: it may be that of somebody else.
 */
import { Schema } from "effect"

import { limits, Message, Room } from "./Domain.ts"

/** A Harbour's database, as others know it. It has nothing to do with keys: a new key is no new origin. */
export const Origin = Schema.String.check(
  Schema.isPattern(/^[\da-f]{32}$/, { expected: "32 lower-case hexadecimal digits" })
).pipe(Schema.brand("Origin"))
export type Origin = typeof Origin.Type

const Numbered = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

const Last = Schema.Record(Origin, Numbered).check(Schema.isMaxProperties(limits.peer.origins))

/** The last room and the last message that somebody has of each origin. */
export const Known = Schema.TaggedStruct("Known", { rooms: Last, messages: Last })
export type Known = typeof Known.Type

/** A room on its way. */
export const ToldRoom = Schema.Struct({ origin: Origin, number: Numbered, ...Room.fields })
export type ToldRoom = typeof ToldRoom.Type

const { author, postedAt, room, text } = Message.fields

/** A message on its way. */
export const ToldMessage = Schema.Struct({ origin: Origin, number: Numbered, room, author, text, postedAt })
export type ToldMessage = typeof ToldMessage.Type

const batchOf = <S extends Schema.Constraint>(item: S) =>
  Schema.Array(item).check(Schema.isMaxLength(limits.peer.batch))

/** Some of the messages that the other lacks. */
export const News = Schema.TaggedStruct("News", { rooms: batchOf(ToldRoom), messages: batchOf(ToldMessage) })
export type News = typeof News.Type

/** Another Harbour names more Harbours than the limit allows. */
export class TooManyOrigins extends Schema.TaggedError<TooManyOrigins>()("TooManyOrigins", {}) {
  override get message() {
    return `Rooms and messages may come from at most ${limits.peer.origins} Harbours.`
  }
}
