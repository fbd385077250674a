/** `realtime:*`: what Supabase's client expects of its server, as far as broadcasts and presence go. */
import { randomUUID } from "node:crypto"

import { Effect, Schema } from "effect"
import { ChannelApi } from "fairlead/channel"

import { Empty, fields } from "./Payload.ts"
import { Diff, Tracker } from "./Tracker.ts"

const { AnyPayload } = ChannelApi

export class Realtime extends ChannelApi.make("realtime:*", {
  join: { payload: AnyPayload, reply: Schema.Struct({ postgres_changes: Schema.Array(Schema.Json) }) },
  incoming: {
    broadcast: { payload: AnyPayload, reply: Empty },
    presence: { payload: AnyPayload, reply: Empty },
    access_token: { payload: AnyPayload }
  },
  outgoing: { broadcast: AnyPayload, presence_state: AnyPayload, presence_diff: Diff }
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

  afterJoin: (member) =>
    Effect.gen(function* () {
      yield* member.push("presence_state", yield* (yield* Tracker).list(member.topic))
    }),

  on: {
    broadcast: (payload, member) => {
      const { ack, self } = member.state
      const sent = self ? member.broadcast("broadcast", payload) : member.broadcastFrom("broadcast", payload)
      return Effect.as(sent, ack ? {} : ChannelApi.noReply)
    },
    presence: (payload, member) =>
      Effect.gen(function* () {
        const tracker = yield* Tracker
        const { event, payload: meta = {} } = fields(payload)
        if (event === "track") yield* tracker.track(member, member.state.key, fields(meta))
        else if (event === "untrack") yield* tracker.untrack(member)
        return {}
      }),
    access_token: () => Effect.void
  },

  leave: (member) => Effect.flatMap(Tracker, (tracker) => tracker.untrack(member))
})
