/** A chat over WebSockets: by `NodeUpgrade` when the argument is `node`, else by the default that works over any server. */
import { Console, Effect, Schema } from "effect"
import { App, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"

class Room extends ChannelApi.make("room:{name}", {
  join: { payload: Schema.Struct({ user: Schema.String }) },
  incoming: {
    say: { payload: Schema.Struct({ text: Schema.String }), reply: Schema.Struct({ length: Schema.Int }) }
  },
  outgoing: { said: Schema.Struct({ user: Schema.String, text: Schema.String }) }
}) {}

const RoomLive = Room.layer({
  join: ({ payload }) => Effect.succeed(ChannelApi.joined(undefined, payload)),
  on: {
    say: ({ text }, room) => Effect.as(room.broadcast("said", { user: room.state.user, text }), { length: text.length })
  }
})

const sockets = ChannelServer.layer(ChannelServer.make("rooms").mount(Room), { path: "/socket" })
const listening = Fairing.onLiftoff("listening", ({ url }) => Console.log(`Listening on ${url}`))
const chat = App.make("chat").manage(Broadcaster.layer).manage(RoomLive).attach(listening)

const options = { port: 0, host: "127.0.0.1" }
if (process.argv[2] === "node") NodeApp.run(chat.manage(NodeUpgrade.layer).mount(sockets), options)
else NodeApp.run(chat.mount(sockets), options)
