/**
 * Compares hits of the cache with undici and got, in one process and interleaved: `node bench/client/cache/run.ts [--rounds 20] [--entries 100000] [--no-got] [--before FOLDER]`.
 * `--before` adds the cache of another checkout. Every sample goes to `results/client-cache.json`.
 *
 * Each contender asks once over loopback; then the server is closed, so that a hit that touches the network fails. Figures are CPU microseconds of a hit whose body is
 * read, medians and quartiles of the rounds. Then: equal misses at the same time, and hits among 100,000 entries.
 */
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { parseArgs } from "node:util"

import { Agent, cacheStores, interceptors, request } from "@effect/platform-node/Undici"

import { machine } from "../../Machine.ts"
import { quantile, summary } from "../../Statistics.ts"
import { figure, table } from "../../Table.ts"
import { fairlead } from "./Contender.ts"
import type { Ask } from "./Contender.ts"

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    entries: { type: "string", default: "100000" },
    before: { type: "string" },
    "no-got": { type: "boolean", default: false }
  }
})
const rounds = Number(options.rounds)
const sizes = [2, 10_000, 1_000_000]
const hitsOf = (size: number): number => (size > 100_000 ? 200 : 2000)

const undici = async (): Promise<Ask> => {
  const store = new cacheStores.MemoryCacheStore({
    maxSize: 256 * 1024 * 1024,
    maxCount: 200_000,
    maxEntrySize: 5_000_000
  })
  const dispatcher = new Agent().compose(interceptors.cache({ store }))
  return async (url, times) => {
    for (let left = times; left > 0; left--) await (await request(url, { dispatcher })).body.arrayBuffer()
  }
}

const got = async (): Promise<Ask> => {
  const { default: got } = await import("got")
  const client = got.extend({ cache: new Map() })
  return async (url, times) => {
    for (let left = times; left > 0; left--) await client(url).buffer()
  }
}

interface Contender {
  readonly fairlead: () => Promise<Ask>
}

/** The cache of another checkout. */
const contenderOf = async (folder: string): Promise<Ask> => {
  const { fairlead } = (await import(join(folder, "bench/client/cache/Contender.ts"))) as Contender
  return fairlead()
}

const micros = async (run: () => Promise<void>, times: number): Promise<number> => {
  const before = process.cpuUsage()
  await run()
  const { system, user } = process.cpuUsage(before)
  return (system + user) / times
}

const asked = { count: 0 }
const server = createServer((incoming, response) => {
  asked.count++
  const size = Number(new URL(incoming.url!, "http://a").pathname.slice(1))
  response.writeHead(200, { "cache-control": "max-age=3600", "content-length": size }).end(Buffer.alloc(size, "x"))
})
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const contenders: ReadonlyArray<readonly [name: string, ask: Ask]> = [
  ["fairlead", await fairlead()],
  ...(options.before === undefined ? [] : [["before", await contenderOf(options.before)] as const]),
  ["undici", await undici()],
  ...(options["no-got"] ? [] : ([["got", await got()]] as const))
]

const collapsed: Array<ReadonlyArray<string>> = []
for (const [name, ask] of contenders) {
  asked.count = 0
  await Promise.all(Array.from({ length: 100 }, () => ask(`${origin}/10000?collapsed`, 1)))
  collapsed.push([name, String(asked.count)])
}
for (const [, ask] of contenders) for (const size of sizes) await ask(`${origin}/${size}`, 1)
const many = Number(options.entries)
for (const [name, ask] of contenders) {
  if (name === "got") continue
  for (let at = 0; at < many; at++) await ask(`${origin}/2?${at}`, 1)
}
server.close()
server.closeAllConnections()

const samples = new Map<string, Array<number>>()
for (let round = 0; round < rounds; round++) {
  // Whoever comes first collects the garbage of the part before.
  const turns = contenders.map((_, at) => contenders[(at + round) % contenders.length]!)
  for (const size of sizes) {
    for (const [name, ask] of turns) {
      const key = `${name} ${size}`
      const times = hitsOf(size)
      samples.set(key, [...(samples.get(key) ?? []), await micros(() => ask(`${origin}/${size}`, times), times)])
    }
  }
  for (const [name, ask] of turns) {
    if (name === "got") continue
    const key = `${name} among ${many}`
    const run = async () => {
      for (let at = 0; at < 1000; at++) await ask(`${origin}/2?${(at * 7919) % many}`, 1)
    }
    samples.set(key, [...(samples.get(key) ?? []), await micros(run, 1000)])
  }
}

console.log(
  table(
    ["a hit", "CPU µs", "quartiles", "against undici"],
    [...samples].map(([key, values]) => {
      const [, ...rest] = key.split(" ")
      const peer = samples.get(["undici", ...rest].join(" "))!
      const { high, low, median } = summary(values)
      return [key, figure(median), `${figure(low)}-${figure(high)}`, (median / quantile(peer, 0.5)).toFixed(2)]
    })
  )
)
console.log(`\n${table(["100 equal misses at the same time", "requests"], collapsed)}`)
writeFileSync(
  join(import.meta.dirname, "../../results/client-cache.json"),
  `${JSON.stringify({ machine: machine(), rounds, entries: many, collapsed, samples: Object.fromEntries(samples) })}\n`
)
process.exit(0)
