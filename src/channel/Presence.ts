/**
 * Presence: who is in a topic, sent to all its members by the events `presence_state` and `presence_diff` of Phoenix.
 *
 * A channel declares `presence` in its definition, and tracks its members by `member.presence`. This module has the errors, and the service that an engine provides.
 *
 * **Example** (Who is in a room)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { ChannelApi } from "fairlead/channel"
 *
 * class Room extends ChannelApi.make("room:{id}", {
 *   join: { payload: Schema.Struct({ name: Schema.String }) },
 *   presence: { meta: Schema.Struct({ status: Schema.String }) }
 * }) {}
 *
 * const RoomLive = Room.layer({
 *   join: ({ payload: { name } }) => Effect.succeed(ChannelApi.state(name)),
 *   afterJoin: (room) => Effect.orDie(room.presence.track(room.state, { status: "online" })),
 *   on: {}
 * })
 *
 * const present = Effect.map(Room.presence({ id: "7" }), ({ present }) => present.map(({ key }) => key))
 * ```
 *
 * Rules:
 *
 * 1. A member is present under a key from `track` until `untrack` or the end of its channel, however it ends. A key has a meta for each member.
 * 2. Each member is pushed `presence_state` after `afterJoin`, and gets `presence_diff` for every change. Changes within `diffInterval` are one diff.
 * 3. A state is true right after the diff before it, and diffs are never dropped for slow readers.
 *
 * @since 0.1.0
 */
export { Presence } from "./presence/Contract.ts"
export type { PresenceChange, PresenceEntry, PresenceSnapshot, PresenceWatcher } from "./presence/Contract.ts"
export type { PresenceList } from "./presence/Listing.ts"
export {
  AlreadyTracked,
  NotJoined,
  NotTracked,
  PresenceError,
  PresenceErrorReason,
  PresenceLimit
} from "./presence/PresenceError.ts"
