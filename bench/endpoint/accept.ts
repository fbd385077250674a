/** One acceptor in a separate process: `node accept.ts CONTENDER`. Prints its address, and answers with its CPU time. */
import type { Accept, Name } from "./Contender.ts"

/** Loaded on demand, so that the process holds nothing of the others. */
const load: Record<Exclude<Name, "Fairlead in memory">, () => Promise<Accept>> = {
  "Fairlead over iroh": async () => (await import("./Fairlead.ts")).acceptOverIroh,
  "raw binding": async () => (await import("./Raw.ts")).accept,
  "raw binding, its arrays": async () => (await import("./Raw.ts")).acceptArrays
}

const accept = await load[process.argv[2] as keyof typeof load]()

process.on("disconnect", () => process.exit())
process.on("message", () => {
  const { system, user } = process.cpuUsage()
  process.send?.(system + user)
})
process.send?.(await accept())
