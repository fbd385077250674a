/**
 * Stages before and after a change of the interpreter: those that run an Effect as multiples of plain Effect code that does the same, the others in nanoseconds.
 *
 * `node bench/stages/suspension.ts FOLDER` compares the sources in FOLDER, another checkout, with these. The rounds are interleaved in one process, so that
 * a busy moment of the machine meets all contenders. Every sample goes to `results/suspension.json`.
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
import { paired, summary } from "../Statistics.ts"
import { table } from "../Table.ts"
import { repeat } from "./Evaluation.ts"
import type { App } from "./Evaluation.ts"
import { Clerk } from "./NoOp.ts"

type Server = typeof current
type Response = HttpServerResponse.HttpServerResponse

const folder = process.argv[2]
if (folder === undefined)
  throw new Error("Name the folder of the other checkout: node bench/stages/suspension.ts FOLDER")
const other: Server = await import(pathToFileURL(join(resolve(folder), "src/server/index.ts")).href)

const depth = 20
const rounds = 20
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

const finalizers = (server: Server, finalizer: () => Effect.Effect<void>): App =>
  indexes.reduce<any>((closed, index) => closed.onExit(`exit-${index}`, finalizer), bare(server))

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

const sendings = (server: Server): App =>
  indexes.reduce<any>(
    (closed, index) => closed.sending(server.Middleware.sending(`stage-${index}`, (given) => given)),
    bare(server)
  )

const endeds = (server: Server): App =>
  indexes.reduce<any>(
    (closed, index) => closed.ended(server.Middleware.ended(`stage-${index}`, () => {})),
    bare(server)
  )

/** The app as a server runs it, with the state of a request and a scope that closes. */
const served = (app: App): App =>
  Effect.suspend(() => {
    let sent = response
    const handled = HttpEffect.toHandled(app, (_, given) => {
      sent = given
      return Effect.void
    })
    return Effect.map(handled, () => sent)
  })

const setting = (app: App, index: number): App => Effect.map(app, HttpServerResponse.setHeader(`x-stage-${index}`, "1"))

const nest = (step: (app: App, index: number) => App): App => indexes.reduce<App>(step, answer)

const exitFinalizer = (): Effect.Effect<void> => Exit.void
const syncFinalizer = (): Effect.Effect<void> => Effect.sync(() => {})

/** One kind of stage, 20 of them. */
interface Row {
  readonly pipeline: (server: Server) => App
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
  headers: { pipeline: headers, effect: nest(setting), most: 0.5 },
  "after, served": { pipeline: (server) => afters(server, (given) => given), mostNanos: 10, served: true },
  "sending, served": { pipeline: sendings, mostNanos: 10, served: true },
  "ended, served": { pipeline: endeds, mostNanos: 10, served: true }
}

const times = 20_000

/** Processor time: another process on the core does not count. */
const nanos = async (run: Run): Promise<number> => {
  const start = process.threadCpuUsage()
  await run(times)
  const { system, user } = process.threadCpuUsage(start)
  return ((user + system) * 1000) / times
}

const runOf = (app: App, { probe = false, served: isServed = false }: Row): Run =>
  repeat(isServed ? served(app) : app, probe ? { report: () => {} } : undefined)

const contenders = Object.entries(rows).flatMap(([name, row]) => [
  { name, who: "before", run: runOf(row.pipeline(other), row), base: runOf(bare(other), row) },
  { name, who: "after", run: runOf(row.pipeline(current), row), base: runOf(bare(current), row) },
  ...(row.effect === undefined ? [] : [{ name, who: "effect", run: repeat(row.effect), base: repeat(answer) }])
])
const samples = contenders.map(() => [] as Array<number>)
for (let round = -1; round < rounds; round++) {
  for (const [index, { base, run }] of contenders.entries()) {
    const perStage = ((await nanos(run)) - (await nanos(base))) / depth
    if (round >= 0) samples[index]!.push(Number(perStage.toFixed(2)))
  }
}

const of = (name: string, who: string): ReadonlyArray<number> =>
  samples[contenders.findIndex((contender) => contender.name === name && contender.who === who)]!

const verdicts = Object.entries(rows).map(([name, { effect, most, mostNanos }]) => {
  const ratio = (who: string) =>
    effect === undefined ? undefined : summary(paired(of(name, who), of(name, "effect"), (a, b) => a / b)).median
  const nanos = (who: string) => summary(of(name, who)).median
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
mkdirSync(join(import.meta.dirname, "../results"), { recursive: true })
writeFileSync(
  join(import.meta.dirname, "../results/suspension.json"),
  `${JSON.stringify({ machine: machine(), depth, rounds, verdicts, samples: contenders.map(({ name, who }, at) => ({ name, who, samples: samples[at] })) })}\n`
)
const shown = (ratio: number | undefined): string => (ratio === undefined ? "" : ratio.toFixed(2))
console.log(
  table(
    ["stage", "before", "after", "at most", "ns before", "ns", "at most"],
    verdicts.map(({ after, before, most, mostNanos, name, nanos, nanosBefore }) => [
      name,
      shown(before),
      shown(after),
      most === undefined ? "" : String(most),
      nanosBefore.toFixed(1),
      nanos.toFixed(1),
      mostNanos === undefined ? "" : String(mostNanos)
    ])
  )
)
