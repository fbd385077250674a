/** Starts the chat. */
import { NodeApp } from "fairlead/app/node"

import { chat } from "./Chat.ts"
import { options, SettingsLive } from "./Settings.ts"

NodeApp.run(chat.manage(SettingsLive), options)
