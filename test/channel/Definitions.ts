/** A channel with everything in it, for the tests of types. */
import { Context, Data, Effect, Schema } from "effect"
import { ChannelApi } from "fairlead/channel"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { reason: Schema.String }) {}
export class TooLong extends Schema.TaggedError<TooLong>()("TooLong", { max: Schema.Number }) {}
export class DbDown extends Data.TaggedError("DbDown")<{}> {}
export class Db extends Context.Service<Db, { save: (text: string) => Effect.Effect<number, DbDown> }>()("Db") {}
export class User extends Context.Service<User, string>()("User") {}

const Id = Schema.NumberFromString

export class Room extends ChannelApi.make("room:{roomId}", {
  params: { roomId: Id },
  join: {
    payload: Schema.Struct({ name: Schema.String }),
    reply: Schema.Struct({ count: Schema.Number }),
    error: Refused
  },
  incoming: {
    say: {
      payload: Schema.Struct({ text: Schema.String }),
      reply: Schema.Struct({ id: Schema.Number }),
      error: TooLong
    },
    ping: {},
    count: { reply: Schema.Number },
    bytes: { payload: ChannelApi.Binary, reply: ChannelApi.Binary }
  },
  outgoing: {
    entered: Schema.Struct({ name: Schema.String }),
    said: Schema.Struct({ text: Schema.String, at: Schema.DateTimeUtcFromString })
  }
}) {}

export class Lobby extends ChannelApi.make("lobby", {}) {}
export class Private extends ChannelApi.make("private:*", { requires: [User] }) {}
export class Two extends ChannelApi.make("a:{x}:{y}", { params: { x: Id } }) {}

/** What implements the room but for its join and its `say`. */
export const rest = {
  ping: () => Effect.void,
  count: () => Effect.succeed(1),
  bytes: (bytes: Uint8Array) => Effect.succeed(bytes)
}
export const join = () => Effect.succeed({ count: 1 })
const say = () => Effect.succeed({ id: 1 })
export const on = { ...rest, say }
