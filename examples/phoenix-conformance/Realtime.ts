/** `realtime:*`: the broadcasts and presence that Supabase's client expects of its server. */
import { randomUUID } from "node:crypto"

import { Effect, Schema } from "effect"
import { ChannelApi } from "fairlead/channel"

import { Empty, fields } from "./Payload.ts"

const { AnyPayload } = ChannelApi

export class Realtime extends ChannelApi.make("realtime:*", {
  join: { payload: AnyPayload, reply: Schema.Struct({ postgres_changes: Schema.Array(Schema.Json) }) },
  incoming: {
    broadcast: { payload: AnyPayload, reply: Empty },
    presence: { payload: AnyPayload, reply: Empty },
    access_token: { payload: AnyPayload }
  },
  outgoing: { broadcast: AnyPayload },
  presence: { meta: Schema.JsonObject }
}) {}

export const RealtimeLive = Realtime.layer({
  join: ({ payload }) =>
    Effect.sync(() => {
      const config = fields(fields(payload)["config"] ?? {})
      const { ack, self } = fields(config["broadcast"] ?? {})
      const { key } = fields(config["presence"] ?? {})
      const state = {
        ack: ack === true,
        self: self === true,
        key: typeof key === "string" && key !== "" ? key : randomUUID()
      }
      return ChannelApi.joined({ postgres_changes: [] }, state)
    }),

  on: {
    broadcast: (payload, member) => {
      const { ack, self } = member.state
      const sent = self ? member.broadcast("broadcast", payload) : member.broadcastFrom("broadcast", payload)
      return Effect.as(sent, ack ? {} : ChannelApi.noReply)
    },
    presence: (payload, { presence, state }) =>
      Effect.gen(function* () {
        const { event, payload: meta = {} } = fields(payload)
        if (event === "track") {
          const track = presence.track(state.key, fields(meta))
          yield* Effect.catchReason(track, "PresenceError", "AlreadyTracked", () =>
            presence.update(state.key, fields(meta))
          )
        } else if (event === "untrack") yield* presence.untrack()
        return {}
      }).pipe(Effect.orDie),
    access_token: () => Effect.void
  },

  presence: { diffInterval: 0, maxChanges: 1_000_000, maxMetaBytes: "1 MB" }
})
