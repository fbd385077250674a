/**
 * An application on Node with `Middleware.headers` against Effect's router with middleware by hand: by CPU time, and with rounds to warm up, for a machine that is shared.
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

const rounds = Number(process.argv.find((arg) => arg.startsWith("--rounds="))?.slice(9) ?? 40)
/** The first rounds are for the engine to optimize: a server that rarely has its core needs long. */
const warmRounds = 40
const stages = 10
const options: Rounds.Options = {
  names: Budgets.headerNames,
  rounds: warmRounds + rounds,
  seconds: 1,
  warmSeconds: 1,
  connections: 50,
  depths: [0, stages]
}
const here = machine()
const measured = await Rounds.measure(options, (round) =>
  process.stderr.write(`servers: round ${round} of ${options.rounds}\n`)
)
const served = measured.map((server) => ({
  ...server,
  requestsPerSecond: server.requestsPerSecond.slice(warmRounds),
  serverMicrosPerRequest: server.serverMicrosPerRequest.slice(warmRounds),
  clientBusy: server.clientBusy.slice(warmRounds)
}))
const verdicts = Budgets.headerBudgets(served, stages)
const folder = join(import.meta.dirname, "../results")
mkdirSync(folder, { recursive: true })
const text = JSON.stringify(
  { machine: here, loadAfter: loadavg()[0], warmRounds, options, verdicts, served },
  (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value)
)
writeFileSync(join(folder, "server-headers.json"), `${text}\n`)
console.log(`${report(served)}\n\n${Budgets.report(verdicts)}`)
