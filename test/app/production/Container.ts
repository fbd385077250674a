/**
 * Runs the shop of `examples/production` as its Dockerfile does: the command of the image, in a folder with nothing but the copied files, as a user that is not root.
 */
import { spawn } from "node:child_process"
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"

import { Effect } from "effect"

const root = fileURLToPath(new URL("../../../", import.meta.url))

/** The instructions of the Dockerfile's last stage. */
export const stage: ReadonlyArray<string> = readFileSync(join(root, "examples/production/Dockerfile"), "utf8")
  .split(/^FROM .*$/m)
  .at(-1)!
  .split("\n")
  .filter((line) => /^[A-Z]/.test(line))

const argumentsOf = (instruction: string): ReadonlyArray<string> =>
  stage.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1))

/** The command, which is in the exec form. */
export const command: ReadonlyArray<string> = JSON.parse(argumentsOf("CMD")[0]!)

export const user = argumentsOf("USER")[0]

const image = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "fairlead-image-"))
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
    for (const copied of argumentsOf("COPY")) {
      const [from = "", to = ""] = copied.split(" ")
      if (!from.startsWith("--from"))
        cpSync(join(root, from), join(folder, to === "./" ? basename(from) : to), { recursive: true })
    }
    // `mkdtemp` lets in its owner alone.
    chmodSync(folder, 0o755)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** A line of the log. */
export interface LogLine {
  readonly message: unknown
  readonly level: string
}

/** Starts the shop; it is killed with the scope. */
export const start = Effect.fnUntraced(function* (environment: Readonly<Record<string, string>>) {
  const folder = yield* image
  const [, ...args] = command
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(join(root, "node_modules/.bin/node"), args, {
        cwd: folder,
        env: {
          PATH: process.env["PATH"],
          HOST: "127.0.0.1",
          PORT: "0",
          ADMIN_PORT: "0",
          SHOP_CONFIG: "examples/production/shop.toml",
          ...environment
        },
        ...(process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {})
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  let [stdout, stderr] = ["", ""]
  const watchers = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk
    watchers.forEach((watch) => watch())
  })
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk))
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve))
  void closed.then(() => watchers.forEach((watch) => watch()))

  const wrote = (pattern: RegExp) =>
    Effect.callback<RegExpExecArray>((resume) => {
      const watch = () => {
        const found = pattern.exec(stdout)
        if (found !== null) resume(Effect.succeed(found))
        else if (child.exitCode !== null) resume(Effect.die(new Error(`The shop ended: ${stdout}${stderr}`)))
      }
      watchers.add(watch)
      watch()
      return Effect.sync(() => watchers.delete(watch))
    })
  return {
    wrote,
    /** Where it serves customers and the operator; there once it listens. */
    addresses: Effect.map(
      wrote(/listens on (http:[^ ,]+)[^,]*,\s\\"admin\\" on (http:[^ "]+)/),
      ([, shop = "", admin = ""]) => ({
        shop,
        admin
      })
    ),
    signal: (name: NodeJS.Signals) => Effect.sync(() => void child.kill(name)),
    ended: Effect.promise(() => closed),
    stderr: () => stderr,
    /** Every line of stdout; a line that is no JSON is a defect. */
    log: (): ReadonlyArray<LogLine> =>
      stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as LogLine)
  }
})

/** A collector of OpenTelemetry: what it was sent, by path. */
export const collector = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly sent: Map<string, string>; readonly close: () => void }>(
      (resume) => {
        const sent = new Map<string, string>()
        const server = createServer((request, response) => {
          let body = ""
          request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk))
          request.on("end", () => {
            const path = request.url ?? ""
            sent.set(path, (sent.get(path) ?? "") + body)
            response.end()
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, sent, close: () => server.closeAllConnections() }))
        })
      }
    ),
    ({ close }) => Effect.sync(close)
  ),
  ({ sent, url }) => ({ url, sent: (path: string) => sent.get(path) ?? "" })
)
