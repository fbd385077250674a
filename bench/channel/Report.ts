/** The figures of the channel bench over loopback. */
import { busy, percent, ratio } from "../Rates.ts"
import { quantile, summary } from "../Statistics.ts"
import { figure, table } from "../Table.ts"
import type { Talked, Weighed } from "./Rounds.ts"

export const find = (talked: ReadonlyArray<Talked>, discipline: string, name: string): Talked => {
  const found = talked.find((one) => one.discipline === discipline && one.name === name)
  if (found === undefined) throw new Error(`${name} was not measured at "${discipline}".`)
  return found
}

const row = (all: ReadonlyArray<Talked>, one: Talked): ReadonlyArray<string> => {
  const requests = summary(one.requestsPerSecond)
  const against = ratio(one, find(all, one.discipline, "ws"))
  return [
    one.discipline,
    one.name,
    figure(requests.median),
    `${figure(requests.low)}-${figure(requests.high)}`,
    against.requests.median.toFixed(2),
    quantile(one.microsPerRequest, 0.5).toFixed(1),
    against.cpu.median.toFixed(2),
    percent(busy(one)),
    percent(quantile(one.clientBusy, 0.5))
  ]
}

const kilobytes = (bytes: ReadonlyArray<number>): string => (quantile(bytes, 0.5) / 1000).toFixed(1)

export const report = (talked: ReadonlyArray<Talked>, weighed: ReadonlyArray<Weighed>): string => {
  const rates = table(
    [
      "discipline",
      "contender",
      "a second",
      "quartiles",
      "against ws",
      "CPU µs",
      "against ws",
      "server busy",
      "clients busy"
    ],
    talked.map((one) => row(talked, one))
  )
  const weights = table(
    ["idle joined connection", "heap kB", "RSS kB", "CPU µs to connect and join"],
    weighed.map(({ heap, micros, name, rss }) => [name, kilobytes(heap), kilobytes(rss), figure(quantile(micros, 0.5))])
  )
  return `${rates}\n\n${weights}`
}
