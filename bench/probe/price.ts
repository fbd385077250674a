/**
 * The price of the Probe's consumers: CPU of a server process for each request through eleven no-op stages, as ratios to the Probe off. Run it by
 * `node --conditions=fairlead:source bench/probe/price.ts [FOLDER]`; with the folder of another checkout that one is measured in the same run, as `before`, and every
 * sample goes to `results/probe.json`.
 *
 * Every consumer has a separate server process. They are asked in turn, round after round, and the median of the rounds' ratios is shown.
 */
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join, resolve } from "node:path"

import { machine } from "../Machine.ts"
import { paired, shuffled, summary } from "../Statistics.ts"
import { table } from "../Table.ts"

/** The consumers, with the most that each may cost. */
const budgets = { off: 1, ring: 1.3, metrics: 1.5, spans: 2 }
const [rounds, requests, connections] = [20, 2000, 8]

const agent = new Agent({ keepAlive: true, maxSockets: connections })

const get = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, path: "/", agent }, (response) => {
      response.resume()
      response.on("end", resolve)
    })
    sent.on("error", reject)
    sent.end()
  })

const ask = async (server: ChildProcess): Promise<number> => {
  server.send("cpu")
  const [micros] = await once(server, "message")
  return micros as number
}

const before = process.argv[2]
const checkouts = [
  ...(before === undefined ? [] : [{ who: "before", folder: resolve(before) }]),
  { who: "after", folder: join(import.meta.dirname, "../..") }
]

const servers = await Promise.all(
  checkouts.flatMap(({ folder, who }) =>
    Object.keys(budgets).map(async (name) => {
      const execArgv = ["--conditions=fairlead:source"]
      const server = fork(join(folder, "bench/probe/serve.ts"), [name], { execArgv })
      const [port] = await once(server, "message")
      return { who, name, server, port: port as number, samples: [] as Array<number> }
    })
  )
)

const load = async (port: number): Promise<void> => {
  for (let sent = 0; sent < requests; sent += connections) {
    await Promise.all(Array.from({ length: connections }, () => get(port)))
  }
}

// Loads it as often as it takes the engine to compile the hot path.
for (let warmUp = 0; warmUp < 5; warmUp++) {
  for (const { port } of servers) await load(port)
}
const facts = machine()
for (let round = 0; round < rounds; round++) {
  for (const { port, samples, server } of shuffled(servers)) {
    const before = await ask(server)
    await load(port)
    samples.push(Number((((await ask(server)) - before) / requests).toFixed(2)))
  }
}
agent.destroy()
for (const { server } of servers) server.kill()

const samplesOf = (who: string, name: string): ReadonlyArray<number> =>
  servers.find((server) => server.who === who && server.name === name)!.samples

const verdicts = checkouts.flatMap(({ who }) =>
  Object.entries(budgets).map(([name, most]) => ({
    who,
    name,
    most,
    ratio: Number(summary(paired(samplesOf(who, name), samplesOf(who, "off"), (a, b) => a / b)).median.toFixed(3)),
    micros: Number(summary(samplesOf(who, name)).median.toFixed(1))
  }))
)
if (before !== undefined) {
  writeFileSync(
    join(import.meta.dirname, "../results/probe.json"),
    `${JSON.stringify({ machine: facts, rounds, requests, verdicts, samples: servers.map(({ name, samples, who }) => ({ who, name, samples })) })}\n`
  )
}
process.stdout.write(
  `${table(
    ["consumer", "µs of CPU", "ratio", "at most"],
    verdicts.map(({ micros, most, name, ratio, who }) => [
      `${name}, ${who}`,
      String(micros),
      ratio.toFixed(2),
      String(most)
    ])
  )}\n`
)
