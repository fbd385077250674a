import type { Life } from "./app/run.ts"
import type { Stop } from "./app/Stops.ts"
import { rooms } from "./channel/Contender.ts"
import * as ChannelReport from "./channel/Report.ts"
import { echo, fanout, joinAndLeave } from "./channel/Rounds.ts"
import type { Talked, Weighed } from "./channel/Rounds.ts"
/** The budgets of Fairlead, and whether a run kept to them. */
import * as EverydayReport from "./client/everyday/Report.ts"
import type { Called } from "./client/everyday/Rounds.ts"
import * as handlers from "./client/Names.ts"
import type { HookCost } from "./endpoint/hookCosts.ts"
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

export const outcomeOf = ({ margin }: Summary, reserve: number): Verdict["outcome"] =>
  Math.abs(reserve) < margin ? "undecided" : reserve >= 0 ? "met" : "missed"

const plainNanos = 10
const exitNanos = 35
/** Both methods of a client handler. */
const handlerNanos = 100
/** A whole server within 5 % of middleware written by hand. */
const handWritten = 0.95
/** How busy a server must have been for its requests a second to be its own. */
export const atLimit = 0.9

/** The budgets of interceptors, by contender. */
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

/** The budgets of everyday chains: multiples of a bare client, and CPU time beyond it. */
export const everydayBudgets = (called: ReadonlyArray<Called>): ReadonlyArray<Verdict> => [
  ...(
    [
      ["three handlers", 2],
      ["recommended chain", 7.5],
      ["recommended chain without dedupe", 5]
    ] as const
  ).map(([name, most]): Verdict => {
    const times = EverydayReport.times(called, name)
    return {
      budget: `${name}: at most ${most} times a bare client`,
      measured: `${times.median.toFixed(2)} (${times.low.toFixed(2)}-${times.high.toFixed(2)})`,
      outcome: outcomeOf(times, most - times.median)
    }
  }),
  ...(
    [
      ["dedupe", 30],
      ["tracing", 30],
      ["metrics", 20],
      ["log", 20],
      ["timeouts", 20],
      ["circuitBreaker", 20],
      ["bodyLimit", 20]
    ] as const
  ).map(([name, most]): Verdict => {
    const added = EverydayReport.added(called, name)
    return {
      budget: `${name} alone: at most ${most} µs`,
      measured: `${added.median.toFixed(1)} µs (${added.low.toFixed(1)}-${added.high.toFixed(1)})`,
      outcome: outcomeOf(added, most - added.median)
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

/** No answer is lost that could have been whole; without a readiness delay a client may ask on a connection that closes just then. */
export const stopBudgets = (stops: ReadonlyArray<Stop>): ReadonlyArray<Verdict> =>
  stops
    .filter(({ contender }) => contender === "Fairlead App, readinessDelay 500 ms")
    .map(({ asked, name, whole }) => {
      const lost = asked.reduce((sum, count, round) => sum + count - whole[round]!, 0)
      return {
        budget: `App, stop, ${name}: no answer lost`,
        measured: `${lost} lost`,
        outcome: lost === 0 ? "met" : "missed"
      }
    })

/** An application without stages, and with ten that set a header: by CPU time against Effect's router. */
const [leastBare, leastHeaders] = [1.1, 1.15]

/** The application and the router that it is compared with. */
export const headerNames = ["Fairlead NodeApp, header stages", "Effect's router, middleware by hand"] as const

const byCpu = (served: ReadonlyArray<Served>, stages: number, least: number): Verdict => {
  const [own, router] = headerNames.map((name) => ratesOf(find(served, name, stages)))
  const { cpu } = ratio(own!, router!)
  return {
    budget: `Fairlead NodeApp, ${stages} header stages: at least ${least} of Effect's router by CPU time`,
    measured: `${cpu.median.toFixed(2)} (${cpu.low.toFixed(2)}-${cpu.high.toFixed(2)})`,
    outcome: outcomeOf(cpu, cpu.median - least)
  }
}

export const headerBudgets = (served: ReadonlyArray<Served>, stages: number): ReadonlyArray<Verdict> => [
  ...(served.some((server) => server.stages === 0) ? [byCpu(served, 0, leastBare)] : []),
  byCpu(served, stages, leastHeaders)
]

export const serverBudgets = (served: ReadonlyArray<Served>, stages: number): ReadonlyArray<Verdict> => [
  ...(["Fairlead in front of Effect's router", "Fairlead, whole app"] as const).flatMap((own) => [
    compared(served, stages, own, "Effect's router, middleware by hand", handWritten),
    ...(["Koa", "Hono", "Express"] as const).map((other) => compared(served, stages, own, other, 1))
  ]),
  ...headerBudgets(served, stages)
]

/** By members: with four broadcasts on their way, and with one. */
const leastFanout: Readonly<Record<number, readonly [fourAtOnce: number, alone: number]>> = {
  100: [1.6, 0.8],
  1000: [2, 0.9],
  5000: [2, 0.9]
}
/** What is left of the rate where members follow positions, by members. */
const lessWithPositions: Readonly<Record<number, number>> = { 100: 0.88, 1000: 0.97 }
/** Of ws, over Effect's own sockets. */
const leastOfDefault = 0.5

/** On one core against `ws` with a frame made once, and against socket.io. */
export const channelBudgets = (
  talked: ReadonlyArray<Talked>,
  weighed: ReadonlyArray<Weighed>
): ReadonlyArray<Verdict> => {
  const beside = (discipline: string, own: string, other: string, least: number): Verdict => {
    const [a, b] = [own, other].map((name) => ChannelReport.find(talked, discipline, name))
    return atLeast(least, `${discipline}, ${own}: at least ${least} of ${other}`, a!, b!)
  }
  const measured = rooms.filter((members) => talked.some(({ discipline }) => discipline === fanout(members, false)))
  const fanouts = measured.flatMap((members) => {
    const [fourAtOnce, alone] = leastFanout[members]!
    const most = lessWithPositions[members]
    return [
      beside(fanout(members, false), "Fairlead", "ws", fourAtOnce),
      beside(fanout(members, false, 1), "Fairlead", "ws", alone),
      beside(fanout(members, false), "Fairlead", "socket.io", 1),
      ...(most === undefined ? [] : [beside(fanout(members, false), "Fairlead, positions", "Fairlead", most)])
    ]
  })
  const [own, bare] = ["Fairlead", "ws"].map((name) => weighed.find((one) => one.name === name)!)
  const atMost = (what: string, values: ReadonlyArray<number>, most: number, unit: string): Verdict => {
    const found = summary(values)
    return {
      budget: `idle joined connection: at most ${most} ${unit} ${what}`,
      measured: `${found.median.toFixed(1)} ${unit}`,
      outcome: outcomeOf(found, most - found.median)
    }
  }
  const kilobytes = (bytes: ReadonlyArray<number>) => bytes.map((count) => count / 1000)
  return [
    ...fanouts,
    beside(echo(1), "Fairlead, Schema", "ws", 1),
    beside(echo(8), "Fairlead, Schema", "ws", 1.4),
    beside(echo(1), "Fairlead, Effect.gen", "ws", 0.95),
    ...["Fairlead, Schema", "Fairlead, any payload", "Fairlead, Effect.gen"].map((own) =>
      beside(echo(1), own, "socket.io", 1)
    ),
    beside(joinAndLeave, "Fairlead", "ws", 1),
    ...[echo(1), fanout(1000, false), joinAndLeave].map((discipline) =>
      beside(discipline, "Fairlead, default upgrade", "ws", leastOfDefault)
    ),
    atMost(
      "the CPU time of ws to connect and join",
      paired(own!.micros, bare!.micros, (own, bare) => own / bare),
      1.6,
      "times"
    ),
    atMost("of heap", kilobytes(own!.heap), 8.2, "kB"),
    atMost("of resident memory", kilobytes(own!.rss), 15.5, "kB")
  ]
}

const hookNanos = 2000

/** The least rate of a discipline over iroh, as a share of the raw binding's. */
const leastOfBinding = (discipline: string): number => {
  if (discipline.startsWith("connect")) return 0.9
  return discipline.startsWith("new stream") ? 0.95 : 0.91
}

/** A hook at two points of a connect, and iroh against its binding where many are under way. */
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
      const least = leastOfBinding(own.discipline)
      return atLeast(least, `${own.discipline}: at least ${least} of the raw binding`, own, raw, limit)
    })
]

/** The budgets of a hook's CPU time at one point, in a chain of ten. */
export const hookCostBudgets = (costs: ReadonlyArray<HookCost>): ReadonlyArray<Verdict> =>
  (
    [
      [hooks.kinds.synchronous, 0.5],
      [hooks.kinds.suspending, 1.5]
    ] as const
  ).map(([wanted, most]): Verdict => {
    const cost = costs.find(({ kind }) => kind === wanted)
    if (cost === undefined) throw new Error(`A ${wanted} hook was not measured.`)
    const micros = summary(cost.micros)
    return {
      budget: `a ${wanted} hook: at most ${most} µs of CPU`,
      measured: `${micros.median.toFixed(2)} µs (${micros.low.toFixed(2)}-${micros.high.toFixed(2)})`,
      outcome: outcomeOf(micros, most - micros.median)
    }
  })

export const report = (verdicts: ReadonlyArray<Verdict>): string =>
  table(
    ["budget", "measured", "outcome"],
    verdicts.map(({ budget, measured, outcome }) => [budget, measured, outcome])
  )
