/**
 * A process with all rows of one contender, asked in process: `node price.ts CONTENDER OPTIONS`. It answers each message with the CPU time of a request in each row, in
 * microseconds, measured in a new order.
 */
import { shuffled } from "../Statistics.ts"
import { check } from "./Checks.ts"
import { rowNames, rows } from "./Rows.ts"
import type { RowName } from "./Rows.ts"
import { linesTaken, load } from "./Subject.ts"
import type { ContenderName } from "./Subject.ts"

export interface PriceOptions {
  /** Requests of one sample. */
  readonly requests: number
  readonly warmUps: number
  /** The rows to measure; all when left out. */
  readonly only?: ReadonlyArray<RowName>
}

/** The CPU time of a request, by row. */
export type Prices = Readonly<Partial<Record<RowName, number>>>

const [contender, text] = process.argv.slice(2)
const { only = rowNames, requests, warmUps } = JSON.parse(text!) as PriceOptions
process.on("disconnect", () => process.exit())

const subjects = await load[contender as ContenderName]()
const cases: Array<{ readonly name: RowName; readonly run: (times: number) => Promise<void> }> = []
for (const name of only) {
  const make = subjects[name]
  if (make === undefined || rows[name].overSocket === true) continue
  const { send } = await make()
  const sent = await check(contender!, name, send, linesTaken)
  const run = async (times: number): Promise<void> => {
    for (let asked = 0; asked < times; asked++) await send(sent)
  }
  cases.push({ name, run })
}
// Twice, because the first to be warmed was warmed before the engine had seen the rest.
for (let pass = 0; pass < 2; pass++) for (const { run } of shuffled(cases)) await run(warmUps / 2)

process.on("message", async () => {
  const prices: Partial<Record<RowName, number>> = {}
  for (const { name, run } of shuffled(cases)) {
    const before = process.cpuUsage()
    await run(requests)
    const { system, user } = process.cpuUsage(before)
    prices[name] = (system + user) / requests
  }
  process.send?.(prices)
})
process.send?.("ready")
