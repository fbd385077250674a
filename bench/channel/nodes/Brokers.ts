/** The brokers of the bench of several nodes: Debian's programs, on a free port of loopback and on the core of the clients. */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"

import { pinned } from "../../Process.ts"
import { freePort } from "../../server/Rounds.ts"

export const engines = ["Redis", "NATS"] as const

export type EngineName = (typeof engines)[number]

export interface Broker {
  readonly port: number
  readonly stop: () => Promise<void>
}

const host = "127.0.0.1"

const programs: Record<EngineName, readonly [name: string, args: (port: string, folder: string) => Array<string>]> = {
  Redis: [
    "redis-server",
    (port, folder) => ["--port", port, "--bind", host, "--save", "", "--appendonly", "no", "--dir", folder]
  ],
  NATS: ["nats-server", (port, folder) => ["-a", host, "-p", port, "-js", "-sd", folder]]
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

/** Starts a broker; nothing where its program is not installed. */
export const startBroker = async (engine: EngineName): Promise<Broker | undefined> => {
  const [name, argsOf] = programs[engine]
  const program = ["/usr/local/bin", "/usr/bin", "/usr/sbin"].map((place) => join(place, name)).find(existsSync)
  if (program === undefined) return undefined
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), "fairlead-bench-"))
  const [command, ...args] = [...(pinned ? ["taskset", "-c", "0"] : []), program, ...argsOf(String(port), folder)]
  const child = spawn(command!, args, { stdio: "ignore" })
  const ended = new Promise((resolve) => child.once("exit", resolve))
  for (let left = 400; !(await answers(port)); left--) {
    if (left === 0) throw new Error(`${name} does not answer.`)
    await setTimeout(25)
  }
  return {
    port,
    stop: async () => {
      child.kill("SIGKILL")
      await ended
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
