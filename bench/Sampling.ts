/**
 * Samples a part in a separate process: each round measures every contender at every depth once, in a new order.
 *
 * With `only`, that contender alone lives in the process: the best case, in which the engine has seen nothing else.
 */
import type { Run } from "./Evaluation.ts"
import { shuffled } from "./Statistics.ts"

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
  /** How many interceptors; -1 for a single case. */
  readonly depth: number
  readonly samples: Array<number>
}

/** A single measurement other than the price of an interceptor. */
export interface Case<NoOp> {
  readonly name: string
  readonly make: (noOps: ReadonlyArray<NoOp>) => Run
}

/** The contenders with a number of interceptors that do nothing. */
export interface Contender<NoOp> {
  readonly name: string
  readonly depths: ReadonlyArray<number>
  readonly make: (noOps: ReadonlyArray<NoOp>) => Run | Promise<Run>
}

export interface Field<NoOp> {
  readonly noOps: ReadonlyArray<NoOp>
  /** The same, telling `ran` at each run: with it every contender is checked to run all of them. */
  readonly counting: (noOp: NoOp, ran: () => void) => NoOp
  /** How often an evaluation runs each of them. */
  readonly passes: number
  readonly contenders: ReadonlyArray<Contender<NoOp>>
  readonly cases: ReadonlyArray<Case<NoOp>>
  /** Run between the contenders, so that no call in an interpreter knows only one kind of interceptor. */
  readonly shapes: () => ReadonlyArray<Run>
}

interface Measured extends Cell {
  readonly run: Run
  times: number
}

/** Nanoseconds for all of `times` evaluations. */
const time = async (run: Run, times: number): Promise<number> => {
  const start = process.hrtime.bigint()
  const running = run(times)
  if (running !== undefined) await running
  return Number(process.hrtime.bigint() - start)
}

/** Throws unless each of the contender's evaluations runs each interceptor as often as it should. */
const check = async <NoOp>({ make, name }: Contender<NoOp>, noOps: ReadonlyArray<NoOp>, field: Field<NoOp>) => {
  let ran = 0
  const run = await make(noOps.map((noOp) => field.counting(noOp, () => void ran++)))
  await run(3)
  const expected = 3 * field.passes * noOps.length
  if (ran !== expected) throw new Error(`${name} ran ${ran} times in three evaluations, not ${expected}.`)
}

/** Runs for some time, doubling, and says how many evaluations take a sample's time. */
const warm = async (run: Run, { sampleMillis, warmMillis }: Options): Promise<number> => {
  let total = 0
  let times = 16
  for (;;) {
    const nanos = await time(run, times)
    total += nanos
    const fit = Math.max(1, Math.round((times * sampleMillis * 1e6) / nanos))
    if (total >= warmMillis * 1e6) return fit
    times = Math.max(16, Math.min(times * 2, fit))
  }
}

/** Samples the field by the settings of the process, and sends the cells to the parent. */
export const sample = async <NoOp>(field: Field<NoOp>): Promise<void> => {
  const options = JSON.parse(process.argv[2] ?? "") as Options
  process.on("disconnect", () => process.exit())

  const { only } = options
  const chosen = field.contenders.filter(({ name }) => only === undefined || name === only)
  if (only !== undefined && chosen.length === 0) throw new Error(`No contender is called ${only}.`)
  const cells: Array<Measured> = []
  for (const contender of chosen) {
    const deepest = contender.depths.at(-1)!
    if (only === undefined) await check(contender, field.noOps.slice(0, deepest), field)
    for (const depth of only === undefined ? contender.depths : [0, deepest]) {
      const run = await contender.make(field.noOps.slice(0, depth))
      cells.push({ name: contender.name, depth, samples: [], run, times: 0 })
    }
  }
  if (only === undefined) {
    for (const { make, name } of field.cases) {
      cells.push({ name, depth: -1, samples: [], run: make(field.noOps), times: 0 })
    }
  }

  const others = only === undefined ? field.shapes() : []
  for (const run of others) await warm(run, options)
  // Twice, because the first to be warmed was warmed before the engine had seen the rest.
  for (const cell of [...shuffled(cells), ...shuffled(cells)]) cell.times = await warm(cell.run, options)

  for (let round = 0; round < options.rounds; round++) {
    for (const run of others) await run(20)
    for (const cell of shuffled(cells)) cell.samples.push((await time(cell.run, cell.times)) / cell.times)
  }

  process.send?.(cells.map(({ name, depth, samples }): Cell => ({ name, depth, samples })))
}
