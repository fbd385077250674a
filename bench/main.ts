/**
 * The whole bench: `npm run bench`, with `-- --quick` for a smoke run, `-- stages`, `-- server`, `-- app`, `-- stops`, `-- client`, `-- everyday`, `-- channel`,
 * `-- nodes`, `-- endpoint` or `-- middleware` for a part; with `--before=PATH`, `everyday`, the hooks of `endpoint` and `middleware` in process measure the checkout of an older version too.
 *
 * Prints its tables, and writes every sample to `results`.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"

import * as AppReport from "./app/Report.ts"
import type { Life, Options as LifeOptions } from "./app/run.ts"
import type { Stop } from "./app/Stops.ts"
import * as Budgets from "./Budgets.ts"
import * as NodesReport from "./channel/nodes/Report.ts"
import * as Nodes from "./channel/nodes/Rounds.ts"
import * as ChannelReport from "./channel/Report.ts"
import * as Talk from "./channel/Rounds.ts"
import * as EverydayReport from "./client/everyday/Report.ts"
import * as Everyday from "./client/everyday/Rounds.ts"
import * as LoopbackReport from "./client/loopback/Report.ts"
import * as Loopback from "./client/loopback/Rounds.ts"
import * as handlers from "./client/Names.ts"
import type { HookCost, HookCostOptions } from "./endpoint/hookCosts.ts"
import * as hooks from "./endpoint/Names.ts"
import * as EndpointReport from "./endpoint/Report.ts"
import * as Links from "./endpoint/Rounds.ts"
import { machine } from "./Machine.ts"
import type { Machine } from "./Machine.ts"
import * as MiddlewareReport from "./middleware/Report.ts"
import * as MiddlewareRounds from "./middleware/Rounds.ts"
import { rowNames } from "./middleware/Rows.ts"
import * as Prices from "./Prices.ts"
import { end, reply, start } from "./Process.ts"
import * as Rates from "./Rates.ts"
import type { Cell, Options } from "./Sampling.ts"
import * as ServerReport from "./server/Report.ts"
import * as Rounds from "./server/Rounds.ts"

const args = new Set(process.argv.slice(2))
const quick = args.delete("--quick")
/** The checkout of an older version, for the parts "everyday", "endpoint" and "middleware". */
const before = [...args].find((arg) => arg.startsWith("--before="))
if (before !== undefined) args.delete(before)
const allParts = new Set([
  "stages",
  "server",
  "app",
  "stops",
  "client",
  "everyday",
  "channel",
  "nodes",
  "endpoint",
  "middleware"
])
const parts = args.size === 0 ? allParts : args
for (const part of parts) {
  if (!allParts.has(part))
    throw new Error(`There is no part "${part}": give ${[...allParts].join(", ")}, or none for all.`)
}

/** The engine optimizes each process a little differently, so that one process alone would not do. */
const processes = quick ? 1 : 3
const sampleOptions: Options = quick
  ? { rounds: 10, sampleMillis: 0.3, warmMillis: 5 }
  : { rounds: 70, sampleMillis: 0.7, warmMillis: 40 }
const aloneOptions: Options = quick
  ? { ...sampleOptions, rounds: 20 }
  : { rounds: 150, sampleMillis: 1, warmMillis: 150 }
const aloneStages = [
  "Fairlead before, plain function",
  "Fairlead before, returns an Exit",
  "Fairlead before, Effect.flatMap",
  "Fairlead after, plain function",
  "Fairlead after, returns an Exit",
  "nested Effect.flatMap",
  "koa-compose, await next()"
]
const stageLayout: Prices.Layout = {
  interceptor: "stage",
  peer: "koa-compose, await next()",
  against: "against koa",
  depths: [0, 1, 5, 20]
}
const aloneHandlers = [handlers.own, handlers.ownExit, handlers.steps]
const clientLayout: Prices.Layout = {
  interceptor: "handler",
  peer: handlers.steps,
  against: "against steps",
  depths: handlers.depths
}
const hookLayout: Prices.Layout = {
  interceptor: "hook",
  peer: hooks.plain,
  against: "against plain",
  depths: hooks.depths
}
const stages = 10
const serverOptions: Rounds.Options = quick
  ? { names: Rounds.names, rounds: 2, seconds: 0.15, warmSeconds: 0.2, connections: 50, depths: [stages] }
  : { names: Rounds.names, rounds: 32, seconds: 0.25, warmSeconds: 1, connections: 50, depths: [0, stages] }
const fairings = 5
const appOptions: Rounds.Options = {
  ...serverOptions,
  names: Rounds.appNames,
  rounds: quick ? 2 : 16,
  depths: [0, fairings]
}
const loopbackOptions: Loopback.Options = quick
  ? { rounds: 2, seconds: 0.15, warmSeconds: 0.2, concurrencies: [1, 32] }
  : { rounds: 32, seconds: 0.25, warmSeconds: 1, concurrencies: [1, 32] }
const everydayOptions: Everyday.Options = quick
  ? { rounds: 3, calls: 100, warmCalls: 200 }
  : { rounds: 20, calls: 400, warmCalls: 3000 }
const channelOptions: Talk.Options = quick
  ? {
      rounds: 2,
      seconds: 0.15,
      warmSeconds: 0.2,
      askers: 50,
      members: [100, 1000],
      memory: { rounds: 1, first: 200, more: 500 }
    }
  : {
      rounds: 16,
      seconds: 0.25,
      warmSeconds: 1,
      askers: 50,
      members: [100, 1000, 5000],
      memory: { rounds: 3, first: 500, more: 4000 }
    }
const nodesOptions: Nodes.Options = quick
  ? {
      rounds: 2,
      seconds: 0.15,
      warmSeconds: 0.2,
      members: 200,
      trips: { count: 50, members: 20, pauseMillis: 1 },
      publishes: 500
    }
  : {
      rounds: 10,
      seconds: 0.25,
      warmSeconds: 0.5,
      members: 1000,
      trips: { count: 3000, members: 20, pauseMillis: 3 },
      publishes: 4000
    }
const endpointOptions: Links.Options = quick
  ? { rounds: 2, seconds: 0.15, warmSeconds: 0.2 }
  : { rounds: 24, seconds: 0.25, warmSeconds: 2 }
const hookCostOptions: HookCostOptions = quick ? { rounds: 5, dials: 100 } : { rounds: 40, dials: 500 }
const priceOptions: MiddlewareRounds.InProcessOptions = quick
  ? { rounds: 3, requests: 50, warmUps: 100 }
  : { rounds: 40, requests: 300, warmUps: 4000 }
const loadedOptions: MiddlewareRounds.ServerOptions = {
  connections: 50,
  rows: rowNames,
  ...(quick ? { rounds: 1, requests: 200, warmUps: 200 } : { rounds: 12, requests: 2000, warmUps: 5000 })
}
const lifeOptions: LifeOptions = quick ? { rounds: 3, slowRounds: 1 } : { rounds: 25, slowRounds: 2 }

const stopRounds = quick ? 1 : 10

const progress = (line: string): void => void process.stderr.write(`${line}\n`)

/** Numbers need no more than four digits, and each array of samples one line. */
const save = (part: string, results: object): void => {
  const folder = new URL("results/", import.meta.url)
  mkdirSync(folder, { recursive: true })
  const text = JSON.stringify(
    results,
    (_, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value),
    1
  )
  const file = new URL(`${quick ? "quick-" : ""}${part}.json`, folder)
  writeFileSync(
    file,
    `${text.replace(/\[\s+(-?[\d.][^[\]]*)\]/g, (_, list: string) => `[${list.trim().replace(/\s+/g, "")}]`)}\n`
  )
  progress(`written: ${file.pathname.split("/").slice(-3).join("/")}`)
}

type SampledPart = "stages" | "client" | "channel" | "endpoint"

const measureOnce = async (part: SampledPart, options: Options): Promise<ReadonlyArray<Cell>> => {
  const child = start(new URL(`${part}/run.ts`, import.meta.url), [JSON.stringify(options)], 1)
  const cells = await reply<ReadonlyArray<Cell>>(child)
  await end(child)
  return cells
}

/** The cells of several processes as one: the rounds of the first, then those of the next. */
const measureOften = async (part: SampledPart, options: Options): Promise<ReadonlyArray<Cell>> => {
  const cells = await measureOnce(part, options)
  for (let process = 1; process < processes; process++) {
    const more = await measureOnce(part, options)
    for (const [index, cell] of cells.entries()) cell.samples.push(...more[index]!.samples)
  }
  return cells
}

/** All contenders of a part together, then some of them alone. */
const measurePart = async (part: SampledPart, aloneNames: ReadonlyArray<string>): Promise<Prices.Sampled> => {
  progress(`${part}: all contenders together, ${processes} × ${sampleOptions.rounds} rounds`)
  const mixed = await measureOften(part, sampleOptions)
  const alone: Array<Cell> = []
  for (const only of aloneNames) {
    progress(`${part}: ${only}, alone`)
    alone.push(...(await measureOften(part, { ...aloneOptions, only })))
  }
  return { mixed, alone }
}

const runStages = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const sampled = await measurePart("stages", aloneStages)
  const verdicts = Budgets.stageBudgets(Prices.prices(sampled))
  save("stages", { machine, loadAfter: loadavg()[0], processes, sampleOptions, aloneOptions, verdicts, ...sampled })
  console.log(`\n${Prices.report(sampled, stageLayout)}\n`)
  return verdicts
}

/** A process that did not use its core was held up by others. */
const warnUnlessBusy = (what: string, busy: ReadonlyArray<number>): void => {
  const least = Math.min(...busy)
  if (least >= Budgets.atLimit) return
  console.log(
    `Noisy: a ${what} had its core for only ${Math.round(100 * least)} % of the time. Others were at work; trust the CPU time.\n`
  )
}

const runServers = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const served = await Rounds.measure(serverOptions, (round) =>
    progress(`servers: round ${round} of ${serverOptions.rounds}`)
  )
  const verdicts = Budgets.serverBudgets(served, stages)
  save("server", { machine, loadAfter: loadavg()[0], serverOptions, verdicts, served })
  console.log(`\n${ServerReport.report(served)}\n`)
  warnUnlessBusy("server", served.filter((server) => server.stages === stages).map(ServerReport.busy))
  return verdicts
}

const runApp = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const served = await Rounds.measure(appOptions, (round) => progress(`app: round ${round} of ${appOptions.rounds}`))
  progress("app: starting and stopping")
  const child = start(new URL("app/run.ts", import.meta.url), [JSON.stringify(lifeOptions)], 1)
  const lives = await reply<ReadonlyArray<Life>>(child)
  await end(child)
  const verdicts = [...Budgets.appBudgets(served), ...Budgets.lifeBudgets(lives)]
  save("app", { machine, loadAfter: loadavg()[0], appOptions, lifeOptions, verdicts, served, lives })
  console.log(`\n${ServerReport.report(served)}\n\n${AppReport.report(lives)}\n`)
  return verdicts
}

const runStops = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  progress(`stops: under load, ${stopRounds} rounds`)
  const child = start(new URL("app/stop.ts", import.meta.url), [String(stopRounds)], 1)
  const stops = await reply<ReadonlyArray<Stop>>(child)
  await end(child)
  const verdicts = Budgets.stopBudgets(stops)
  save("stops", { machine, loadAfter: loadavg()[0], stopRounds, verdicts, stops })
  console.log(`\n${AppReport.stopReport(stops)}\n`)
  return verdicts
}

const runClient = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const sampled = await measurePart("client", aloneHandlers)
  const asked = await Loopback.measure(loopbackOptions, (round) =>
    progress(`clients: round ${round} of ${loopbackOptions.rounds}`)
  )
  const verdicts = Budgets.clientBudgets(sampled)
  save("client", {
    machine,
    loadAfter: loadavg()[0],
    processes,
    sampleOptions,
    aloneOptions,
    loopbackOptions,
    verdicts,
    ...sampled,
    asked
  })
  console.log(`\n${Prices.report(sampled, clientLayout)}\n\n${LoopbackReport.report(asked)}\n`)
  const most = Math.max(...loopbackOptions.concurrencies)
  warnUnlessBusy("client", asked.filter(({ concurrency }) => concurrency === most).map(Rates.busy))
  return verdicts
}

const runEveryday = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const script = "client/everyday/serve.ts"
  const older = before === undefined ? [] : [["before", new URL(`file://${before.slice(9)}/bench/${script}`)] as const]
  const versions = Object.fromEntries([...older, ["now", new URL(script, import.meta.url)] as const])
  const called = await Everyday.measure(versions, everydayOptions, (round) =>
    progress(`everyday chains: round ${round} of ${everydayOptions.rounds}`)
  )
  const verdicts = Budgets.everydayBudgets(called)
  save("everyday", { machine, loadAfter: loadavg()[0], everydayOptions, verdicts, called })
  console.log(`\n${EverydayReport.report(called)}\n`)
  return verdicts
}

const runChannel = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  progress(`channel: in process, ${processes} × ${sampleOptions.rounds} rounds`)
  const cells = await measureOften("channel", sampleOptions)
  const talked = await Talk.measure(channelOptions, progress)
  const weighed = await Talk.weigh(channelOptions, progress)
  const verdicts = Budgets.channelBudgets(talked, weighed)
  const load = { loadAfter: loadavg()[0], processes, sampleOptions, channelOptions }
  save("channel", { machine, ...load, verdicts, cells, talked, weighed })
  console.log(`\n${Prices.singles(cells)}\n\n${ChannelReport.report(talked, weighed)}\n`)
  warnUnlessBusy("server", talked.map(Rates.busy))
  return verdicts
}

const runNodes = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const measured = await Nodes.measure(nodesOptions, progress)
  const verdicts = NodesReport.nodesBudgets(measured)
  save("nodes", { machine, loadAfter: loadavg()[0], nodesOptions, verdicts, measured })
  console.log(`\n${NodesReport.report(measured)}\n`)
  return verdicts
}

/** The CPU time of hooks, of this version and of an older one. */
const measureHookCosts = async (): Promise<Readonly<Record<string, ReadonlyArray<HookCost>>>> => {
  const roots = { ...(before !== undefined && { before: [before.slice(9)] }), now: [] }
  const versions: Record<string, ReadonlyArray<HookCost>> = {}
  for (const [version, root] of Object.entries(roots)) {
    progress(`endpoint: the CPU time of hooks, ${version}`)
    const child = start(
      new URL("endpoint/hookCosts.ts", import.meta.url),
      [JSON.stringify(hookCostOptions), ...root],
      1
    )
    versions[version] = await reply<ReadonlyArray<HookCost>>(child)
    await end(child)
  }
  return versions
}

const runEndpoint = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const sampled = await measurePart("endpoint", [hooks.plain])
  const costs = await measureHookCosts()
  const linked = await Links.measure(endpointOptions, (round) =>
    progress(`endpoints: round ${round} of ${endpointOptions.rounds}`)
  )
  const verdicts = [...Budgets.hookCostBudgets(costs["now"]!), ...Budgets.endpointBudgets(sampled, linked)]
  const load = { loadAfter: loadavg()[0], processes, sampleOptions, aloneOptions, hookCostOptions, endpointOptions }
  save("endpoint", { machine, ...load, verdicts, ...sampled, costs, linked })
  const tables = [Prices.report(sampled, hookLayout), EndpointReport.costReport(costs), EndpointReport.report(linked)]
  console.log(`\n${tables.join("\n\n")}\n`)
  warnUnlessBusy("dialer or an acceptor", linked.filter(Links.manyAtOnce).map(EndpointReport.busy))
  return verdicts
}

const runMiddleware = async (machine: Machine): Promise<ReadonlyArray<Budgets.Verdict>> => {
  const inProcess = await MiddlewareRounds.measureInProcess(priceOptions, before?.slice(9), (round) =>
    progress(`middleware in process: round ${round} of ${priceOptions.rounds}`)
  )
  console.log(`\nIn process:\n${MiddlewareReport.report(inProcess)}\n`)
  const overLoopback = await MiddlewareRounds.measureServers(loadedOptions, (row) =>
    progress(`middleware over loopback: ${row}`)
  )
  save("middleware", { machine, loadAfter: loadavg()[0], priceOptions, loadedOptions, inProcess, overLoopback })
  console.log(`\nOver loopback:\n${MiddlewareReport.report(overLoopback)}\n`)
  return []
}

const here = machine()
if (here.loadBefore > 0.5)
  console.log(`Noisy: the machine was at a load of ${here.loadBefore.toFixed(1)} before the run.`)
const verdicts = [
  ...(parts.has("stages") ? await runStages(here) : []),
  ...(parts.has("server") ? await runServers(here) : []),
  ...(parts.has("app") ? await runApp(here) : []),
  ...(parts.has("stops") ? await runStops(here) : []),
  ...(parts.has("client") ? await runClient(here) : []),
  ...(parts.has("everyday") ? await runEveryday(here) : []),
  ...(parts.has("channel") ? await runChannel(here) : []),
  ...(parts.has("nodes") ? await runNodes(here) : []),
  ...(parts.has("endpoint") ? await runEndpoint(here) : []),
  ...(parts.has("middleware") ? await runMiddleware(here) : [])
]
if (verdicts.length > 0) console.log(Budgets.report(verdicts))
if (quick) console.log("\nA smoke run: the processes were cold and the rounds few: do not use these figures.")
console.log(
  `\nNode ${here.node}, ${here.cores} × ${here.cpu}${here.pinned ? ", client and server on a core each" : ""}`
)
console.log(
  Object.entries(here.packages)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")
)
