/** Middleware round by round: in process all contenders take turns, over a socket the contenders of a row with their servers without middleware. */
import type { ChildProcess } from "node:child_process"
import { request } from "node:http"
import { setTimeout } from "node:timers/promises"

import { ask, end, reply, start } from "../Process.ts"
import { host } from "../server/Contender.ts"
import type { Load, Order } from "../server/load.ts"
import { freePort } from "../server/Rounds.ts"
import { shuffled } from "../Statistics.ts"
import { check } from "./Checks.ts"
import type { PriceOptions, Prices } from "./price.ts"
import { plainRows, rowNames, rows } from "./Rows.ts"
import type { RowName } from "./Rows.ts"
import type { ServerState } from "./serve.ts"
import { contenders } from "./Subject.ts"
import type { Answer, ContenderName, Sent } from "./Subject.ts"

/** One sample a round: the CPU time of a request, in microseconds. */
export interface Priced {
  readonly contender: string
  readonly row: RowName
  readonly micros: ReadonlyArray<number>
  /** The same of the row without middleware, in the same rounds. */
  readonly withoutMicros: ReadonlyArray<number> | undefined
}

export interface InProcessOptions extends PriceOptions {
  readonly rounds: number
}

/** The rows in process, one process for each contender; with `before`, the folder of an older version, Fairlead of that one too. */
export const measureInProcess = async (
  options: InProcessOptions,
  before: string | undefined,
  progress: (round: number) => void
): Promise<ReadonlyArray<Priced>> => {
  const script = new URL("price.ts", import.meta.url)
  const older = before === undefined ? [] : [["before", new URL(`file://${before}/bench/middleware/price.ts`)] as const]
  const scripts = [...contenders.map((name) => [name, script] as const), ...older]
  const processes = []
  for (const [contender, script] of scripts) {
    const name: ContenderName = contender === "before" ? "Fairlead" : contender
    const child = start(script, [name, JSON.stringify(options)], 1)
    await reply(child)
    processes.push({ contender, child, rounds: [] as Array<Prices> })
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const { child, rounds } of shuffled(processes)) rounds.push(await ask<Prices>(child, {}))
    progress(round + 1)
  }
  await Promise.all(processes.map(({ child }) => end(child)))
  return processes.flatMap(({ contender, rounds }) =>
    rowNames.flatMap((row): ReadonlyArray<Priced> => {
      const of = (name: RowName): ReadonlyArray<number> => rounds.map((prices) => prices[name]!)
      const { without } = rows[row]
      if (rounds[0]![row] === undefined) return []
      return [{ contender, row, micros: of(row), withoutMicros: without === undefined ? undefined : of(without) }]
    })
  )
}

export interface ServerOptions {
  readonly rounds: number
  /** Requests of one sample. */
  readonly requests: number
  readonly warmUps: number
  readonly connections: number
  readonly rows: ReadonlyArray<RowName>
}

interface Server {
  readonly contender: ContenderName
  readonly process: ChildProcess
  readonly port: number
  readonly sent: Sent
  readonly status: number
}

const send =
  (port: number) =>
  ({ body, headers, method, path }: Sent): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asked = request({ host, port, method, path, headers, agent: false }, (response) => {
        let text = ""
        response.setEncoding("utf8")
        response.on("data", (part: string) => void (text += part))
        response.on("end", () => {
          const header = (name: string) => response.headers[name]?.toString()
          resolve({ status: response.statusCode ?? 0, header, body: text })
        })
      })
      // A server may refuse a body before all of it was sent.
      asked.on("error", reject)
      asked.end(body)
    })

/** Starts a server, and checks that it does its work; `undefined` where the contender has no such middleware. */
const launch = async (contender: ContenderName, row: RowName): Promise<Server | undefined> => {
  const port = await freePort()
  const process = start(new URL("serve.ts", import.meta.url), [contender, row, String(port)], 1)
  if ((await reply<string>(process)) === "missing") {
    await end(process)
    return undefined
  }
  const lines = async () => (await ask<ServerState>(process, {})).lines
  const sent = await check(contender, row, send(port), lines)
  const { status } = await send(port)(sent)
  return { contender, process, port, sent, status }
}

/** The rows through servers over loopback, each in a separate process, one row after the other. */
export const measureServers = async (
  options: ServerOptions,
  progress: (row: RowName) => void
): Promise<ReadonlyArray<Priced>> => {
  const { connections, requests, rounds, warmUps } = options
  const client = start(new URL("../server/load.ts", import.meta.url), [], 0)
  await reply(client)
  const load = ({ port, sent, status }: Server, amount: number): Promise<Load> => {
    // The load client adds the length itself.
    const {
      body,
      headers: { "content-length": _, ...headers },
      method,
      path
    } = sent
    const url = `http://${host}:${port}${path}`
    const order: Order = { url, connections, amount, method, headers, status, ...(body === undefined ? {} : { body }) }
    return ask<Load>(client, order)
  }
  const sample = async (server: Server): Promise<number> => {
    // The sockets of the server before are closed by now, and its garbage is its own.
    await setTimeout(20)
    const before = (await ask<ServerState>(server.process, {})).micros
    const { responses } = await load(server, requests)
    return ((await ask<ServerState>(server.process, {})).micros - before) / responses
  }
  const started = async (row: RowName): Promise<ReadonlyArray<Server>> => {
    const servers = []
    for (const contender of contenders) servers.push(await launch(contender, row))
    const running = servers.filter((server) => server !== undefined)
    for (const server of running) await load(server, warmUps)
    return running
  }

  const plain = new Map<RowName, ReadonlyArray<Server>>()
  for (const row of plainRows) plain.set(row, await started(row))
  const priced: Array<Priced> = []
  for (const row of options.rows) {
    progress(row)
    const { without } = rows[row]
    const servers = plain.get(row) ?? (await started(row))
    const cells = servers.map((server) => {
      const base = without === undefined ? undefined : plain.get(without)!
      const bare = base?.find(({ contender }) => contender === server.contender)
      return { server, bare, micros: [] as Array<number>, withoutMicros: [] as Array<number> }
    })
    for (let round = 0; round < rounds; round++) {
      for (const { bare, micros, server, withoutMicros } of shuffled(cells)) {
        // The two servers of a price follow each other closely, each as often the first.
        const order = [
          async () => void micros.push(await sample(server)),
          async () => void (bare !== undefined && withoutMicros.push(await sample(bare)))
        ]
        for (const run of round % 2 === 0 ? order : order.toReversed()) await run()
      }
    }
    for (const { bare, micros, server, withoutMicros } of cells) {
      const { contender } = server
      priced.push({ contender, row, micros, withoutMicros: bare === undefined ? undefined : withoutMicros })
      if (!plain.has(row)) await end(server.process)
    }
  }
  await Promise.all([client, ...[...plain.values()].flat().map(({ process }) => process)].map(end))
  return priced
}
