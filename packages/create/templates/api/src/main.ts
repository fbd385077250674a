/** Starts the API. */
import { NodeApp } from "fairlead/app/node"

import { api } from "./Api.ts"
import { options, SettingsLive } from "./Settings.ts"

NodeApp.run(api.manage(SettingsLive), options)
