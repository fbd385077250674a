/** One client in a separate process: `node ask.ts CONTENDER URL`. It answers each order with its measurements. */
import { isDeepStrictEqual } from "node:util"

import { message } from "../../server/Contender.ts"
import type { Load, Order } from "../../server/load.ts"
import type { Name, Open } from "./Contender.ts"

/** Loaded on demand, so that the process holds nothing of the others. */
const load: Record<Name, () => Promise<Open>> = {
  "Fairlead, 5 handlers, undici layer": async () => (await import("./Effect.ts")).undiciHandled,
  "Effect HttpClient, undici layer": async () => (await import("./Effect.ts")).undici,
  "Fairlead, 5 handlers, fairlead/client/node": async () => (await import("./Effect.ts")).nodeHandled,
  "Effect HttpClient, fairlead/client/node": async () => (await import("./Effect.ts")).node,
  "undici request": async () => (await import("./Peers.ts")).undici,
  fetch: async () => (await import("./Peers.ts")).fetching,
  axios: async () => (await import("./Peers.ts")).axios,
  ky: async () => (await import("./Peers.ts")).ky,
  got: async () => (await import("./Peers.ts")).got
}

const [name, url = ""] = process.argv.slice(2)
const open = await load[name as Name]()
const ask = await open(url)

/** Throws unless the client returns the server's answer. */
await ask((body) => {
  if (!isDeepStrictEqual(body, message())) throw new Error(`${name} does not get the message.`)
  return false
})

/** As many askers at once, until the time is over. */
const run = async ({ connections, seconds = 10 }: Order): Promise<Load> => {
  const since = performance.now()
  const used = process.cpuUsage()
  let responses = 0
  const next = (): boolean => {
    responses++
    return performance.now() - since < seconds * 1000
  }
  await Promise.all(Array.from({ length: connections }, () => ask(next)))
  const millis = performance.now() - since
  const { system, user } = process.cpuUsage(used)
  return { responses, millis, busy: (system + user) / 1000 / millis }
}

process.on("disconnect", () => process.exit())
process.on("message", async (order: Order) => {
  process.send?.(await run(order))
})
process.send?.("ready")
