/**
 * The stages bench, in a process of its own: `node run.ts '{"rounds":…,"sampleMillis":…,"only":…}'`. Sends its samples to its parent.
 *
 * Each round measures every contender at every depth once, in a new order. With `only`, that contender alone lives in the process: the best
 * case, in which the engine has seen nothing else.
 */
import { shuffled } from "../Statistics.ts"
import { cases, shapes } from "./Cases.ts"
import { contenders } from "./Contenders.ts"
import { counting, freshCopies } from "./Copies.ts"
import type { NoOp } from "./Copies.ts"
import { repeat } from "./Evaluation.ts"
import type { Run } from "./Evaluation.ts"

export interface Options {
  readonly rounds: number
  readonly sampleMillis: number
  readonly warmMillis: number
  /** The name of the one contender to measure, alone; all of them and the single cases when left out. */
  readonly only?: string
}

/** Nanoseconds for each evaluation, one sample a round. */
export interface Cell {
  readonly name: string
  /** How many stages; -1 for a single case. */
  readonly depth: number
  readonly samples: Array<number>
}

interface Measured extends Cell {
  readonly run: Run
  times: number
}

const options = JSON.parse(process.argv[2] ?? "") as Options

process.on("disconnect", () => process.exit())

const stages = await freshCopies(20)
const chosen = contenders.filter(({ name }) => options.only === undefined || name === options.only)
if (chosen.length === 0) throw new Error(`No contender is called ${options.only}.`)

/** Nanoseconds for all of `times` evaluations. */
const time = async (run: Run, times: number): Promise<number> => {
  const start = process.hrtime.bigint()
  const running = run(times)
  if (running !== undefined) await running
  return Number(process.hrtime.bigint() - start)
}

/** Throws unless each of the contender's evaluations runs each of its stages once. */
const check = async ({ make, name }: (typeof contenders)[number], stages: ReadonlyArray<NoOp>): Promise<void> => {
  let ran = 0
  const run = await make(stages.map((stage) => counting(stage, () => void ran++)))
  await run(3)
  if (ran !== 3 * stages.length) throw new Error(`${name} ran ${ran} stages in three evaluations of ${stages.length}.`)
}

/** Runs for some time, doubling, and says how many evaluations take a sample's time. */
const warm = async (run: Run): Promise<number> => {
  let total = 0
  let times = 16
  for (;;) {
    const nanos = await time(run, times)
    total += nanos
    const fit = Math.max(1, Math.round((times * options.sampleMillis * 1e6) / nanos))
    if (total >= options.warmMillis * 1e6) return fit
    times = Math.max(16, Math.min(times * 2, fit))
  }
}

const cells: Array<Measured> = []
for (const contender of chosen) {
  if (options.only === undefined) await check(contender, stages.slice(0, contender.depths.at(-1)))
  const depths = options.only === undefined ? contender.depths : [0, contender.depths.at(-1)!]
  for (const depth of depths) {
    const run = await contender.make(stages.slice(0, depth))
    cells.push({ name: contender.name, depth, samples: [], run, times: 0 })
  }
}
if (options.only === undefined) {
  for (const { make, name } of cases) cells.push({ name, depth: -1, samples: [], run: make(stages), times: 0 })
}

const others = options.only === undefined ? shapes.map((app) => repeat(app)) : []
for (const run of others) await warm(run)
// Twice, because the first to be warmed was warmed before the engine had seen the rest.
for (const cell of [...shuffled(cells), ...shuffled(cells)]) cell.times = await warm(cell.run)

for (let round = 0; round < options.rounds; round++) {
  for (const run of others) await run(20)
  for (const cell of shuffled(cells)) cell.samples.push((await time(cell.run, cell.times)) / cell.times)
}

process.send?.(cells.map(({ name, depth, samples }): Cell => ({ name, depth, samples })))
