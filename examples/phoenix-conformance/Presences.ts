/** `presence:*`: tells who is there. */
import { Effect } from "effect"
import { ChannelApi } from "fairlead/channel"

import { User } from "./Client.ts"
import { Empty, fields } from "./Payload.ts"
import { Diff, Tracker } from "./Tracker.ts"

const { AnyPayload } = ChannelApi

export class Presences extends ChannelApi.make("presence:*", {
  requires: [User],
  join: { payload: AnyPayload },
  incoming: {
    update_meta: { payload: AnyPayload, reply: Empty },
    untrack: { reply: Empty },
    list: { reply: AnyPayload }
  },
  outgoing: { presence_state: AnyPayload, presence_diff: Diff }
}) {}

export const PresencesLive = Presences.layer({
  join: ({ payload }) =>
    Effect.map(User, ({ id }) => {
      const { meta = {}, user } = fields(payload)
      return ChannelApi.joined(undefined, { key: typeof user === "string" ? user : (id ?? "anon"), meta: fields(meta) })
    }),

  afterJoin: (member) =>
    Effect.gen(function* () {
      const tracker = yield* Tracker
      yield* tracker.track(member, member.state.key, member.state.meta)
      yield* member.push("presence_state", yield* tracker.list(member.topic))
    }),

  on: {
    update_meta: (payload, member) =>
      Effect.flatMap(Tracker, (tracker) => Effect.as(tracker.update(member, fields(payload)), {})),
    untrack: (_, member) => Effect.flatMap(Tracker, (tracker) => Effect.as(tracker.untrack(member), {})),
    list: (_, { topic }) => Effect.flatMap(Tracker, (tracker) => tracker.list(topic))
  },

  leave: (member) => Effect.flatMap(Tracker, (tracker) => tracker.untrack(member))
})
