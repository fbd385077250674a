/** The figures of the bench of middleware. */
import { paired, summary } from "../Statistics.ts"
import type { Summary } from "../Statistics.ts"
import { table } from "../Table.ts"
import type { Priced } from "./Rounds.ts"
import { rowNames } from "./Rows.ts"
import type { RowName } from "./Rows.ts"

/** The CPU time that the middleware adds to a request, in microseconds; of the whole request where there is nothing to compare with. */
export const added = ({ micros, withoutMicros }: Priced): Summary =>
  summary(withoutMicros === undefined ? micros : paired(micros, withoutMicros, (own, bare) => own - bare))

const find = (priced: ReadonlyArray<Priced>, contender: string, row: RowName): Summary | undefined => {
  const found = priced.find((one) => one.contender === contender && one.row === row)
  return found === undefined ? undefined : added(found)
}

const shown = (price: Summary | undefined): string =>
  price === undefined ? "" : `${price.median.toFixed(1)} ± ${price.margin.toFixed(1)}`

/** How many times the price of the peer; nothing where either is too near to 0. */
const times = (own: Summary | undefined, peer: Summary | undefined): string =>
  own === undefined || peer === undefined || own.median < 2 * own.margin || peer.median < 2 * peer.margin
    ? ""
    : (own.median / peer.median).toFixed(2)

/** A row for each middleware; the ratios are Fairlead's price by that of the other. */
export const report = (priced: ReadonlyArray<Priced>): string => {
  const contenders = [...new Set(priced.map(({ contender }) => contender))]
  const others = contenders.filter((contender) => contender !== "Fairlead")
  const lines = rowNames
    .filter((row) => priced.some((one) => one.row === row))
    .map((row) => [
      row,
      ...contenders.map((contender) => shown(find(priced, contender, row))),
      ...others.map((other) => times(find(priced, "Fairlead", row), find(priced, other, row)))
    ])
  return table(["added µs of CPU", ...contenders, ...others.map((other) => `against ${other}`)], lines)
}
