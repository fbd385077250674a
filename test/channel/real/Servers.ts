/** Processes of `NodeProgram.ts` or another program, each with its own way to the broker. */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Interface } from "node:readline"

import { Proxy } from "../nodes/Proxy.ts"

const linesOf = (lines: Interface): Promise<string> => new Promise((resolve) => lines.once("line", resolve))

/** A node that can be killed, stopped and started again. */
export class ServerProcess {
  port = 0
  readonly proxy: Proxy
  private readonly kind: string
  private readonly program: string
  private child: ChildProcess | undefined = undefined
  private lines: Interface | undefined = undefined

  private constructor(kind: string, proxy: Proxy, program: string) {
    this.kind = kind
    this.program = program
    this.proxy = proxy
  }

  static async start(kind: string, brokerPort: number, program = "NodeProgram.ts"): Promise<ServerProcess> {
    const server = new ServerProcess(kind, await Proxy.start(brokerPort), program)
    await server.start()
    return server
  }

  async start(): Promise<void> {
    const program = join(import.meta.dirname, this.program)
    const child = spawn(
      process.execPath,
      ["--conditions=fairlead:source", program, this.kind, String(this.proxy.port)],
      { stdio: ["pipe", "pipe", "inherit"] }
    )
    this.child = child
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code) => reject(new Error(`a node ended with ${code} before it listened`)))
    })
    // It is killed later.
    ended.catch(() => {})
    this.lines = createInterface({ input: child.stdout })
    this.port = Number(await Promise.race([linesOf(this.lines), ended]))
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.child?.kill(signal)
  }

  async kill(): Promise<void> {
    const { child } = this
    this.child = undefined
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await ended
  }

  async stop(): Promise<void> {
    await this.kill()
    this.proxy.stop()
  }

  /** How many broadcasts it has sent to its members. */
  async sent(): Promise<number> {
    const line = linesOf(this.lines!)
    this.child!.stdin!.write("\n")
    return Number(await line)
  }
}
