/** The figures of a load over loopback, for the measured process: compared round by round. */
import { paired, quantile, summary } from "./Statistics.ts"
import type { Summary } from "./Statistics.ts"

/** One sample a round in each. */
export interface Rates {
  readonly requestsPerSecond: ReadonlyArray<number>
  /** CPU time of the measured process. */
  readonly microsPerRequest: ReadonlyArray<number>
}

/** How much faster `a` is than `b`: by requests a second, and by CPU time. */
export const ratio = (a: Rates, b: Rates): { readonly requests: Summary; readonly cpu: Summary } => ({
  requests: summary(paired(a.requestsPerSecond, b.requestsPerSecond, (a, b) => a / b)),
  cpu: summary(paired(a.microsPerRequest, b.microsPerRequest, (a, b) => b / a))
})

/** The part of the time in which it used its core: well below 1, something else was the limit, and its requests a second are not its own. */
export const busy = ({ microsPerRequest, requestsPerSecond }: Rates): number =>
  quantile(
    paired(requestsPerSecond, microsPerRequest, (requests, micros) => (requests * micros) / 1e6),
    0.5
  )

export const percent = (part: number): string => `${Math.round(100 * part)} %`
