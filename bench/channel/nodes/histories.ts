/**
 * A history of a million messages over an engine, by hand: `node --conditions=fairlead:source bench/channel/nodes/histories.ts redis|nats [MESSAGES]`.
 *
 * Three nodes in processes of their own, 6 members, and every fault of the long tests again and again while messages are published, with a calm minute after each time. The checker
 * reads along. Writes the outcome to `results/histories.json`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"

import { natsKind } from "../../../test/channel/nats/Nats.ts"
import { everyFault } from "../../../test/channel/real/Faults.ts"
import { realHistory } from "../../../test/channel/real/RealHistory.ts"
import { redisKind } from "../../../test/channel/redis/Redis.ts"
import { machine } from "../../Machine.ts"

const [engine = "", count = "1000000"] = process.argv.slice(2)
const kinds = { redis: redisKind, nats: natsKind }
if (!(engine in kinds)) throw new Error("Name an engine: redis or nats.")

const options = { messages: Number(count), members: 6, rate: 3000 }
const here = machine()
const outcome = await realHistory(kinds[engine as keyof typeof kinds], {
  ...options,
  faults: [...everyFault, [60_000, () => {}]],
  repeats: true,
  onProgress: (acknowledged) => process.stderr.write(`${engine}: ${acknowledged} of ${count}\n`)
})

const file = new URL("../../results/histories.json", import.meta.url)
const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as object) : {}
writeFileSync(file, `${JSON.stringify({ ...before, [engine]: { machine: here, options, outcome } }, null, 1)}\n`)
console.log(JSON.stringify(outcome))
process.exit(outcome.faults.length === 0 && outcome.counted.sent === outcome.counted.got ? 0 : 1)
