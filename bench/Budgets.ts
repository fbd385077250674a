import type { Life } from "./app/run.ts"
import * as ChannelReport from "./channel/Report.ts"
import { echo, fanout } from "./channel/Rounds.ts"
import type { Talked, Weighed } from "./channel/Rounds.ts"
/** What Fairlead may cost, and whether a run kept to it. */
import * as handlers from "./client/Names.ts"
import * as hooks from "./endpoint/Names.ts"
import * as EndpointReport from "./endpoint/Report.ts"
import { manyAtOnce } from "./endpoint/Rounds.ts"
import type { Linked } from "./endpoint/Rounds.ts"
import { prices, samplesOf } from "./Prices.ts"
import type { Price, Sampled } from "./Prices.ts"
import { busy, ratio } from "./Rates.ts"
import type { Rates } from "./Rates.ts"
import { find, ratesOf } from "./server/Report.ts"
import { appNames } from "./server/Rounds.ts"
import type { Name, Served } from "./server/Rounds.ts"
import { paired, summary } from "./Statistics.ts"
import type { Summary } from "./Statistics.ts"
import { table } from "./Table.ts"

export interface Verdict {
  readonly budget: string
  readonly measured: string
  /** Undecided when the median is nearer to the budget than it may be off, or when a server was not what limited the requests. */
  readonly outcome: "met" | "missed" | "undecided"
}

const outcomeOf = ({ margin }: Summary, reserve: number): Verdict["outcome"] =>
  Math.abs(reserve) < margin ? "undecided" : reserve >= 0 ? "met" : "missed"

const plainNanos = 10
const exitNanos = 35
/** Both methods of a client handler. */
const handlerNanos = 100
/** A whole server within 5 % of middleware written by hand. */
const handWritten = 0.95
/** How busy a server must have been for its requests a second to be its own. */
export const atLimit = 0.9

/** What each may cost, by contender. */
const perInterceptor = (
  prices: ReadonlyArray<Price>,
  most: ReadonlyArray<readonly [name: string, nanos: number]>
): ReadonlyArray<Verdict> =>
  most.map(([wanted, most]) => {
    const price = prices.find(({ name }) => name === wanted)
    if (price === undefined) throw new Error(`${wanted} was not measured.`)
    const alone = price.alone === undefined ? "" : `, alone ${price.alone.toFixed(1)}`
    return {
      budget: `${wanted}: at most ${most} ns`,
      measured: `${price.median.toFixed(1)} ns${alone}`,
      outcome: outcomeOf(price, most - price.median)
    }
  })

export const stageBudgets = (prices: ReadonlyArray<Price>): ReadonlyArray<Verdict> =>
  perInterceptor(prices, [
    ["Fairlead before, plain function", plainNanos],
    ["Fairlead after, plain function", plainNanos],
    ["Fairlead before, returns an Exit", exitNanos],
    ["Fairlead after, returns an Exit", exitNanos]
  ])

/** No slower than piped steps, which can neither halt nor follow up, with this many of them and more. */
const fewestHandlers = 5

export const clientBudgets = (sampled: Sampled): ReadonlyArray<Verdict> => [
  ...perInterceptor(prices(sampled), [
    [handlers.own, handlerNanos],
    [handlers.ownExit, handlerNanos]
  ]),
  ...handlers.depths
    .filter((depth) => depth >= fewestHandlers)
    .map((depth): Verdict => {
      const [own, steps] = [handlers.own, handlers.steps].map((name) => samplesOf(sampled, name, depth))
      const times = summary(paired(own!, steps!, (own, steps) => own / steps))
      return {
        budget: `${handlers.own}, ${depth} handlers: at most the time of ${handlers.steps}`,
        measured: `${times.median.toFixed(2)} (${times.low.toFixed(2)}-${times.high.toFixed(2)})`,
        outcome: outcomeOf(times, 1 - times.median)
      }
    })
]

const atLeast = (least: number, budget: string, a: Rates, b: Rates, limit = Math.min(busy(a), busy(b))): Verdict => {
  const { cpu, requests } = ratio(a, b)
  return {
    budget,
    measured: `${requests.median.toFixed(2)} (${requests.low.toFixed(2)}-${requests.high.toFixed(2)}), by CPU time ${cpu.median.toFixed(2)}`,
    outcome: limit < atLimit ? "undecided" : outcomeOf(requests, requests.median - least)
  }
}

const compared = (
  served: ReadonlyArray<Served>,
  stages: number,
  own: Name,
  other: Name,
  least: number,
  title: string = own
): Verdict => {
  const [a, b] = [own, other].map((name) => ratesOf(find(served, name, stages)))
  return atLeast(least, `${title}: at least ${least} of ${other}`, a!, b!)
}

/** An App whose fairings have no hook for requests costs a request nothing. */
export const appBudgets = (served: ReadonlyArray<Served>): ReadonlyArray<Verdict> => {
  const [own, other] = appNames
  return [compared(served, 0, own, other, handWritten, "App without hooks")]
}

/** The grace that the App of the bench has, the default mercy, and the small bound of the specification, in milliseconds. */
const mostMillis = 2000 + 3000 + 500

export const lifeBudgets = (lives: ReadonlyArray<Life>): ReadonlyArray<Verdict> =>
  lives
    .filter(({ contender, name }) => contender === "Fairlead App" && name.startsWith("stop"))
    .map(({ millis, name }) => {
      const most = Math.max(...millis)
      return {
        budget: `App, ${name}: at most ${mostMillis} ms`,
        measured: `${Math.round(most)} ms at most`,
        outcome: most <= mostMillis ? "met" : "missed"
      }
    })

export const serverBudgets = (served: ReadonlyArray<Served>, stages: number): ReadonlyArray<Verdict> =>
  (["Fairlead in front of Effect's router", "Fairlead, whole app"] as const).flatMap((own) => [
    compared(served, stages, own, "Effect's router, middleware by hand", handWritten),
    ...(["Koa", "Hono", "Express"] as const).map((other) => compared(served, stages, own, other, 1))
  ])

const [leastFanout, leastEcho, mostKilobytes] = [0.95, 0.85, 14]

/** On one core beside `ws` with a frame made once, and ahead of socket.io. */
export const channelBudgets = (
  talked: ReadonlyArray<Talked>,
  weighed: ReadonlyArray<Weighed>
): ReadonlyArray<Verdict> => {
  const beside = (discipline: string, own: string, other: string, least: number): Verdict => {
    const [a, b] = [own, other].map((name) => ChannelReport.find(talked, discipline, name))
    return atLeast(least, `${discipline}, ${own}: at least ${least} of ${other}`, a!, b!)
  }
  const heap = summary(weighed.find(({ name }) => name === "Fairlead")!.heap)
  return [
    ...[false, true].flatMap((outside) => [
      beside(fanout(1000, outside), "Fairlead", "ws", leastFanout),
      beside(fanout(1000, outside), "Fairlead", "socket.io", 1)
    ]),
    ...["Fairlead, Schema", "Fairlead, any payload", "Fairlead, Effect.gen"].flatMap((own) => [
      beside(echo(1), own, "ws", leastEcho),
      beside(echo(1), own, "socket.io", 1)
    ]),
    {
      budget: `idle joined connection: at most ${mostKilobytes} kB of heap`,
      measured: `${(heap.median / 1000).toFixed(1)} kB`,
      outcome: outcomeOf(heap, mostKilobytes * 1000 - heap.median)
    }
  ]
}

const [hookNanos, leastOfBinding] = [2000, 0.91]

/** A hook at two points of a connect, and iroh beside its binding where many are under way. */
export const endpointBudgets = (sampled: Sampled, linked: ReadonlyArray<Linked>): ReadonlyArray<Verdict> => [
  ...perInterceptor(
    prices(sampled),
    hooks.names.map((name) => [name, hookNanos])
  ),
  ...linked
    .filter((one) => one.name === "Fairlead over iroh" && manyAtOnce(one))
    .map((own) => {
      const raw = EndpointReport.find(linked, own.discipline, "raw binding")
      const limit = Math.min(...[own, raw].map(EndpointReport.busy))
      return atLeast(
        leastOfBinding,
        `${own.discipline}: at least ${leastOfBinding} of the raw binding`,
        own,
        raw,
        limit
      )
    })
]

export const report = (verdicts: ReadonlyArray<Verdict>): string =>
  table(
    ["budget", "measured", "outcome"],
    verdicts.map(({ budget, measured, outcome }) => [budget, measured, outcome])
  )
