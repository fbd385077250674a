/** The room as a channel: the events that clients send and receive, and the implementation. */
import { Effect, Schema } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"

/** A room, such as `room:harbour`. */
class Room extends ChannelApi.make("room:{name}", {
  join: { payload: Schema.Struct({ user: Schema.String }) },
  incoming: { say: { payload: Schema.Struct({ text: Schema.String }) } },
  outgoing: { said: Schema.Struct({ user: Schema.String, text: Schema.String }) }
}) {}

/** Sends each text to everybody in the room. */
export const RoomLive = Room.layer({
  join: ({ payload }) => Effect.succeed(ChannelApi.joined(undefined, payload)),
  on: {
    say: ({ text }, room) => room.broadcast("said", { user: room.state.user, text })
  }
})

/** The channel server of the chat. */
export const live = ChannelServer.make("live").mount(Room)
