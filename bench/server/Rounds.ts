/** The server bench: every server once in each round, in a new order, under the same load. */
import type { ChildProcess } from "node:child_process"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"

import { ask, end, reply, start } from "../Process.ts"
import { shuffled } from "../Statistics.ts"
import { header, host, indices, message } from "./Contender.ts"
import type { Load, Order } from "./load.ts"

export const names = [
  "Fairlead, whole app",
  "Fairlead NodeApp, header stages",
  "Fairlead in front of Effect's router",
  "Effect's router, middleware by hand",
  "Effect app without a router, by hand",
  "Koa",
  "Hono",
  "Express",
  "Fastify",
  "node:http"
] as const

/** An App, compared with the same routes without one. */
export const appNames = ["Fairlead App over Effect's router", "Effect's router, middleware by hand"] as const

export type Name = (typeof names)[number] | (typeof appNames)[number]

export interface Options {
  readonly names: ReadonlyArray<Name>
  readonly rounds: number
  readonly seconds: number
  readonly warmSeconds: number
  readonly connections: number
  readonly depths: ReadonlyArray<number>
}

/** One server, with one sample a round in each of the arrays. */
export interface Served {
  readonly name: Name
  readonly stages: number
  readonly requestsPerSecond: Array<number>
  /** CPU time of the server process, which other work on the machine and a client at its limit disturb less. */
  readonly serverMicrosPerRequest: Array<number>
  /** The part of the time in which the client used its core: near 1, the client and not the server was the limit. */
  readonly clientBusy: Array<number>
}

export interface Running extends Served {
  readonly process: ChildProcess
  readonly url: string
}

/** A port that nothing listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const socket = createServer().listen(0, host, () => {
      const { port } = socket.address() as AddressInfo
      socket.close(() => resolve(port))
    })
  })

/** Throws unless the server answers with the message and with a header from every stage. */
const check = async ({ name, stages, url }: Running): Promise<void> => {
  const response = await fetch(url)
  const body: unknown = await response.json()
  const set = indices(stages).every((stage) => response.headers.get(header(stage)) === "1")
  const typed = response.headers.get("content-type")?.startsWith("application/json")
  if (response.status !== 200 || !typed || !set || !isDeepStrictEqual(body, message())) {
    throw new Error(`${name} with ${stages} stages does not answer like the others.`)
  }
}

/** Starts a server in a separate process, and checks that it answers. */
export const launch = async (name: Name, stages: number): Promise<Running> => {
  const port = await freePort()
  const process = start(new URL("serve.ts", import.meta.url), [name, String(port), String(stages)], 1)
  await reply(process)
  const samples = { requestsPerSecond: [], serverMicrosPerRequest: [], clientBusy: [] }
  const running: Running = { name, stages, ...samples, process, url: `http://${host}:${port}/` }
  await check(running)
  return running
}

/** Measures all servers, and calls `progress` after each round. */
export const measure = async (options: Options, progress: (round: number) => void): Promise<ReadonlyArray<Served>> => {
  const { connections, seconds, warmSeconds } = options
  const client = start(new URL("load.ts", import.meta.url), [], 0)
  await reply(client)
  const servers: Array<Running> = []
  for (const name of options.names) for (const stages of options.depths) servers.push(await launch(name, stages))
  const load = ({ url }: Running, seconds: number): Promise<Load> =>
    ask<Load>(client, { url, connections, seconds } satisfies Order)

  for (const server of shuffled(servers)) await load(server, warmSeconds)
  for (let round = 0; round < options.rounds; round++) {
    // Those of one depth follow each other closely, since they are compared round by round.
    const order = options.depths.flatMap((depth) => shuffled(servers.filter(({ stages }) => stages === depth)))
    for (const server of order) {
      // The sockets of the server before are closed by now, and its garbage is its own.
      await setTimeout(20)
      const before = await ask<number>(server.process, {})
      const { busy, millis, responses } = await load(server, seconds)
      const used = (await ask<number>(server.process, {})) - before
      server.requestsPerSecond.push((responses * 1000) / millis)
      server.serverMicrosPerRequest.push(used / responses)
      server.clientBusy.push(busy)
    }
    progress(round + 1)
  }

  await Promise.all([client, ...servers.map(({ process }) => process)].map(end))
  return servers.map(({ clientBusy, name, requestsPerSecond, serverMicrosPerRequest, stages }) => ({
    name,
    stages,
    requestsPerSecond,
    serverMicrosPerRequest,
    clientBusy
  }))
}
