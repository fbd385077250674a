/** A room: the events that clients send and receive, and their implementation. */
import { Effect, Schema } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import { payloadLimit } from "fairlead/channel/handlers"

export class EmptyText extends Schema.TaggedError<EmptyText>()("EmptyText", {}) {}

/** One definition for a server and its clients. A room is a topic, such as `room:lobby`. */
export class Room extends ChannelApi.make("room:{name}", {
  join: { payload: Schema.Struct({ user: Schema.NonEmptyString }) },
  incoming: {
    say: {
      payload: Schema.Struct({ text: Schema.String }),
      reply: Schema.Struct({ length: Schema.Int }),
      error: EmptyText
    }
  },
  outgoing: { said: Schema.Struct({ user: Schema.String, text: Schema.String }) }
}) {}

export const RoomLive = Room.layer({
  // The state of a member is the payload of its join.
  join: ({ payload }) => Effect.succeed(ChannelApi.joined(undefined, payload)),
  on: {
    say: ({ text }, member) =>
      text.trim() === ""
        ? Effect.fail(new EmptyText())
        : Effect.as(member.broadcast("said", { user: member.state.user, text }), { length: text.length })
  }
})

export const rooms = ChannelServer.make("rooms")
  .use(payloadLimit({ maxBytes: 4096 }))
  .mount(Room)
