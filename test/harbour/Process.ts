/**
 * Starts Harbour as a process of its own, in its own process group, on a free port, and talks to it.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

import { Effect } from "effect"

const root = fileURLToPath(new URL("../../", import.meta.url))
const node = join(root, "node_modules/.bin/node")
const source = "--conditions=fairlead:source"

const programs = {
  /** What `npm start` runs. */
  main: [node, source, "examples/harbour/main.ts"],
  /** Harbour over a storage that the test steers. */
  steered: [node, source, fileURLToPath(new URL("./steered.ts", import.meta.url))],
  npm: ["npm", "start"]
} as const

/** How a process ended. */
interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** An answer, with its body as text and as JSON. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: any
}

/** A running Harbour. */
export interface Harbour {
  readonly url: string
  readonly port: number
  /** All that it wrote so far. */
  readonly output: () => string
  /** The output once it has the pattern. */
  readonly wrote: (pattern: RegExp) => Effect.Effect<string>
  /** Signals the whole process group. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Signals the process that was started alone, as a supervisor does. */
  readonly signalOne: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Every process of the group that held its output has ended. */
  readonly ended: Effect.Effect<Ended>
  /** Sends a word to a steered Harbour. */
  readonly tell: (word: string) => Effect.Effect<void>
  /** The next word from a steered Harbour. */
  readonly heard: Effect.Effect<string>
  /** Sends a request; interrupting it closes its connection. */
  readonly call: (
    method: string,
    path: string,
    options?: { readonly token?: string; readonly body?: unknown }
  ) => Effect.Effect<Answer>
}

/** A folder that is removed with the scope, and the path of a database in it. */
export const dataFile = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "harbour-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => join(folder, "made", "harbour.db")
)

type Environment = Readonly<Record<string, string>>

const launch = (program: keyof typeof programs, environment: Environment) => {
  const [command, ...args] = programs[program]
  const child = spawn(command, args, {
    cwd: root,
    detached: true,
    env: { ...process.env, HOST: "127.0.0.1", PORT: "0", ...environment },
    stdio: program === "steered" ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"]
  })
  let output = ""
  const watchers = new Set<() => void>()
  let heard = 0
  let over = false
  const changed = () => watchers.forEach((watch) => watch())
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk
      changed()
    })
  }
  // "close" and not "exit": it waits for every process of the group that holds the pipes.
  const closed = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      over = true
      resolve({ code, signal })
      changed()
    })
  })
  /** Waits until `look` finds something; a process that ends before it does is a defect that shows what it wrote. */
  const until = <A>(what: string, look: () => A | undefined): Effect.Effect<A> =>
    Effect.callback<A>((resume) => {
      const watch = () => {
        const found = look()
        if (found === undefined && !over) return
        watchers.delete(watch)
        resume(
          found === undefined
            ? Effect.die(new Error(`Harbour ended before ${what}:\n${output}`))
            : Effect.succeed(found)
        )
      }
      watchers.add(watch)
      watch()
      return Effect.sync(() => watchers.delete(watch))
    }).pipe(
      Effect.timeoutOrElse({
        duration: "2 minutes",
        orElse: () => Effect.die(new Error(`Harbour never came to ${what}:\n${output}`))
      })
    )

  const signal = (name: NodeJS.Signals) =>
    Effect.sync(() => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name)
      } catch (cause) {
        if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause
      }
    })

  return {
    until,
    signal,
    signalOne: (name: NodeJS.Signals) => Effect.sync(() => void child.kill(name)),
    ended: Effect.promise(() => closed),
    output: () => output,
    heard: until("the next word", () => {
      const word = [...output.matchAll(/^steered: (\w+)\n/gm)][heard]?.[1]
      if (word !== undefined) heard++
      return word
    }),
    tell: (word: string) => Effect.sync(() => void child.send(word))
  }
}

const request = (url: string, method: string, path: string, options: Parameters<Harbour["call"]>[2] = {}) =>
  Effect.promise(async (signal): Promise<Answer> => {
    const { body, token } = options
    const sent =
      body === undefined || typeof body === "string" || body instanceof ReadableStream ? body : JSON.stringify(body)
    const init = {
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      // A stream has no length: it is sent chunked.
      ...(sent === undefined ? {} : { body: sent, duplex: "half" }),
      signal
    }
    const response = await fetch(url + path, init)
    const text = await response.text()
    const json = text !== "" && /json/.test(response.headers.get("content-type") ?? "") ? JSON.parse(text) : undefined
    return { status: response.status, headers: response.headers, text, json }
  })

/** Starts Harbour. What is left of its group is killed with the scope. */
export const spawned = (environment: Environment, program: keyof typeof programs = "main") =>
  Effect.acquireRelease(
    Effect.sync(() => launch(program, environment)),
    ({ ended, signal }) => Effect.andThen(signal("SIGKILL"), ended)
  )

/** Starts Harbour and waits until it listens. */
export const start = (data: string, program: keyof typeof programs = "main", environment: Environment = {}) =>
  Effect.gen(function* () {
    const running = yield* spawned({ ...environment, HARBOUR_DATA: data }, program)
    const url = yield* running.until("its address", () => /http:\/\/\S+:\d+/.exec(running.output())?.[0])
    const harbour: Harbour = {
      ...running,
      url,
      port: Number(new URL(url).port),
      wrote: (pattern) =>
        running.until(String(pattern), () => (pattern.test(running.output()) ? running.output() : undefined)),
      call: (method, path, options) => request(url, method, path, options)
    }
    return harbour
  })

/** Makes a member and a room, and returns the member's token. */
export const furnish = (harbour: Harbour, room: string) =>
  Effect.gen(function* () {
    const { json } = yield* harbour.call("POST", "/api/tokens", { body: { name: `Keeper of ${room}` } })
    const token: string = json.token
    yield* harbour.call("POST", "/api/rooms", { token, body: { name: room } })
    return token
  })

/** Every message of a room, newest first, page by page. */
export const readAll = (harbour: Harbour, room: string, limit = 100) =>
  Effect.gen(function* () {
    const items: Array<{ readonly id: number; readonly text: string }> = []
    let next: number | null = Number.MAX_SAFE_INTEGER
    while (next !== null) {
      const { json }: Answer = yield* harbour.call("GET", `/api/rooms/${room}/messages?limit=${limit}&before=${next}`)
      items.push(...json.items)
      next = json.next
    }
    return items
  })
