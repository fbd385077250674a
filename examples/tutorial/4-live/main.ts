/** Step 4: two browsers in one room, over the WebSocket at `/socket`. */
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"

import { options, SettingsLive } from "../Start.ts"
import { live, RoomLive } from "./Room.ts"

const chat = App.make("chat")
  .manage(SettingsLive)
  .manage(Broadcaster.layer)
  .manage(RoomLive)
  .manage(NodeUpgrade.layer)
  .mount(ChannelServer.layer(live, { path: "/socket" }))

NodeApp.run(chat, options)
