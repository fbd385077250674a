/** Child processes of the bench: each on a separate core if possible, and asked by messages. */
import { spawn, spawnSync } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { availableParallelism } from "node:os"

const pins = availableParallelism() > 1 && spawnSync("taskset", ["-c", "1", "true"]).status === 0

/** Whether processes are held on one core each. */
export const pinned: boolean = pins

/** Starts a script of the bench on a core, in production mode, with a channel for messages. */
export const start = (script: URL, args: ReadonlyArray<string>, core: 0 | 1): ChildProcess => {
  const node = [...process.execArgv, script.pathname, ...args]
  const [command, ...rest] = pins
    ? ["taskset", "-c", String(core), process.execPath, ...node]
    : [process.execPath, ...node]
  return spawn(command, rest, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, NODE_ENV: "production" }
  })
}

/** The next message of a child; fails when the child ends without one. */
export const reply = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`${child.spawnargs.join(" ")} ended with code ${code}.`))
    child.once("exit", ended)
    child.once("message", (message) => {
      child.off("exit", ended)
      resolve(message as A)
    })
  })

/** Sends a message and waits for the next one back. */
export const ask = <A>(child: ChildProcess, message: object): Promise<A> => {
  const answer = reply<A>(child)
  child.send(message)
  return answer
}

/** Ends a child that listens for the end of its channel. */
export const end = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null) return resolve()
    child.once("exit", () => resolve())
    child.disconnect()
  })
