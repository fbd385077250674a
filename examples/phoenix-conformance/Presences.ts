/** `presence:*`: lists the present members. */
import { Effect, Schema } from "effect"
import { ChannelApi } from "fairlead/channel"

import { User } from "./Client.ts"
import { Empty, fields } from "./Payload.ts"

const { AnyPayload } = ChannelApi

export class Presences extends ChannelApi.make("presence:*", {
  requires: [User],
  join: { payload: AnyPayload },
  incoming: {
    update_meta: { payload: AnyPayload, reply: Empty },
    untrack: { reply: Empty },
    list: { reply: AnyPayload }
  },
  presence: { meta: Schema.JsonObject }
}) {}

export const PresencesLive = Presences.layer({
  join: ({ payload }) =>
    Effect.map(User, ({ id }) => {
      const { meta = {}, user } = fields(payload)
      return ChannelApi.state({ key: typeof user === "string" ? user : (id ?? "anon"), meta: fields(meta) })
    }),

  // As in Phoenix, an error of presence crashes the channel.
  afterJoin: ({ presence, state }) => Effect.orDie(presence.track(state.key, state.meta)),

  on: {
    update_meta: (payload, { presence, state }) =>
      Effect.as(Effect.orDie(presence.update(state.key, fields(payload))), {}),
    untrack: (_, { presence }) => Effect.as(presence.untrack(), {}),
    list: (_, { presence }) => presence.state
  },

  // Phoenix tells each change at once, and has no limits.
  presence: { diffInterval: 0, maxChanges: 1_000_000, maxMetaBytes: "1 MB" }
})
