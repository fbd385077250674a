/** The figures of the life bench. */
import { summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { Life } from "./run.ts"
import type { Stop } from "./Stops.ts"

export const report = (lives: ReadonlyArray<Life>): string =>
  table(
    ["life", "contender", "ms", "quartiles", "rounds"],
    lives.map(({ contender, millis, name }) => {
      const { high, low, median } = summary(millis)
      return [name, contender, figure(median), `${figure(low)}-${figure(high)}`, String(millis.length)]
    })
  )

const sum = (values: ReadonlyArray<number>): number => values.reduce((all, value) => all + value, 0)

/** The answers and resets of the stops, all rounds together. */
export const stopReport = (stops: ReadonlyArray<Stop>): string =>
  table(
    ["stopped with", "contender", "answers whole", "lost", "connections reset", "seconds", "quartiles", "rounds"],
    stops.map(({ asked, contender, millis, name, resets, whole }) => {
      const { high, low, median } = summary(millis.map((ms) => ms / 1000))
      const lost = sum(asked) - sum(whole)
      const seconds = [figure(median), `${figure(low)}-${figure(high)}`]
      return [name, contender, String(sum(whole)), String(lost), String(sum(resets)), ...seconds, String(millis.length)]
    })
  )
