/**
 * Rooms, messages and members of Harbour, their limits, and the errors of requests that it rejects.
 *
 * Everything that comes from outside is decoded by a schema of this file before a handler sees it. Every refusal
 * is a typed error that knows its HTTP status and says what to do.
 */
import { Context, Schema } from "effect"

/** The limits of the service, as a client meets them. */
export const limits = {
  /** Bytes of a request body. */
  body: 64 * 1024,
  /** Characters (code points) of a message. */
  text: 4000,
  /** Characters of a room's name. */
  roomName: 40,
  /** Characters of a room's topic. */
  topic: 200,
  /** Characters of a member's name. */
  memberName: 40,
  /** Items of a page, when the client does not say and at most. */
  page: { default: 50, max: 100 },
  /** Seconds that a handler may take, the time to read the body included. */
  deadline: 10,
  /** Tokens that one address may get in a minute. */
  tokens: 100,
  /** Milliseconds that a write waits for the lock that another process holds on the file. */
  lock: 3000,
  /** Free bytes on the disk of the data while Harbour is ready: more than the largest message needs. */
  free: 1024 * 1024,
  /** Rooms that one socket may follow. */
  rooms: 20,
  /** Milliseconds between two notices to a room that somebody is typing. */
  typing: 2000,
  peer: {
    /** Bytes of a frame between two Harbours: the largest batch fits. */
    frame: 1024 * 1024,
    /** The most rooms, and the most messages, in one frame. */
    batch: 32,
    /** Harbours that rooms and messages may come from. */
    origins: 1000
  },
  preview: {
    /** Links of a message that get a preview: the first ones. */
    links: 3,
    /** Characters of a link that gets one. */
    url: 2048,
    /** Characters of its title. */
    title: 200,
    /** Characters of its description. */
    description: 300,
    /** Links that may wait for their preview. A message posted beyond that gets no previews. */
    backlog: 1000,
    /** How often a preview is begun, when Harbour ends before it is made. */
    tries: 3
  }
} as const

const oneLine = Schema.String.check(Schema.isPattern(/^\P{Cc}*$/u, { expected: "no control characters" }))

/** A room's name, which is also its address: lower-case letters, digits and inner hyphens. */
export const RoomName = Schema.String.check(
  Schema.isPattern(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, {
    expected: `1 to ${limits.roomName} of the characters a-z, 0-9 and -, with no - at either end`
  })
).pipe(Schema.brand("RoomName"))
export type RoomName = typeof RoomName.Type

/** The topic of a room, on one line. */
export const Topic = oneLine.check(
  Schema.isMaxCodePoints(limits.topic, { expected: `at most ${limits.topic} characters` })
)

/** A member's name, as others see it. */
export const MemberName = oneLine
  .check(
    Schema.isTrimmed({ expected: "no white space at either end" }),
    Schema.isBetweenCodePoints(1, limits.memberName, { expected: `1 to ${limits.memberName} characters` })
  )
  .pipe(Schema.brand("MemberName"))
export type MemberName = typeof MemberName.Type

/** The number of a message: it grows with every message of the service and is never used again. */
export const MessageId = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }, { expected: "a positive whole number" })
).pipe(Schema.brand("MessageId"))
export type MessageId = typeof MessageId.Type

/** The words of a message: not blank, line breaks welcome. */
export const MessageText = Schema.String.check(
  Schema.isBetweenCodePoints(1, limits.text, { expected: `1 to ${limits.text} characters` }),
  Schema.isPattern(/\S/, { expected: "something other than white space" }),
  Schema.isPattern(/^[^\0]*$/, { expected: "no NUL character" })
).pipe(Schema.brand("MessageText"))
export type MessageText = typeof MessageText.Type

/** A room. */
export const Room = Schema.Struct({
  name: RoomName,
  topic: Topic,
  createdBy: MemberName,
  createdAt: Schema.DateTimeUtcFromString
})
export type Room = typeof Room.Type

/** The title and description of the page that a link leads to, as plain text; the description may be empty. */
export const Preview = Schema.Struct({
  url: Schema.String.check(Schema.isPattern(/^https?:\/\//, { expected: "a link of the web" })),
  title: Schema.String,
  description: Schema.String
})
export type Preview = typeof Preview.Type

/** A message in a room, with the finished previews of its links. */
export const Message = Schema.Struct({
  id: MessageId,
  room: RoomName,
  author: MemberName,
  text: MessageText,
  postedAt: Schema.DateTimeUtcFromString,
  previews: Schema.Array(Preview)
})
export type Message = typeof Message.Type

/** One page of a list, and where the next one starts when there is more. */
export interface Page<A, Cursor> {
  readonly items: ReadonlyArray<A>
  readonly next: Cursor | null
}

/** Someone who holds a token. */
export const Member = Schema.TaggedStruct("Member", { id: Schema.Int.pipe(Schema.brand("MemberId")), name: MemberName })
export type Member = typeof Member.Type

/** Someone without a token or a session: may read, may not write. */
export const Guest = Schema.TaggedStruct("Guest", {})
export type Guest = typeof Guest.Type

/** Whoever sends a request. */
export const User = Schema.Union([Member, Guest])
export type User = typeof User.Type

/** Who sends this request. */
export class CurrentUser extends Context.Service<CurrentUser, User>()("harbour/CurrentUser") {}

/** The `CurrentUser` of a request without a token and without a session. */
export const guest: Guest = { _tag: "Guest" }

const Place = Schema.Literals(["body", "path", "query"])

/** Something in the request is not what the route takes: each fault with where it is. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  in: Place,
  errors: Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
}) {
  readonly status = 400
  override get message() {
    return `The ${this.in} of the request is not what this route takes; "errors" says where and why.`
  }
}

/** No room has this name. */
export class RoomNotFound extends Schema.TaggedError<RoomNotFound>()("RoomNotFound", { room: RoomName }) {
  readonly status = 404
  override get message() {
    return `There is no room "${this.room}". Create it by POST /api/rooms.`
  }
}

/** The room has no message of this number. */
export class MessageNotFound extends Schema.TaggedError<MessageNotFound>()("MessageNotFound", {
  room: RoomName,
  id: MessageId
}) {
  readonly status = 404
  override get message() {
    return `The room "${this.room}" has no message ${this.id}.`
  }
}

/** A room of this name is there already. */
export class RoomTaken extends Schema.TaggedError<RoomTaken>()("RoomTaken", { room: RoomName }) {
  readonly status = 409
  override get message() {
    return `The room "${this.room}" is there already: post to it, or choose another name.`
  }
}

/** A member of this name, however it is capitalised, is there already. */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", { name: MemberName }) {
  readonly status = 409
  override get message() {
    return `The name "${this.name}" belongs to someone already: choose another.`
  }
}

/** The data could not be read or written. The cause is for the log, never for the client. */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  operation: Schema.String,
  file: Schema.optionalKey(Schema.String),
  cause: Schema.Defect()
}) {
  readonly status = 503
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    const where = this.file === undefined ? "" : ` of ${this.file}`
    return `Harbour's storage failed in "${this.operation}"${where}: ${why}. Look at the free space and the rights of the data folder`
  }
}
