/** One node of the bench in a separate process: `node node.ts ENGINE|memory BROKER_PORT PORT`. Answers each message with its CPU time. */
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"

import { Broadcaster, ChannelServer } from "../../../src/channel/index.ts"
import { NodeUpgrade } from "../../../src/channel/node/index.ts"
import { listen } from "../../server/Effect.ts"
import { Room, room } from "../Fairlead.ts"
import type { EngineName } from "./Brokers.ts"
import { layerOf } from "./Engines.ts"
import { Log, log } from "./Log.ts"

const [engine, brokerPort, port] = process.argv.slice(2)
const broadcaster = engine === "memory" ? Broadcaster.layer : layerOf(engine as EngineName, Number(brokerPort))

const rooms = ChannelServer.layer(ChannelServer.make("bench").mount(Room, Log), {
  path: "/socket",
  idleTimeout: "1 hour"
}).pipe(Layer.provide([room, log, NodeUpgrade.layer, broadcaster]))

await listen(Number(port), HttpRouter.serve(rooms, { disableLogger: true, disableListenLog: true }))

process.on("disconnect", () => process.exit())
process.on("message", () => {
  const { system, user } = process.cpuUsage()
  process.send?.(system + user)
})
process.send?.("ready")
