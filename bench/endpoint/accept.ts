/** One acceptor in a process of its own: `node accept.ts CONTENDER`. Says where it is, and answers with the CPU time that it has used. */
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
