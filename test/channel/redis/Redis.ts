/** A Redis of the tests' own, on a free port of loopback, without persistence. Where there is no `redis-server`, its tests are skipped and say so. */
import { execFileSync, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { RedisBroadcaster } from "fairlead/channel/redis"
import { createClient } from "redis"

import type { BrokerKind } from "../nodes/contract/NodesContract.ts"

const found = (): string | undefined => {
  try {
    return execFileSync("which", ["redis-server"], { encoding: "utf8" }).trim()
  } catch {
    return undefined
  }
}

const program = found()

/** Why tests with Redis are skipped; nothing where they run. */
export const missing = program === undefined
if (missing) console.warn("Skipped: the tests of the Redis engine need the program redis-server")

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A running Redis. */
export class Redis {
  readonly port: number
  /** Where it keeps the dump that `SAVE` writes; without a folder it starts empty. */
  private readonly folder: string | undefined
  private process: ChildProcess | undefined = undefined
  /** Where a replica without a folder keeps the dump of its primary. */
  private scratch: string | undefined = undefined

  constructor(port: number, folder?: string) {
    this.port = port
    this.folder = folder
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  static async start(folder?: string): Promise<Redis> {
    const redis = new Redis(await freePort(), folder)
    await redis.restart()
    return redis
  }

  /** Starts it, with the dump of its folder or empty. */
  async restart(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    options.push("--dir", this.folder ?? (this.scratch = mkdtempSync(join(tmpdir(), "fairlead-redis-"))))
    for (let left = 2400; ; left--) {
      // Its port may be in use for a moment, by a connection that somebody opened while it was away.
      if (this.process === undefined || this.process.exitCode !== null) {
        this.process = spawn(program!, [...options, "--loglevel", "warning"], { stdio: "ignore" })
      }
      if (await this.answers()) return
      if (left === 0) throw new Error("redis-server does not answer")
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const { process: child } = this
    this.process = undefined
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await ended
    if (this.scratch !== undefined) rmSync(this.scratch, { recursive: true, force: true })
  }

  /** Stops it, and lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.process?.kill(signal)
  }

  /** Runs commands. */
  async command(...commands: ReadonlyArray<ReadonlyArray<string>>): Promise<ReadonlyArray<unknown>> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } })
    client.on("error", () => {})
    await client.connect()
    try {
      const replies: Array<unknown> = []
      for (const command of commands) replies.push(await client.sendCommand([...command]))
      return replies
    } finally {
      client.destroy()
    }
  }

  private async answers(): Promise<boolean> {
    try {
      await this.command(["PING"])
      return true
    } catch {
      return false
    }
  }
}

/** Redis, for the tests of any broker. */
export const redisKind: BrokerKind = {
  name: "Redis",
  missing,
  start: () => Redis.start(),
  engine: (port, options) => RedisBroadcaster.layer({ url: `redis://127.0.0.1:${port}`, ...options })
}
