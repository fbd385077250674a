/** A NATS of the tests' own with JetStream, on a free port of loopback. Where there is no `nats-server`, its tests are skipped and say so. */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { NatsBroadcaster } from "fairlead/channel/nats"

import { freePort } from "../../kit/Engines.ts"
import type { BrokerKind } from "../nodes/contract/NodesContract.ts"

const program = ["/usr/local/bin", "/usr/bin", "/usr/sbin"]
  .map((folder) => join(folder, "nats-server"))
  .find((path) => existsSync(path))

/** Whether tests with NATS are skipped. */
export const missing = program === undefined
if (missing) console.warn("Skipped: the tests of the NATS engine need the program nats-server")

/** A running NATS. */
export class Nats {
  readonly port: number
  private readonly folder = mkdtempSync(join(tmpdir(), "fairlead-nats-"))
  private readonly given: ReadonlyArray<string>
  private process: ChildProcess | undefined = undefined

  private constructor(port: number, given: ReadonlyArray<string>) {
    this.port = port
    this.given = given
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Starts one, with JetStream unless the arguments say otherwise. */
  static async start(given: ReadonlyArray<string> = ["-js"]): Promise<Nats> {
    const nats = new Nats(await freePort(), given)
    await nats.restart()
    return nats
  }

  /** Starts it with what it has stored. */
  async restart(): Promise<void> {
    const options = ["-a", "127.0.0.1", "-p", String(this.port), "-sd", this.folder, ...this.given]
    for (let left = 2400; ; left--) {
      // Its port may be in use for a moment, by a connection that somebody opened while it was away.
      if (this.process === undefined || this.process.exitCode !== null) {
        this.process = spawn(program!, options, { stdio: "ignore" })
      }
      if (await this.answers()) return
      if (left === 0) throw new Error("nats-server does not answer")
      await sleep(25)
    }
  }

  /** Ends it at once. */
  async stop(): Promise<void> {
    const { process: child } = this
    this.process = undefined
    if (child === undefined || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await ended
  }

  /** Ends it at once, and forgets what it has stored. */
  async kill(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Stops it, and lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.process?.kill(signal)
  }

  private answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1")
      const end = (answers: boolean) => {
        socket.destroy()
        resolve(answers)
      }
      socket.on("data", (data) => end(String(data).startsWith("INFO")))
      socket.on("error", () => end(false))
      socket.on("close", () => end(false))
      socket.setTimeout(1000, () => end(false))
    })
  }
}

/** NATS, for the tests of any broker. It keeps what it has stored over a restart. */
export const natsKind: BrokerKind = {
  name: "NATS",
  missing,
  async start() {
    const nats = await Nats.start()
    return {
      port: nats.port,
      kill: () => nats.stop(),
      restart: () => nats.restart(),
      signal: (signal) => nats.signal(signal)
    }
  },
  engine: (port, options) => NatsBroadcaster.layer({ url: `nats://127.0.0.1:${port}`, ...options })
}
