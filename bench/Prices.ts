/** The figures of the samples: the price of an interceptor is the slope between none and the deepest. */
import type { Cell } from "./Sampling.ts"
import { paired, quantile, summary } from "./Statistics.ts"
import type { Summary } from "./Statistics.ts"
import { figure, table } from "./Table.ts"

export interface Price extends Summary {
  readonly name: string
  /** Median nanoseconds of an evaluation, by depth. */
  readonly evaluations: ReadonlyArray<readonly [depth: number, nanos: number]>
  /** The price in a process that runs nothing else, where that was measured. */
  readonly alone: number | undefined
}

const slopes = (cells: ReadonlyArray<Cell>, name: string): ReadonlyArray<number> | undefined => {
  const own = cells.filter((cell) => cell.name === name).toSorted((a, b) => a.depth - b.depth)
  const none = own[0]
  const deepest = own.at(-1)
  if (none?.depth !== 0 || deepest === undefined) return undefined
  return paired(deepest.samples, none.samples, (deep, flat) => (deep - flat) / deepest.depth)
}

/** All contenders in one process, and some in separate processes. */
export interface Sampled {
  readonly mixed: ReadonlyArray<Cell>
  readonly alone: ReadonlyArray<Cell>
}

/** The samples of a contender at a depth. */
export const samplesOf = ({ mixed }: Sampled, name: string, depth: number): ReadonlyArray<number> => {
  const found = mixed.find((cell) => cell.name === name && cell.depth === depth)
  if (found === undefined) throw new Error(`${name} was not measured at a depth of ${depth}.`)
  return found.samples
}

export const prices = ({ alone, mixed }: Sampled): ReadonlyArray<Price> =>
  [...new Set(mixed.map(({ name }) => name))].flatMap((name): ReadonlyArray<Price> => {
    const samples = slopes(mixed, name)
    if (samples === undefined) return []
    const single = slopes(alone, name)
    return [
      {
        name,
        ...summary(samples),
        evaluations: mixed
          .filter((cell) => cell.name === name)
          .map((cell) => [cell.depth, quantile(cell.samples, 0.5)] as const),
        alone: single === undefined ? undefined : quantile(single, 0.5)
      }
    ]
  })

/** The layout of the tables of a part. */
export interface Layout {
  /** The kind of interceptor, such as a stage or a hook. */
  readonly interceptor: string
  /** The contender that the others are compared with, and the title of its column. */
  readonly peer: string
  readonly against: string
  /** The depths whose evaluations have a column. */
  readonly depths: ReadonlyArray<number>
}

/** The single cases, in addition to the prices. */
export const singles = (cells: ReadonlyArray<Cell>): string =>
  table(
    ["per evaluation", "ns", "quartiles"],
    cells
      .filter(({ depth }) => depth === -1)
      .map(({ name, samples }) => {
        const { high, low, median } = summary(samples)
        return [name, figure(median), `${figure(low)}-${figure(high)}`]
      })
  )

export const report = (sampled: Sampled, { against, depths, interceptor, peer }: Layout): string => {
  const all = prices(sampled)
  const one = all.find(({ name }) => name === peer)!.median
  const priced = table(
    [`per no-op ${interceptor}`, "ns", "quartiles", "alone", against, ...depths.map((depth) => `N=${depth}`)],
    all.map(({ alone, evaluations, high, low, median, name }) => [
      name,
      figure(median),
      `${figure(low)}-${figure(high)}`,
      alone === undefined ? "" : figure(alone),
      figure(median / one),
      ...depths.map((depth) => {
        const found = evaluations.find(([at]) => at === depth)
        return found === undefined ? "" : figure(found[1])
      })
    ])
  )
  const notes = `("alone": in a process that runs nothing else; "${against}": ${peer} is 1)`
  const others = sampled.mixed.some(({ depth }) => depth === -1) ? `\n\n${singles(sampled.mixed)}` : ""
  return `${priced}\n${notes}${others}`
}
