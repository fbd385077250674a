/** One dialer in a separate process: `node dial.ts CONTENDER ADDRESS`. It answers each order with its measurements. */
import type { Load } from "../server/load.ts"
import type { Address, Dial, Discipline, Name } from "./Contender.ts"

export interface Order {
  readonly discipline: Discipline
  readonly atOnce: number
  readonly seconds: number
}

/** Loaded on demand, so that the process holds nothing of the others. */
const load: Record<Name, () => Promise<Dial>> = {
  "Fairlead over iroh": async () => (await import("./Fairlead.ts")).dialOverIroh,
  "raw binding": async () => (await import("./Raw.ts")).dial,
  "raw binding, its arrays": async () => (await import("./Raw.ts")).dialArrays,
  "Fairlead in memory": async () => (await import("./Fairlead.ts")).dialInMemory
}

const [name, address = ""] = process.argv.slice(2)
const dialer = await (await load[name as Name]())(JSON.parse(address) as Address)

const run = async ({ atOnce, discipline, seconds }: Order): Promise<Load> => {
  const since = performance.now()
  const used = process.cpuUsage()
  let responses = 0
  const next = (): boolean => {
    if (performance.now() - since >= seconds * 1000) return false
    responses++
    return true
  }
  await Promise.all(Array.from({ length: atOnce }, () => dialer[discipline](next)))
  const millis = performance.now() - since
  const { system, user } = process.cpuUsage(used)
  return { responses, millis, busy: (system + user) / 1000 / millis }
}

process.on("disconnect", () => process.exit())
process.on("message", async (order: Order) => {
  process.send?.(await run(order))
})
process.send?.("ready")
