/** A process with the everyday chains: it answers each order with the CPU time of a call, in microseconds. */
import { open } from "./Chains.ts"
import type { Calls } from "./Chains.ts"
import type { Name } from "./Names.ts"

export interface Order {
  readonly name: Name
  readonly calls: number
}

const opened = new Map<Name, Calls>()

const callsOf = async (name: Name): Promise<Calls> => {
  const calls = opened.get(name) ?? (await open(name))
  opened.set(name, calls)
  return calls
}

process.on("disconnect", () => process.exit())
process.on("message", async ({ calls, name }: Order) => {
  const run = await callsOf(name)
  const since = process.cpuUsage()
  await run(calls)
  const { system, user } = process.cpuUsage(since)
  process.send?.((system + user) / calls)
})
process.send?.("ready")
