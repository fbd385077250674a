/** The machine and the versions of a run, in every file of results. */
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, loadavg, totalmem } from "node:os"

import { pinned } from "./Process.ts"

export interface Machine {
  readonly date: string
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Whether client and server were held on a core each. */
  readonly pinned: boolean
  /** The load of the last minute before the run: above 0.5, others were at work. */
  readonly loadBefore: number
  readonly packages: Readonly<Record<string, string>>
}

interface Manifest {
  readonly version: string
  readonly devDependencies: Readonly<Record<string, string>>
}

const manifest = (path: string): Manifest =>
  JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as Manifest

const versionsOf = (names: ReadonlyArray<string>, folder: string): ReadonlyArray<readonly [string, string]> =>
  names.map((name) => [name, manifest(`${folder}/node_modules/${name}/package.json`).version])

export const machine = (): Machine => {
  const peers = Object.keys(manifest("./package.json").devDependencies).filter((name) => !name.startsWith("@types/"))
  return {
    date: new Date().toISOString(),
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    pinned,
    loadBefore: loadavg()[0] ?? 0,
    packages: Object.fromEntries([
      ["fairlead", manifest("../package.json").version],
      ...versionsOf(["effect", "@effect/platform-node", "undici", "@number0/iroh"], ".."),
      ...versionsOf(peers, ".")
    ])
  }
}
