/** A Redis Cluster of the tests' own, on free ports of loopback. Where there is no `redis-server` or no `redis-cli`, its tests are skipped and say so. */
import { execFile, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

import type { RedisBroadcaster } from "fairlead/channel/redis"

import { slotOf } from "../../../../src/channel/redis/cluster/KeySlot.ts"
import { freePort } from "../../../kit/Engines.ts"

const run = promisify(execFile)

const installed = (name: string) =>
  ["/usr/local/bin", "/usr/bin"].map((folder) => join(folder, name)).find((path) => existsSync(path))

const [program, cli] = [installed("redis-server"), installed("redis-cli")]

/** Whether tests with a Redis Cluster are skipped. */
export const missing = program === undefined || cli === undefined
if (missing) console.warn("Skipped: the tests over a Redis Cluster need the programs redis-server and redis-cli")

/** One server of a cluster. */
interface Member {
  readonly port: number
  readonly folder: string
  process: ChildProcess | undefined
}

/** A port whose bus port, 10,000 above, fits too. */
const clusterPort = async (): Promise<number> => {
  for (;;) {
    const port = await freePort()
    if (port < 55_000) return port
  }
}

/** Runs a command on a server, and succeeds with what `redis-cli` prints. */
const command = async (port: number, ...args: ReadonlyArray<string>): Promise<string> =>
  (await run(cli!, ["-p", String(port), ...args])).stdout.trim()

const eventually = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let left = 600; left > 0; left--) {
    if (await holds().catch(() => false)) return
    await sleep(50)
  }
  throw new Error(`It never came: ${what}`)
}

/** A running cluster: masters, and as many replicas of each as were asked for. */
export class RedisCluster {
  private readonly members: ReadonlyArray<Member>
  private readonly replicas: number

  private constructor(members: ReadonlyArray<Member>, replicas: number) {
    this.members = members
    this.replicas = replicas
  }

  static async start(masters = 3, replicas = 0): Promise<RedisCluster> {
    const members: Array<Member> = []
    for (let count = masters * (1 + replicas); count > 0; count--) {
      const folder = mkdtempSync(join(tmpdir(), "fairlead-cluster-"))
      members.push({ port: await clusterPort(), folder, process: undefined })
    }
    const cluster = new RedisCluster(members, replicas)
    await Promise.all(members.map((member) => cluster.serve(member)))
    await cluster.form()
    return cluster
  }

  get ports(): ReadonlyArray<number> {
    return this.members.map(({ port }) => port)
  }

  get port(): number {
    return this.members[0]!.port
  }

  /** The options of an engine over it. */
  get options(): RedisBroadcaster.LayerOptions {
    return { cluster: { rootNodes: this.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) } }
  }

  command(port: number, ...args: ReadonlyArray<string>): Promise<string> {
    return command(port, ...args)
  }

  /** The port of the master of a slot, as the first server that runs sees it. */
  async masterOf(slot: number): Promise<number> {
    const { port } = this.members.find((member) => member.process !== undefined)!
    for (const line of (await command(port, "CLUSTER", "NODES")).split("\n")) {
      const [, address = "", flags = "", , , , , ...ranges] = line.split(" ")
      if (!flags.includes("master") || flags.includes("fail")) continue
      const has = ranges.slice(1).some((range) => {
        const [from = "", to = from] = range.split("-")
        return Number(from) <= slot && slot <= Number(to)
      })
      if (has) return Number(/:(\d+)@/.exec(address)?.[1])
    }
    throw new Error(`Slot ${slot} has no master`)
  }

  idOf(port: number): Promise<string> {
    return command(port, "CLUSTER", "MYID")
  }

  /** Moves the slot of a key to another master with its keys, as `redis-cli --cluster reshard` does. `between` runs while its keys are on both. */
  async move(slot: number, to: number, between: () => Promise<void> = async () => {}): Promise<void> {
    const from = await this.masterOf(slot)
    const [source, target] = [await this.idOf(from), await this.idOf(to)]
    await command(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", source)
    await command(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", target)
    let isFirst = true
    for (;;) {
      const keys = (await command(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "1")).split("\n").filter(Boolean)
      if (keys.length === 0) break
      await command(from, "MIGRATE", "127.0.0.1", String(to), "", "0", "5000", "KEYS", ...keys)
      if (isFirst) await between()
      isFirst = false
    }
    if (isFirst) await between()
    for (const port of [to, from]) await command(port, "CLUSTER", "SETSLOT", String(slot), "NODE", target)
    for (const { port, process: child } of this.members) {
      if (child !== undefined && port !== to && port !== from) {
        await command(port, "CLUSTER", "SETSLOT", String(slot), "NODE", target).catch(() => "")
      }
    }
  }

  /** Ends a server, and waits until its replica has taken over. */
  async failOver(port: number): Promise<void> {
    const slot = await this.firstSlotOf(port)
    await this.end(port)
    await eventually("the fail-over", async () => (await this.masterOf(slot)) !== port && (await this.isServing()))
  }

  /** Ends a server at once. */
  async end(port: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const member = this.members.find((one) => one.port === port)!
    const { process: child } = member
    member.process = undefined
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill(signal)
    child.kill("SIGCONT")
    await ended
  }

  /** Starts a server again that has ended. */
  async begin(port: number): Promise<void> {
    await this.serve(this.members.find((one) => one.port === port)!)
  }

  /** Stops a server where it is, and lets it go on. */
  signal(port: number, signal: "SIGSTOP" | "SIGCONT"): void {
    this.members.find((one) => one.port === port)!.process?.kill(signal)
  }

  /** Ends all servers at once. */
  async kill(): Promise<void> {
    await Promise.all(this.ports.map((port) => this.end(port)))
  }

  /** Starts all servers again, empty and as a new cluster. */
  async restart(): Promise<void> {
    for (const { folder } of this.members) rmSync(join(folder, "nodes.conf"), { force: true })
    await Promise.all(this.members.map((member) => this.serve(member)))
    await this.form()
  }

  async stop(): Promise<void> {
    await this.kill()
    for (const { folder } of this.members) rmSync(folder, { recursive: true, force: true })
  }

  /** Whether all servers that run say that the cluster serves. */
  async isServing(): Promise<boolean> {
    for (const { port, process: child } of this.members) {
      if (child !== undefined && !(await command(port, "CLUSTER", "INFO")).includes("cluster_state:ok")) return false
    }
    return true
  }

  private async firstSlotOf(port: number): Promise<number> {
    for (let slot = 0; slot < 16_384; slot += 500) if ((await this.masterOf(slot)) === port) return slot
    throw new Error(`${port} is no master`)
  }

  private async serve(member: Member): Promise<void> {
    const { folder, port } = member
    const options = {
      port: String(port),
      bind: "127.0.0.1",
      "cluster-enabled": "yes",
      // Without replicas nothing takes over: a busy machine must not take a slow server for a lost one.
      "cluster-node-timeout": this.replicas === 0 ? "15000" : "1500",
      "cluster-config-file": join(folder, "nodes.conf"),
      "repl-diskless-sync-delay": "0",
      save: "",
      appendonly: "no",
      dir: folder,
      loglevel: "warning"
    }
    const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    member.process = spawn(program!, given, { stdio: "ignore" })
    await eventually(`the server at ${port}`, async () => (await command(port, "PING")) === "PONG")
  }

  private async form(): Promise<void> {
    const addresses = this.ports.map((port) => `127.0.0.1:${port}`)
    const given = ["--cluster", "create", ...addresses, "--cluster-replicas", String(this.replicas), "--cluster-yes"]
    await run(cli!, given)
    await eventually("the cluster", () => this.isServing())
    const isFollowed = async ({ port }: Member) => {
      const info = await command(port, "INFO", "replication")
      return info.includes("role:slave")
        ? info.includes("master_link_status:up")
        : info.includes(`connected_slaves:${this.replicas}`)
    }
    await eventually("the replicas", async () => (await Promise.all(this.members.map(isFollowed))).every(Boolean))
  }
}

/** The slot of a topic's keys. */
export const slotOfTopic = (topic: string): number => slotOf(`fairlead:{${topic}}:top`)

/** A topic of a prefix in a slot for which the condition holds. */
export const topicWhere = (prefix: string, holds: (slot: number) => boolean): string => {
  for (let n = 0; ; n++) if (holds(slotOfTopic(`${prefix}${n}`))) return `${prefix}${n}`
}
