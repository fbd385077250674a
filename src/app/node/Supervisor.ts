/**
 * Supervises the applications of this process: it handles the signals for all, and ends the process when the last has ended. Internal to the app part.
 *
 * 1. A signal stops every application that listens to it; a second signal ends the process at once, with 128 plus its number. The same signal within 250 ms counts
 *    once: a terminal sends it to the whole process group, and npm passes its own on.
 * 2. When an application fails to launch, the others stop too. The exit code is that of the first that did not end with 0.
 * 3. `force` after the end of every readiness delay, grace and mercy the process exits with 70, and writes what it waited for. A worker is armed when the stop
 *    begins: when the event loop is blocked, it writes the same and sends SIGKILL.
 *
 * @since 0.1.0
 */
import { writeSync } from "node:fs"

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

import * as LastResort from "./LastResort.ts"

/** The exit code of a stop that cut something off, as of the `EX_SOFTWARE` of sysexits.h. Internal to the app part. */
export const cutOff = 70

/** An application of this process. Internal to the app part. */
export interface Member {
  readonly app: string
  readonly signals: ReadonlyArray<NodeJS.Signals>
  readonly tell: Effect.Effect<void>
  /** Whether an error that nobody caught stops it. */
  readonly stopsOnUncaught: boolean
  /** How long its stop may take, in milliseconds. */
  readonly bound: () => number
  /** How long after that the process is forced to end. */
  readonly force: Duration.Input | false
  /** The things that it waits for. */
  readonly waitsFor: () => ReadonlyArray<string>
}

const members = new Set<Member>()
const heard = new Set<NodeJS.Signals>()
let exitCode = 0
let stopping: { readonly signal: NodeJS.Signals; readonly since: number } | undefined

/** How long the same signal counts as the first one, in milliseconds. */
const sameSignal = 250

let alive: NodeJS.Timeout | undefined
let last: LastResort.LastResort | undefined

/** Adds an application. It says when its stop begins, and how it ended. Internal to the app part. */
export const join = (member: Member): { readonly stops: () => void; readonly ended: (code: number) => void } => {
  members.add(member)
  // Until it listens nothing else may keep the process alive.
  alive ??= setInterval(() => {}, 2 ** 30)
  for (const signal of member.signals) {
    if (heard.has(signal)) continue
    heard.add(signal)
    process.on(signal, onSignal)
  }
  if (member.stopsOnUncaught && process.listenerCount("uncaughtException", onUncaught) === 0) {
    process.on("uncaughtException", onUncaught)
  }
  return {
    stops: arm,
    ended(code) {
      members.delete(member)
      if (exitCode === 0) exitCode = code
      if (members.size === 0) {
        clearInterval(alive)
        process.exit(exitCode)
      }
      if (code === 1) tell(() => true)
    }
  }
}

const tell = (which: (member: Member) => boolean): void => {
  for (const member of members) if (which(member)) Effect.runFork(member.tell)
}

const onSignal = (signal: NodeJS.Signals, number: number): void => {
  if (stopping !== undefined) {
    if (stopping.signal === signal && performance.now() - stopping.since < sameSignal) return
    process.exit(128 + number)
  }
  stopping = { signal, since: performance.now() }
  arm()
  tell(({ signals }) => signals.includes(signal))
}

const onUncaught = (error: unknown, origin: string): void => {
  writeSync(2, `${origin}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  if (exitCode === 0) exitCode = 1
  arm()
  tell(() => true)
}

const arm = (): void => {
  const forces = Array.from(members, ({ bound, force }) =>
    force === false ? Number.POSITIVE_INFINITY : bound() + Duration.toMillis(force)
  )
  const limit = Math.max(...forces)
  if (last !== undefined || !Number.isFinite(limit)) return
  last = LastResort.arm(limit, text)
}

/** Says again what is waited for: for the worker, which cannot ask. Internal to the app part. */
export const noteWaits = (): void => last?.note()

const text = (): string => {
  const lines = Array.from(members, ({ app, waitsFor }) => {
    const waits = waitsFor()
    const what = waits.length === 0 ? "the release of the resources of ignition" : waits.slice(0, 20).join(", ")
    const more = waits.length > 20 ? `, and ${waits.length - 20} more` : ""
    return `The app "${app}" did not stop in time and is forced to end. It waited for ${what}${more}\n`
  })
  return lines.join("")
}
