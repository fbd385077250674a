/** The figures of the endpoint bench over transports. */
import { percent, ratio } from "../Rates.ts"
import { quantile, summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { HookCost } from "./hookCosts.ts"
import type { Linked } from "./Rounds.ts"

export const find = (linked: ReadonlyArray<Linked>, discipline: string, name: string): Linked => {
  const found = linked.find((one) => one.discipline === discipline && one.name === name)
  if (found === undefined) throw new Error(`${name} was not measured at "${discipline}".`)
  return found
}

/** The part of the time in which the busier of dialer and acceptor used its core. */
export const busy = ({ busier }: Linked): number => quantile(busier, 0.5)

export const report = (linked: ReadonlyArray<Linked>): string =>
  table(
    ["over a transport", "contender", "a second", "quartiles", "against raw", "CPU µs", "against raw", "busier"],
    linked.map((one) => {
      const rates = summary(one.requestsPerSecond)
      const against = ratio(one, find(linked, one.discipline, "raw binding"))
      return [
        one.discipline,
        one.name,
        figure(rates.median),
        `${figure(rates.low)}-${figure(rates.high)}`,
        against.requests.median.toFixed(2),
        quantile(one.microsPerRequest, 0.5).toFixed(1),
        against.cpu.median.toFixed(2),
        percent(busy(one))
      ]
    })
  )

/** The CPU time of hooks by kind, of each version. */
export const costReport = (versions: Readonly<Record<string, ReadonlyArray<HookCost>>>): string =>
  table(
    ["CPU µs of a hook at one point", "version", "median", "quartiles"],
    Object.entries(versions).flatMap(([version, costs]) =>
      costs.map(({ kind, micros }) => {
        const { high, low, median } = summary(micros)
        return [kind, version, median.toFixed(2), `${low.toFixed(2)}-${high.toFixed(2)}`]
      })
    )
  )
