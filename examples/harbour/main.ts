/**
 * Harbour: rooms and messages over HTTP, as a Fairlead application. `npm start` runs it; `Settings.ts` lists its settings.
 */
import { NodeApp } from "fairlead/app/node"

import { harbour } from "./Harbour.ts"
import { listening } from "./Settings.ts"

NodeApp.run(harbour, listening)
