/**
 * An application on Node with `Middleware.headers` against Effect's router with middleware by hand: by CPU time, in several processes one after the other, each with rounds to warm up.
 *
 * `node --conditions=fairlead:source bench/server/headers.ts [--rounds=N]`. Every sample goes to `results/server-headers.json`.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"

import * as Budgets from "../Budgets.ts"
import { machine } from "../Machine.ts"
import { report } from "./Report.ts"
import * as Rounds from "./Rounds.ts"

const rounds = Number(process.argv.find((arg) => arg.startsWith("--rounds="))?.slice(9) ?? 24)
/** Each time in new processes, since the engine optimizes each a little differently. */
const passes = 3
/** The first rounds of a process are for the engine to optimize. */
const warmRounds = 12
const stages = 10
const options: Rounds.Options = {
  names: Budgets.headerNames,
  rounds: warmRounds + Math.ceil(rounds / passes),
  seconds: 1,
  warmSeconds: 1,
  connections: 50,
  depths: [0, stages]
}
const here = machine()
const measured: Array<ReadonlyArray<Rounds.Served>> = []
for (let pass = 1; pass <= passes; pass++) {
  measured.push(
    await Rounds.measure(options, (round) =>
      process.stderr.write(`servers: pass ${pass} of ${passes}, round ${round} of ${options.rounds}\n`)
    )
  )
}
/** The samples of a server in all passes. */
const merged = (index: number, samplesOf: (server: Rounds.Served) => ReadonlyArray<number>): Array<number> =>
  measured.flatMap((servers) => samplesOf(servers[index]!).slice(warmRounds))
const served = measured[0]!.map(({ name, stages }, index): Rounds.Served => ({
  name,
  stages,
  requestsPerSecond: merged(index, (server) => server.requestsPerSecond),
  serverMicrosPerRequest: merged(index, (server) => server.serverMicrosPerRequest),
  clientBusy: merged(index, (server) => server.clientBusy)
}))
const verdicts = Budgets.headerBudgets(served, stages)
const folder = join(import.meta.dirname, "../results")
mkdirSync(folder, { recursive: true })
const text = JSON.stringify(
  { machine: here, loadAfter: loadavg()[0], passes, warmRounds, options, verdicts, served },
  (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value)
)
writeFileSync(join(folder, "server-headers.json"), `${text}\n`)
console.log(`${report(served)}\n\n${Budgets.report(verdicts)}`)
