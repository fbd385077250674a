/** One row of one contender as a server: `node serve.ts CONTENDER ROW PORT`. It reports when it listens, and answers with its CPU time and the lines of its access log. */
import type { RowName } from "./Rows.ts"
import { linesTaken, load } from "./Subject.ts"
import type { ContenderName } from "./Subject.ts"

export interface ServerState {
  readonly micros: number
  readonly lines: number
}

const [contender, row, port] = process.argv.slice(2)
const make = (await load[contender as ContenderName]())[row as RowName]
process.on("disconnect", () => process.exit())
if (make === undefined) process.send?.("missing")
else {
  const { listen } = await make()
  await listen(Number(port))
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    process.send?.({ micros: system + user, lines: linesTaken() } satisfies ServerState)
  })
  process.send?.("listening")
}
