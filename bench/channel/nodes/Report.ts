/** The figures of the bench of several nodes, and its budgets. */
import { outcomeOf } from "../../Budgets.ts"
import type { Verdict } from "../../Budgets.ts"
import { paired, quantile, summary } from "../../Statistics.ts"
import { figure, table } from "../../Table.ts"
import { kinds } from "./Log.ts"
import { oneNode, twoNodes } from "./Rounds.ts"
import type { Measured, Published } from "./Rounds.ts"

/** Two nodes of 500 members, by CPU time against one of 1,000. */
const leastOfOne = 0.85
/** A broadcast until the last member has heard, in milliseconds beyond a message of the broker alone. */
const mostMillis = 5
/** A publish, by CPU time against the client of the broker and the encoding alone. */
const mostOfBare = 1.3

/** How many deliveries for the CPU time of one node, as a share of those that one node does. */
const shareOfOne = ({ talked }: Measured, discipline: string) => {
  const [one, two] = [oneNode, twoNodes].map((name) =>
    talked.find((talk) => talk.discipline === discipline && talk.name === name)!
  )
  return summary(paired(one!.microsPerRequest, two!.microsPerRequest, (one, two) => one / two))
}

const disciplinesOf = ({ talked }: Measured): ReadonlyArray<string> => [
  ...new Set(talked.map(({ discipline }) => discipline))
]

/** A publish against the bare one, by CPU time. */
const timesOf = ({ published }: Measured, own: Published) => {
  const bare = published.find(
    ({ contender, inFlight, kind }) => contender === "bare" && inFlight === own.inFlight && kind === own.kind
  )!
  return summary(paired(own.micros, bare.micros, (own, bare) => own / bare))
}

const ownOf = ({ published }: Measured) => published.filter(({ contender }) => contender === "Fairlead")

const millis = (value: number): string => value.toFixed(2)

export const nodesBudgets = (all: ReadonlyArray<Measured>): ReadonlyArray<Verdict> =>
  all.flatMap((measured): ReadonlyArray<Verdict> => {
    const { engine, trips } = measured
    return [
      ...disciplinesOf(measured).map((discipline): Verdict => {
        const share = shareOfOne(measured, discipline)
        return {
          budget: `${engine}, ${discipline}: two nodes at least ${leastOfOne} of one by CPU time`,
          measured: `${share.median.toFixed(2)} (${share.low.toFixed(2)}-${share.high.toFixed(2)})`,
          outcome: outcomeOf(share, share.median - leastOfOne)
        }
      }),
      ...kinds.map((kind): Verdict => {
        const [own, bare] = [quantile(trips[kind].fairlead, 0.99), quantile(trips[kind].bare, 0.99)]
        return {
          budget: `${engine}, ${kind}: 99 % of broadcasts within the broker's round trip and ${mostMillis} ms`,
          measured: `${millis(own)} ms, the broker ${millis(bare)} ms`,
          outcome: own <= bare + mostMillis ? "met" : "missed"
        }
      }),
      ...ownOf(measured).map((own): Verdict => {
        const times = timesOf(measured, own)
        return {
          budget: `${engine}, ${own.kind}, ${own.inFlight} at once: a publish at most ${mostOfBare} of the client alone by CPU time`,
          measured: `${times.median.toFixed(2)} (${times.low.toFixed(2)}-${times.high.toFixed(2)})`,
          outcome: outcomeOf(times, mostOfBare - times.median)
        }
      })
    ]
  })

export const report = (all: ReadonlyArray<Measured>): string => {
  const rates = table(
    ["broadcasts", "nodes", "deliveries a second", "CPU µs of all nodes", "by CPU time of one node"],
    all.flatMap((measured) =>
      measured.talked.map((talk) => [
        `${measured.engine}, ${talk.discipline}`,
        talk.name,
        figure(quantile(talk.requestsPerSecond, 0.5)),
        quantile(talk.microsPerRequest, 0.5).toFixed(2),
        talk.name === twoNodes ? shareOfOne(measured, talk.discipline).median.toFixed(2) : ""
      ])
    )
  )
  const times = table(
    ["ms until the last member has heard", "median", "99 %", "the broker alone", "99 %"],
    all.flatMap(({ engine, trips }) =>
      kinds.map((kind) => [
        `${engine}, ${kind}`,
        ...[trips[kind].fairlead, trips[kind].bare].flatMap((all) => [
          millis(quantile(all, 0.5)),
          millis(quantile(all, 0.99))
        ])
      ])
    )
  )
  const publishes = table(
    ["CPU µs of a publish and its receipt", "Fairlead", "the client alone", "times"],
    all.flatMap((measured) =>
      ownOf(measured).map((own) => {
        const bare = measured.published.find(
          ({ contender, inFlight, kind }) => contender === "bare" && inFlight === own.inFlight && kind === own.kind
        )!
        return [
          `${measured.engine}, ${own.kind}, ${own.inFlight} at once`,
          quantile(own.micros, 0.5).toFixed(1),
          quantile(bare.micros, 0.5).toFixed(1),
          timesOf(measured, own).median.toFixed(2)
        ]
      })
    )
  )
  return `${rates}\n\n${times}\n\n${publishes}`
}
