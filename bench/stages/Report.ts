/** The figures of the stages bench: the price of a stage is the slope between no stage and the deepest. */
import { paired, quantile, summary } from "../Statistics.ts"
import type { Summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { Cell } from "./run.ts"

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

export const prices = (mixed: ReadonlyArray<Cell>, alone: ReadonlyArray<Cell>): ReadonlyArray<Price> =>
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

const peer = "koa-compose, await next()"

export const report = (mixed: ReadonlyArray<Cell>, alone: ReadonlyArray<Cell>): string => {
  const all = prices(mixed, alone)
  const against = all.find(({ name }) => name === peer)!.median
  const stages = table(
    ["per no-op stage", "ns", "quartiles", "alone", "against koa", ...[0, 1, 5, 20].map((depth) => `N=${depth}`)],
    all.map(({ alone, evaluations, high, low, median, name }) => [
      name,
      figure(median),
      `${figure(low)}-${figure(high)}`,
      alone === undefined ? "" : figure(alone),
      figure(median / against),
      ...[0, 1, 5, 20].map((depth) => {
        const found = evaluations.find(([at]) => at === depth)
        return found === undefined ? "" : figure(found[1])
      })
    ])
  )
  const single = table(
    ["per evaluation", "ns", "quartiles"],
    mixed
      .filter(({ depth }) => depth === -1)
      .map(({ name, samples }) => {
        const { high, low, median } = summary(samples)
        return [name, figure(median), `${figure(low)}-${figure(high)}`]
      })
  )
  return `${stages}\n("alone": in a process that runs nothing else; "against koa": ${peer} is 1)\n\n${single}`
}
