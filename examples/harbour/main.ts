/**
 * Harbour: rooms and messages over HTTP, as a Fairlead application. `npm start` runs it; `Settings.ts` lists its settings.
 */
import { parseArgs } from "node:util"

import { NodeApp } from "fairlead/app/node"

import { harbour } from "./Harbour.ts"
import { listening } from "./Settings.ts"

const { peer = [] } = parseArgs({ options: { peer: { type: "string", multiple: true } } }).values
if (peer.length > 0) process.env["HARBOUR_PEERS"] = [process.env["HARBOUR_PEERS"] ?? [], ...peer].flat().join(",")

NodeApp.run(harbour, listening)
