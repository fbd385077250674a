/**
 * Stages that run an Effect as multiples of plain Effect code that does the same, and the others in nanoseconds, by processor time.
 *
 * `node --conditions=fairlead:source bench/stages/suspension.ts [FOLDER] [--rounds=N] [--only=TEXT]`. With FOLDER, a checkout of any older version with its dependencies, or a
 * link to these, both versions are measured; rows that the older one lacks are empty. The contenders take turns in one process, so that a busy moment of the machine meets
 * all of them. Every sample goes to `results/suspension.json`, save with `--only`, which measures the rows whose names hold TEXT.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"

import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import * as current from "../../src/server/index.ts"
import { status } from "../Evaluation.ts"
import type { Run } from "../Evaluation.ts"
import { machine } from "../Machine.ts"
import { paired, shuffled, summary } from "../Statistics.ts"
import type { Summary } from "../Statistics.ts"
import { table } from "../Table.ts"
import { repeat } from "./Evaluation.ts"
import type { App } from "./Evaluation.ts"
import { Clerk } from "./NoOp.ts"

type Server = typeof current
type Response = HttpServerResponse.HttpServerResponse

const args = process.argv.slice(2)
const folder = args.find((arg) => !arg.startsWith("--"))
const rounds = Number(args.find((arg) => arg.startsWith("--rounds="))?.slice(9) ?? 60)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds=N takes a whole number of rounds, from 1.")
const only = args.find((arg) => arg.startsWith("--only="))?.slice(7)
const older: Server | undefined =
  folder === undefined ? undefined : await import(pathToFileURL(join(resolve(folder), "src/server/index.ts")).href)

const depth = 20
const response = HttpServerResponse.empty({ status })
const answer: App = Effect.sync(() => response)

type Stages = Readonly<Record<string, (index: number) => Effect.Effect<unknown, never, Clerk>>>

/** The run function of a stage. */
const stages: Stages = {
  "Effect.sync": (index) => Effect.sync(() => void (index + 1)),
  "Effect.flatMap": (index) =>
    Effect.flatMap(
      Effect.sync(() => index),
      () => Effect.void
    ),
  "yields a service": () => Effect.flatMap(Clerk, () => Effect.void)
}

const indexes = Array.from({ length: depth }, (_, index) => index)

const befores = ({ Middleware, Pipeline }: Server, stage: Stages[string]): App =>
  indexes
    .reduce<any>(
      (open, index) => open.before(Middleware.before(`stage-${index}`, Effect.asVoid(stage(index)))),
      Pipeline.make("bench")
    )
    .handle(() => response)

const pass = (app: App): App => Effect.map(app, (given) => given)

const bare = ({ Pipeline }: Server): any => Pipeline.make("bench").handle(() => response)

const outers = (server: Server): App =>
  indexes.reduce<any>(
    (closed, index) => closed.outer(server.Middleware.outer(`outer-${index}`, (app) => pass(app as unknown as App))),
    bare(server)
  )

const arounds = ({ Middleware, Pipeline }: Server): App =>
  (Pipeline.make("bench") as any).handle(
    () => response,
    ...indexes.map((index) => Middleware.around(`around-${index}`, (app: App) => pass(app)))
  )

/** `onExit` was named `ensure`. */
const finalizers = (server: Server, finalizer: () => Effect.Effect<void>): App =>
  indexes.reduce<any>(
    (closed, index) => closed["onExit" in closed ? "onExit" : "ensure"](`exit-${index}`, finalizer),
    bare(server)
  )

const quickBefores = ({ Middleware, Pipeline }: Server, run: (index: number) => any): App =>
  indexes
    .reduce<any>(
      (open, index) => open.before(Middleware.before(`stage-${index}`, () => run(index))),
      Pipeline.make("bench")
    )
    .handle(() => response)

const afters = (server: Server, run: (response: Response) => any): App =>
  indexes.reduce<any>(
    (closed, index) => closed.after(server.Middleware.after(`stage-${index}`, (given) => run(given))),
    bare(server)
  )

const headers = (server: Server): App =>
  indexes.reduce<any>(
    (closed, index) => closed.after(server.Middleware.headers({ [`x-stage-${index}`]: "1" })),
    bare(server)
  )

const sendings = (server: Server, count: number): App =>
  indexes
    .slice(0, count)
    .reduce<any>(
      (closed, index) => closed.sending(server.Middleware.sending(`stage-${index}`, (given) => given)),
      bare(server)
    )

const endeds = (server: Server, count: number): App =>
  indexes
    .slice(0, count)
    .reduce<any>((closed, index) => closed.ended(server.Middleware.ended(`stage-${index}`, () => {})), bare(server))

/** The app as a server runs it, with the state of a request and a scope that closes. */
const served = (app: App): App => {
  let sent = response
  const handled = HttpEffect.toHandled(app, (_, given) => {
    sent = given
    return Effect.void
  })
  return Effect.map(handled, () => sent)
}

const setting = (app: App, index: number): App => Effect.map(app, HttpServerResponse.setHeader(`x-stage-${index}`, "1"))

const nest = (step: (app: App, index: number) => App): App => indexes.reduce<App>(step, answer)

const exitFinalizer = (): Effect.Effect<void> => Exit.void
const syncFinalizer = (): Effect.Effect<void> => Effect.sync(() => {})

/** One kind of stage, 20 of them by default. */
interface Row {
  readonly pipeline: (server: Server) => App
  readonly stages?: number
  /** The pipeline without these stages. Default: one with a handler alone. */
  readonly base?: (server: Server) => App
  /** Plain Effect code that does the same, and the multiple of it that a stage may cost. */
  readonly effect?: App
  readonly most?: number
  /** The nanoseconds that a stage may cost. */
  readonly mostNanos?: number
  readonly probe?: boolean
  readonly served?: boolean
}

const rows: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(
    Object.entries(stages).map(([name, stage]) => [
      `before, ${name}`,
      {
        pipeline: (server: Server) => befores(server, stage),
        effect: nest((app, index) => Effect.flatMap(Effect.asVoid(stage(index)), () => app)),
        most: 1.25
      }
    ])
  ),
  around: { pipeline: arounds, effect: nest(pass), most: 2 },
  outer: { pipeline: outers, effect: nest(pass), most: 2 },
  "onExit, an Exit": {
    pipeline: (server) => finalizers(server, exitFinalizer),
    effect: nest((app) => Effect.onExit(app, exitFinalizer)),
    most: 0.6
  },
  "onExit, Effect.sync": {
    pipeline: (server) => finalizers(server, syncFinalizer),
    effect: nest((app) => Effect.onExit(app, syncFinalizer)),
    most: 0.6
  },
  "before, plain function": { pipeline: (server) => quickBefores(server, (index) => void (index + 1)), mostNanos: 10 },
  "before, an Exit": { pipeline: (server) => quickBefores(server, () => Exit.void), mostNanos: 35 },
  "after, plain function": { pipeline: (server) => afters(server, (given) => given), mostNanos: 10 },
  "after, an Exit": { pipeline: (server) => afters(server, (given) => Exit.succeed(given)), mostNanos: 35 },
  "before, plain function, Probe on": {
    pipeline: (server) => quickBefores(server, (index) => void (index + 1)),
    mostNanos: 100,
    probe: true
  },
  headers: { pipeline: headers, effect: nest(setting), most: 0.7 },
  "after, served": { pipeline: (server) => afters(server, (given) => given), mostNanos: 10, served: true },
  "first sending, served": { pipeline: (server) => sendings(server, 1), stages: 1, served: true },
  "further sending, served": {
    pipeline: (server) => sendings(server, depth),
    base: (server) => sendings(server, 1),
    stages: depth - 1,
    mostNanos: 10,
    served: true
  },
  "first ended, served": { pipeline: (server) => endeds(server, 1), stages: 1, served: true },
  "further ended, served": {
    pipeline: (server) => endeds(server, depth),
    base: (server) => endeds(server, 1),
    stages: depth - 1,
    mostNanos: 10,
    served: true
  }
}

/** Rows in nanoseconds run more often, since some machines count processor time in steps of 4 ms. */
const timesOf = ({ mostNanos }: Row): number => (mostNanos === undefined ? 5000 : 50_000)

/** Processor time: another process on the core does not count. */
const nanos = async (run: Run, times: number): Promise<number> => {
  const start = process.threadCpuUsage()
  await run(times)
  const { system, user } = process.threadCpuUsage(start)
  return ((user + system) * 1000) / times
}

let reports = 0
const probe = { report: () => void reports++ }

const runOf = (app: App, { probe: isWatched = false, served: isServed = false }: Row): Run =>
  repeat(isServed ? served(app) : app, isWatched ? probe : undefined)

interface Contender {
  readonly name: string
  readonly who: "before" | "after" | "effect"
  readonly run: Run
  /** The same without the stages. */
  readonly base: Run
  readonly stages: number
  readonly times: number
  readonly samples: Array<number>
}

const pipelineContender = (name: string, who: Contender["who"], row: Row, server: Server): Contender => {
  const [run, base] = [row.pipeline, row.base ?? bare].map((pipeline) => runOf(pipeline(server), row))
  return { name, who, run: run!, base: base!, stages: row.stages ?? depth, times: timesOf(row), samples: [] }
}

const effectContender = (name: string, effect: App, times: number): Contender => ({
  name,
  who: "effect",
  run: repeat(effect),
  base: repeat(answer),
  stages: depth,
  times,
  samples: []
})

/** The older version, as far as it has the methods that the row uses. */
const olderContender = (name: string, row: Row): ReadonlyArray<Contender> => {
  if (older === undefined) return []
  try {
    const contender = pipelineContender(name, "before", row, older)
    reports = 0
    void contender.run(1)
    if (row.probe === true && reports === 0) throw new TypeError("it does not report to this Probe")
    return [contender]
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`${name}: not in ${folder}: ${error.message}`)
    return []
  }
}

const measured = Object.entries(rows).filter(([name]) => only === undefined || name.includes(only))
const contenders = measured.flatMap(([name, row]) => [
  ...olderContender(name, row),
  pipelineContender(name, "after", row, current),
  ...(row.effect === undefined ? [] : [effectContender(name, row.effect, timesOf(row))])
])
const here = machine()
/** The first rounds are for the engine to optimize. */
const warmRounds = 8
for (let round = -warmRounds; round < rounds; round++) {
  // The contenders of a row stay next to each other, and change their order.
  for (const [row] of shuffled(measured)) {
    for (const { base, run, samples, stages, times } of shuffled(contenders.filter(({ name }) => name === row))) {
      const perStage = ((await nanos(run, times)) - (await nanos(base, times))) / stages
      if (round >= 0) samples.push(Number(perStage.toFixed(2)))
    }
  }
}

const samplesOf = (name: string, who: Contender["who"]): ReadonlyArray<number> | undefined =>
  contenders.find((contender) => contender.name === name && contender.who === who)?.samples

const verdicts = measured.map(([name, { most, mostNanos }]) => {
  const effect = samplesOf(name, "effect")
  const ratio = (who: Contender["who"]) => {
    const samples = samplesOf(name, who)
    return samples === undefined || effect === undefined
      ? undefined
      : summary(paired(samples, effect, (stage, plain) => stage / plain))
  }
  const nanos = (who: Contender["who"]) => {
    const samples = samplesOf(name, who)
    return samples === undefined ? undefined : summary(samples)
  }
  return {
    name,
    most,
    mostNanos,
    before: ratio("before"),
    after: ratio("after"),
    nanosBefore: nanos("before"),
    nanos: nanos("after")
  }
})
if (only === undefined) {
  const samples = contenders.map(({ name, samples, who }) => ({ name, who, samples }))
  const text = JSON.stringify({ machine: here, depth, rounds, verdicts, samples }, (_, value: unknown) =>
    typeof value === "number" ? Number(value.toPrecision(5)) : value
  )
  mkdirSync(join(import.meta.dirname, "../results"), { recursive: true })
  writeFileSync(join(import.meta.dirname, "../results/suspension.json"), `${text}\n`)
}
const shown = (summary: Summary | undefined, digits: number): string =>
  summary === undefined
    ? ""
    : `${summary.median.toFixed(digits)} (${summary.low.toFixed(digits)}-${summary.high.toFixed(digits)})`
const outcome = ({ after, most, mostNanos, nanos }: (typeof verdicts)[number]): string => {
  const [cost, budget] = most === undefined ? [nanos!, mostNanos] : [after!, most]
  if (budget === undefined) return ""
  return Math.abs(budget - cost.median) < cost.margin ? "undecided" : cost.median <= budget ? "met" : "missed"
}
console.log(
  table(
    ["stage", "before", "after", "at most", "ns before", "ns", "at most", "budget"],
    verdicts.map((verdict) => [
      verdict.name,
      shown(verdict.before, 2),
      shown(verdict.after, 2),
      verdict.most === undefined ? "" : String(verdict.most),
      shown(verdict.nanosBefore, 1),
      shown(verdict.nanos, 1),
      verdict.mostNanos === undefined ? "" : String(verdict.mostNanos),
      outcome(verdict)
    ])
  )
)
