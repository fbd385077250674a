/** The figures of the server bench. */
import { paired, quantile, summary } from "../Statistics.ts"
import type { Summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { Name, Served } from "./Rounds.ts"

export const find = (served: ReadonlyArray<Served>, name: Name, stages: number): Served => {
  const found = served.find((server) => server.name === name && server.stages === stages)
  if (found === undefined) throw new Error(`${name} with ${stages} stages was not measured.`)
  return found
}

/** How much faster `a` is than `b`, round by round: by requests a second, and by the server's CPU time. */
export const ratio = (a: Served, b: Served): { readonly requests: Summary; readonly cpu: Summary } => ({
  requests: summary(paired(a.requestsPerSecond, b.requestsPerSecond, (a, b) => a / b)),
  cpu: summary(paired(a.serverMicrosPerRequest, b.serverMicrosPerRequest, (a, b) => b / a))
})

/** The part of the time in which the server used its core: well below 1, something else was the limit, and its requests a second are not its own. */
export const busy = ({ requestsPerSecond, serverMicrosPerRequest }: Served): number =>
  quantile(
    paired(requestsPerSecond, serverMicrosPerRequest, (requests, micros) => (requests * micros) / 1e6),
    0.5
  )

const percent = (part: number): string => `${Math.round(100 * part)} %`

export const report = (served: ReadonlyArray<Served>): string =>
  table(
    [
      "server",
      "stages",
      "requests/s",
      "quartiles",
      "against router",
      "CPU µs",
      "against router",
      "server busy",
      "client busy"
    ],
    served.map((server) => {
      const requests = summary(server.requestsPerSecond)
      const against = ratio(server, find(served, "Effect's router, middleware by hand", server.stages))
      return [
        server.name,
        String(server.stages),
        figure(requests.median),
        `${figure(requests.low)}-${figure(requests.high)}`,
        against.requests.median.toFixed(2),
        quantile(server.serverMicrosPerRequest, 0.5).toFixed(1),
        against.cpu.median.toFixed(2),
        percent(busy(server)),
        percent(quantile(server.clientBusy, 0.5))
      ]
    })
  )
