/**
 * One server in a separate process: `node serve.ts CONTENDER PORT`. Prints the address of its control socket, and answers with its usage.
 *
 * Each byte on the control socket is a broadcast from outside, to the topic of that place.
 */
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

import { host } from "../server/Contender.ts"
import { rooms, topicOf } from "./Contender.ts"
import type { Name, Serve } from "./Contender.ts"

export interface Usage {
  /** CPU time in microseconds. */
  readonly micros: number
  /** Bytes after a garbage collection, if it was asked for. */
  readonly heap: number
  readonly rss: number
}

export interface Question {
  readonly collect: boolean
}

/** Loaded on demand, so that the process holds nothing of the others. */
const load: Record<Name, () => Promise<Serve>> = {
  Fairlead: async () => (await import("./Fairlead.ts")).overWs,
  "Fairlead, default upgrade": async () => (await import("./Fairlead.ts")).overEffect,
  "Fairlead, positions": async () => (await import("./Fairlead.ts")).withPositions,
  ws: async () => (await import("./Ws.ts")).wsPreBuilt,
  "ws, send to each": async () => (await import("./Ws.ts")).wsSend,
  "socket.io": async () => (await import("./SocketIo.ts")).socketIo
}

const [name, port] = process.argv.slice(2)
const serve = await load[name as Name]()
const broadcast = await serve(Number(port))

const control = createServer((socket) => {
  socket.on("error", () => {})
  socket.on("data", (bytes: Buffer) => {
    for (const at of bytes) broadcast(topicOf(rooms[at]!))
  })
})
await new Promise<void>((resolve) => control.listen(0, host, resolve))

const collect = async (): Promise<void> => {
  setFlagsFromString("--expose-gc")
  const gc = runInNewContext("gc") as () => void
  for (let time = 0; time < 5; time++) {
    gc()
    await setTimeout(20)
  }
}

process.on("disconnect", () => process.exit())
process.on("message", async (question: Question) => {
  if (question.collect) await collect()
  const { system, user } = process.cpuUsage()
  const { external, heapUsed, rss } = process.memoryUsage()
  process.send?.({ micros: system + user, heap: heapUsed + external, rss } satisfies Usage)
})
process.send?.((control.address() as AddressInfo).port)
