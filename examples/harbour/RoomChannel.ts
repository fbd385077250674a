/**
 * A room as a channel, `room:NAME`: its messages as they are posted.
 *
 * | | | |
 * |---|---|---|
 * | join | `{ token? }` | anyone may listen; a wrong token is rejected, as over HTTP; without one the session of the socket says who joins |
 * | to Harbour | `post` `{ text }` | posts a message, and is answered with it (members) |
 * | to Harbour | `typing` | notifies the others, every `limits.typing` ms at most (members; a guest's is dropped) |
 * | from Harbour | `posted` | a message that was stored, however it was posted |
 * | from Harbour | `previewed` `{ id, previews }` | the previews of a message, when one more is made |
 * | from Harbour | `typing` `{ name }` | somebody else is writing; nothing says when they stop |
 * | from Harbour | `presence_state`, `presence_diff` | which members are here, by name, on any node; guests are not shown |
 *
 * Nothing here is kept for those who are away: who joins, or joins again, reads what was missed over HTTP.
 */
import { Schema } from "effect"
import { ChannelApi } from "fairlead/channel"

import { CurrentUser, MemberName, Message, MessageText, RoomName, RoomNotFound } from "./Domain.ts"

/** A token that nobody was issued. */
export class UnknownToken extends Schema.TaggedError<UnknownToken>()("UnknownToken", {}) {
  override get message() {
    return "The token is not known here. Join without one to listen, or get one by POST /api/tokens."
  }
}

/** Somebody without a token wants to write. */
export class MembersOnly extends Schema.TaggedError<MembersOnly>()("MembersOnly", {}) {
  override get message() {
    return "Only members write: get a token by POST /api/tokens and join the room with it."
  }
}

/** Harbour cannot reach its data; its log says why. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {
  override get message() {
    return "Harbour cannot reach its data. Try again later."
  }
}

/** The channel of a room. */
export class RoomChannel extends ChannelApi.make("room:{room}", {
  params: { room: RoomName },
  requires: [CurrentUser],
  join: {
    payload: Schema.Struct({ token: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)) }),
    error: Schema.Union([RoomNotFound, UnknownToken, Unavailable])
  },
  incoming: {
    post: {
      payload: Schema.Struct({ text: MessageText }),
      reply: Message,
      error: Schema.Union([RoomNotFound, MembersOnly, Unavailable])
    },
    typing: {}
  },
  outgoing: {
    posted: Message,
    previewed: Message.mapFields(({ id, previews }) => ({ id, previews })),
    typing: Schema.Struct({ name: MemberName })
  },
  presence: { key: MemberName, meta: Schema.Struct({}) }
}) {}
