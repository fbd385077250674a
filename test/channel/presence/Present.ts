/** A room with presence, whose clients track themselves by its events. */
import { Effect, Schema } from "effect"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import type { Presence } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

const Meta = Schema.Struct({ at: Schema.String, since: Schema.optionalKey(Schema.Date) })

export class Room extends ChannelApi.make("room:{id}", {
  join: { payload: Schema.Struct({ name: Schema.optionalKey(Schema.String) }) },
  incoming: {
    track: { payload: Schema.Struct({ key: Schema.String, at: Schema.String }), reply: Schema.String },
    update: { payload: Schema.Struct({ key: Schema.String, at: Schema.String }), reply: Schema.String },
    untrack: { payload: Schema.NullOr(Schema.String), reply: Schema.String },
    list: { reply: Schema.Json },
    crash: {}
  },
  outgoing: { said: Schema.String },
  presence: { meta: Meta }
}) {}

const outcome = (effect: Effect.Effect<void, Presence.PresenceError>) =>
  Effect.match(effect, {
    onSuccess: () => "ok",
    onFailure: ({ reason }) => (reason._tag === "PresenceLimit" ? `${reason._tag} ${reason.option}` : reason._tag)
  })

export const roomLayer = (presence: ChannelApi.PresenceOptions = {}) =>
  Room.layer({
    join: ({ payload }) => Effect.succeed(ChannelApi.state(payload.name)),
    afterJoin: (room) =>
      room.state === undefined ? Effect.void : Effect.orDie(room.presence.track(room.state, { at: "home" })),
    on: {
      track: ({ at, key }, room) => outcome(room.presence.track(key, { at })),
      update: ({ at, key }, room) => outcome(room.presence.update(key, { at })),
      untrack: (key, room) => Effect.as(key === null ? room.presence.untrack() : room.presence.untrack(key), "ok"),
      list: (_, room) =>
        Effect.map(room.presence.list, ({ present }) =>
          present.map(({ key, metas }) => [key, metas.map(({ at }) => at)])
        ),
      crash: () => Effect.die(new Error("crashes"))
    },
    presence
  })

export const serverOf = (options?: ChannelApi.PresenceOptions) =>
  TestChannel.make(ChannelServer.make("present").mount(Room), roomLayer(options))

interface Present {
  readonly metas: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly [field: string]: unknown
}
export type Metas = Readonly<Record<string, Present>>
export interface Diff {
  readonly joins: Metas
  readonly leaves: Metas
}

export const enter = (server: TestChannel.TestServer, name?: string, topic = "room:1") =>
  Effect.tap(server.connect(), (client) => client.join(topic, name === undefined ? {} : { name }))

export const diffOf = (client: TestChannel.TestSocket) =>
  Effect.map(client.next("presence_diff"), ({ payload }) => payload as unknown as Diff)
export const stateOf = (client: TestChannel.TestSocket) =>
  Effect.map(client.next("presence_state"), ({ payload }) => payload as unknown as Metas)
export const events = ({ received }: TestChannel.TestSocket) => received.map(({ event }) => event)
export const shown = (metas: Metas) => Object.entries(metas).map(([key, { metas }]) => [key, metas.map(({ at }) => at)])
export const settled = Effect.repeat(Effect.yieldNow, { times: 20 })
