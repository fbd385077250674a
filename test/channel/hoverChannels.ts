/**
 * Channels as a user writes them: `hover.test.ts` asks the language server what an editor shows for their names.
 */
import { Context, Effect, Schema } from "effect"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { authentication } from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

export class CurrentUser extends Context.Service<CurrentUser, string>()("app/CurrentUser") {}
export class Store extends Context.Service<Store, { readonly save: Effect.Effect<number> }>()("app/Store") {}
export class Full extends Schema.TaggedError<Full>()("Full", {}) {}

export class Room extends ChannelApi.make("room:{id}", {
  params: { id: Schema.NumberFromString },
  requires: [CurrentUser],
  join: { error: Full },
  incoming: { say: { payload: Schema.Struct({ text: Schema.String }), reply: Schema.Number } },
  outgoing: { said: Schema.Struct({ by: Schema.String, text: Schema.String }) }
}) {}

export const roomLive = Room.layer({
  join: () => Effect.map(CurrentUser, (name) => ChannelApi.joined(undefined, { name })),
  on: {
    say: ({ text }, room) =>
      Effect.gen(function* () {
        yield* room.broadcast("said", { by: room.state.name, text })
        const store = yield* Store
        return yield* store.save
      })
  }
})

export const authenticate = authentication(CurrentUser, { verify: () => Effect.succeed("ann") })
export const guard = ChannelHandler.make("guard", { join: () => Effect.asVoid(CurrentUser) })
export const server = ChannelServer.make("chat").use(authenticate).use(guard).mount(Room)
export const mounted = ChannelServer.layer(server, { path: "/socket" })
export const outside = Room.broadcast({ id: 1 }, "said", { by: "", text: "" })
export const testing = TestChannel.make(server, roomLive)
export const asking = Effect.map(testing, ({ connect }) =>
  Effect.flatMap(connect(), (client) => client.channel(Room, { id: 1 }).join())
)
