/** The figures of the bench of everyday chains. */
import { paired, summary } from "../../Statistics.ts"
import type { Summary } from "../../Statistics.ts"
import { figure, table } from "../../Table.ts"
import type { Name } from "./Names.ts"
import type { Called } from "./Rounds.ts"

const find = (called: ReadonlyArray<Called>, version: string, name: Name): Called =>
  called.find((one) => one.version === version && one.name === name)!

/** How many times the CPU time of the bare client of the same version a client takes. */
export const times = (called: ReadonlyArray<Called>, name: Name, version = "now"): Summary =>
  summary(paired(find(called, version, name).micros, find(called, version, "bare").micros, (own, bare) => own / bare))

/** The CPU time that a client takes beyond the bare one, in microseconds. */
export const added = (called: ReadonlyArray<Called>, name: Name, version = "now"): Summary =>
  summary(paired(find(called, version, name).micros, find(called, version, "bare").micros, (own, bare) => own - bare))

export const report = (called: ReadonlyArray<Called>): string =>
  table(
    ["client", "version", "CPU µs", "against bare", "quartiles", "added µs"],
    called.map(({ micros, name, version }) => {
      const against = times(called, name, version)
      return [
        name,
        version,
        figure(summary(micros).median),
        `${against.median.toFixed(2)}x`,
        `${against.low.toFixed(2)}-${against.high.toFixed(2)}`,
        figure(added(called, name, version).median)
      ]
    })
  )
