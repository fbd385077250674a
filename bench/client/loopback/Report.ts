/** The figures of the client bench over loopback. */
import { busy, percent, ratio } from "../../Rates.ts"
import { quantile, summary } from "../../Statistics.ts"
import { figure, table } from "../../Table.ts"
import type { Name } from "./Contender.ts"
import type { Asked } from "./Rounds.ts"

const peer: Name = "Effect HttpClient, undici layer"

export const report = (asked: ReadonlyArray<Asked>): string =>
  table(
    [
      "client",
      "at once",
      "requests/s",
      "quartiles",
      "against Effect",
      "CPU µs",
      "against Effect",
      "client busy",
      "server busy"
    ],
    asked.map((client) => {
      const requests = summary(client.requestsPerSecond)
      const plain = asked.find(({ concurrency, name }) => name === peer && concurrency === client.concurrency)!
      const against = ratio(client, plain)
      return [
        client.name,
        String(client.concurrency),
        figure(requests.median),
        `${figure(requests.low)}-${figure(requests.high)}`,
        against.requests.median.toFixed(2),
        quantile(client.microsPerRequest, 0.5).toFixed(1),
        against.cpu.median.toFixed(2),
        percent(busy(client)),
        percent(quantile(client.serverBusy, 0.5))
      ]
    })
  )
