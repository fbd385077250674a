/** The figures of the server bench. */
import * as Rates from "../Rates.ts"
import { quantile, summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { Name, Served } from "./Rounds.ts"

export const find = (served: ReadonlyArray<Served>, name: Name, stages: number): Served => {
  const found = served.find((server) => server.name === name && server.stages === stages)
  if (found === undefined) throw new Error(`${name} with ${stages} stages was not measured.`)
  return found
}

/** A server as what is compared. */
export const ratesOf = ({ requestsPerSecond, serverMicrosPerRequest }: Served): Rates.Rates => ({
  requestsPerSecond,
  microsPerRequest: serverMicrosPerRequest
})

/** How much faster server `a` is than `b`. */
export const ratio = (a: Served, b: Served) => Rates.ratio(ratesOf(a), ratesOf(b))

/** The part of the time in which the server used its core. */
export const busy = (server: Served): number => Rates.busy(ratesOf(server))

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
        Rates.percent(busy(server)),
        Rates.percent(quantile(server.clientBusy, 0.5))
      ]
    })
  )
