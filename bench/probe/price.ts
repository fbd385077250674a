/**
 * The price of the Probe's consumers: CPU of a server process for each request through eleven no-op stages, as ratios to the Probe off. Run it by
 * `node --conditions=fairlead:source bench/probe/price.ts`.
 *
 * Every consumer has a separate server process. They are asked in turn, round after round, and the median of each is compared.
 */
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { Agent, request } from "node:http"

const names = ["off", "ring", "metrics", "spans"]
const [rounds, requests, connections] = [15, 2000, 8]

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

const servers = await Promise.all(
  names.map(async (name) => {
    const server = fork(new URL("./serve.ts", import.meta.url), [name], { execArgv: ["--conditions=fairlead:source"] })
    const [port] = await once(server, "message")
    return { name, server, port: port as number, samples: [] as Array<number> }
  })
)

const load = async (port: number): Promise<void> => {
  for (let sent = 0; sent < requests; sent += connections) {
    await Promise.all(Array.from({ length: connections }, () => get(port)))
  }
}

for (const { port } of servers) await load(port)
for (let round = 0; round < rounds; round++) {
  for (const { port, samples, server } of servers) {
    const before = await ask(server)
    await load(port)
    samples.push(((await ask(server)) - before) / requests)
  }
}

const median = (samples: ReadonlyArray<number>): number => samples.toSorted((a, b) => a - b)[samples.length >> 1]!

const off = median(servers[0]!.samples)
for (const { name, samples, server } of servers) {
  const micros = median(samples)
  process.stdout.write(`${name.padEnd(8)} ${micros.toFixed(1).padStart(7)} µs of CPU  ${(micros / off).toFixed(2)}\n`)
  server.kill()
}
agent.destroy()
