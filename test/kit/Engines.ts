/**
 * Redis, PostgreSQL and NATS for tests: found on their ports, else started from the programs that Debian installs, else missing with the reason.
 *
 * ```ts
 * const redis = await engine("redis")
 * describe.skipIf(redis.missing)("over Redis", () => {
 *   // redis.url
 * })
 * ```
 */
import { execFileSync, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { afterAll } from "vitest"

/** An engine that runs, or the reason why there is none. */
export interface Engine {
  /** Whether tests that need it are skipped. */
  readonly missing: boolean
  /** Where it listens; empty when it is missing. */
  readonly url: string
}

interface Kind {
  readonly port: number
  readonly url: (port: number) => string
  /** Debian's package. */
  readonly debian: string
  /** The program, if it is installed. */
  readonly program: () => string | undefined
  /** Whether the engine on this port answers us. */
  readonly answers: (port: number) => Promise<boolean>
  /** The arguments that start it on a port, with its data in a folder. */
  readonly command: (program: string, port: number, folder: string) => readonly [string, ReadonlyArray<string>]
}

const places = ["/usr/local/bin", "/usr/bin", "/usr/sbin"]
const installed = (name: string) => (): string | undefined =>
  places.map((place) => join(place, name)).find((path) => existsSync(path))

/** Sends bytes to a port; whether the answer begins as it should. */
const says = (port: number, send: string, expected: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(send))
    const end = (answered: boolean): void => {
      socket.destroy()
      resolve(answered)
    }
    socket.on("data", (data) => end(String(data).startsWith(expected)))
    socket.on("error", () => end(false))
    socket.on("close", () => end(false))
  })

const postgresFolder = (): string | undefined => globSync("/usr/lib/postgresql/*/bin").toSorted().at(-1)

/** PostgreSQL does not run as root. `setpriv` becomes the program: `runuser` would stay its parent, and stop itself whenever the program is stopped. */
const asPostgres = (program: string, given: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  process.getuid?.() === 0
    ? ["setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", program, ...given]]
    : [program, given]

const logsIn = (port: number): boolean => {
  const psql = installed("psql")()
  if (psql === undefined) return false
  try {
    execFileSync(psql, ["-w", "-h", "127.0.0.1", "-p", String(port), "-U", "postgres", "-c", "select 1"], {
      stdio: "ignore"
    })
    return true
  } catch {
    return false
  }
}

const kinds = {
  redis: {
    port: 6379,
    url: (port) => `redis://127.0.0.1:${port}`,
    debian: "redis-server",
    program: installed("redis-server"),
    answers: (port) => says(port, "PING\r\n", "+PONG"),
    command: (program, port, folder) => [
      program,
      ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    ]
  },
  nats: {
    port: 4222,
    url: (port) => `nats://127.0.0.1:${port}`,
    debian: "nats-server",
    program: installed("nats-server"),
    answers: (port) => says(port, "", "INFO"),
    command: (program, port) => [program, ["-a", "127.0.0.1", "-p", String(port)]]
  },
  postgres: {
    port: 5432,
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    debian: "postgresql",
    program: () => {
      const folder = postgresFolder()
      return folder === undefined ? undefined : join(folder, "postgres")
    },
    answers: (port) => Promise.resolve(logsIn(port)),
    command: (program, port, folder) => {
      const data = join(folder, "data")
      if (process.getuid?.() === 0) execFileSync("chown", ["postgres", folder])
      const [initdb, given] = asPostgres(join(program, "../initdb"), ["-A", "trust", "-U", "postgres", "-D", data])
      execFileSync(initdb, given, { stdio: "ignore" })
      return asPostgres(program, ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, "-F"])
    }
  }
} satisfies Record<string, Kind>

/** A port that nobody listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const childrenOf = (pid: number): ReadonlyArray<number> =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)

/** Starts an engine on a port with its data in a folder. It ends with the file, and its folder with it. */
const start = async (kind: Kind, program: string): Promise<OwnEngine> => {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), "fairlead-engine-"))
  const [command, given] = kind.command(program, port, folder)
  let child: ChildProcess | undefined
  const ended = async (): Promise<void> => {
    if (child?.exitCode === null && child.signalCode === null) await once(child, "exit")
  }
  const each = (signal: NodeJS.Signals) => () => {
    const { pid = 0 } = child!
    for (const one of [pid, ...childrenOf(pid)]) process.kill(one, signal)
  }
  const engine: OwnEngine = {
    missing: false,
    freeze: each("SIGSTOP"),
    thaw: each("SIGCONT"),
    url: kind.url(port),
    async start() {
      child = spawn(command, given, { stdio: "ignore" })
      while (child.exitCode === null && !(await kind.answers(port))) await sleep(50)
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode} before it answered`)
    },
    async stop(signal = "SIGTERM") {
      child?.kill(signal)
      await ended()
    }
  }
  afterAll(async () => {
    child?.kill("SIGTERM")
    await ended()
    rmSync(folder, { recursive: true, force: true })
  })
  await engine.start()
  return engine
}

const missing = (name: keyof typeof kinds, kind: Kind, why: string): Engine => {
  console.log(`The tests over ${name} are skipped: ${why} (apt-get install ${kind.debian})`)
  return { missing: true, url: "" }
}

/** Finds or starts an engine. Call it at the top of a test file; what it starts ends with the file. */
export const engine = async (name: keyof typeof kinds): Promise<Engine> => {
  const kind: Kind = kinds[name]
  if (await kind.answers(kind.port)) return { missing: false, url: kind.url(kind.port) }
  const program = kind.program()
  if (program !== undefined) return start(kind, program)
  return missing(name, kind, `it does not run on port ${kind.port} and is not installed`)
}

/** An engine that its test may stop and start again. */
export interface OwnEngine extends Engine {
  readonly start: () => Promise<void>
  /** Signals it, SIGTERM by default, and waits for its end. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
  /** Stops all its processes where they are: its connections stay open and nothing answers. */
  readonly freeze: () => void
  /** Lets them go on. */
  readonly thaw: () => void
}

/** Starts an engine for this file alone. Call it at the top of the file; it ends with the file. */
export const ownEngine = async (name: keyof typeof kinds): Promise<OwnEngine> => {
  const kind: Kind = kinds[name]
  const program = kind.program()
  if (program !== undefined) return start(kind, program)
  const none = () => Promise.resolve()
  return { ...missing(name, kind, "it is not installed"), start: none, stop: none, freeze() {}, thaw() {} }
}
