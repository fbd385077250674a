/** The application. */
import { App } from "fairlead/app"
import { health } from "fairlead/app/fairings"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"

import { page } from "./Page.ts"
import { RoomLive, rooms } from "./Room.ts"

export const chat = App.make("chat")
  .manage(Broadcaster.layer)
  .manage(RoomLive)
  .manage(NodeUpgrade.layer)
  .attach(health())
  .mount(page)
  .mount(ChannelServer.layer(rooms, { path: "/socket" }))
