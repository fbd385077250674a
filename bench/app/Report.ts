/** The figures of the life bench. */
import { summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { Life } from "./run.ts"

export const report = (lives: ReadonlyArray<Life>): string =>
  table(
    ["life", "contender", "ms", "quartiles", "rounds"],
    lives.map(({ contender, millis, name }) => {
      const { high, low, median } = summary(millis)
      return [name, contender, figure(median), `${figure(low)}-${figure(high)}`, String(millis.length)]
    })
  )
