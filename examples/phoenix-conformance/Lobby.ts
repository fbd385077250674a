/** `lobby`: one topic, by its whole name. */
import { Effect, Schema } from "effect"
import { ChannelApi } from "fairlead/channel"

export class Lobby extends ChannelApi.make("lobby", {
  join: { reply: Schema.Struct({ exact: Schema.Boolean }) },
  incoming: { echo: { payload: ChannelApi.AnyPayload, reply: ChannelApi.AnyPayload } }
}) {}

export const LobbyLive = Lobby.layer({
  join: () => Effect.succeed({ exact: true }),
  on: { echo: (payload) => Effect.succeed(payload) }
})
