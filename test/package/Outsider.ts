/**
 * The package as its users meet it: a tarball, an installation from the registry, and a compiler without our own flags.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"

import { root, tool } from "./Scratch.ts"

/** What `strict` alone means to a user: no `exactOptionalPropertyTypes` and no `noUncheckedIndexedAccess`. */
export const plainStrict = {
  target: "ES2023",
  module: "NodeNext",
  moduleDetection: "force",
  strict: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"]
} as const

/** The two compilers that the package supports. */
export const compilers = ["typescript", "typescript-6"] as const

/** The errors of a project. */
export const typeErrors = (folder: string, compiler: (typeof compilers)[number], args: ReadonlyArray<string> = []) => {
  const { stderr, stdout } = spawnSync(process.execPath, [tool(`${compiler}/bin/tsc`), "-p", ".", ...args], {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
    encoding: "utf8"
  })
  // A diagnostic begins at the start of a line; the lines below it are indented.
  const diagnostics = `${stdout}${stderr}`.split(/\n(?=\S)/)
  return diagnostics.filter((text) => text.trim() !== "")
}

/** A temporary folder. */
export const temporary = (): { readonly folder: string; readonly remove: () => void } => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-"))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A user's shell: without what the test runner sets for its own workers, and with the Node of the tests first, for `npm` and the programs that it starts. */
const environment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:VITEST|NODE_ENV$|NODE_OPTIONS$|TEST$|MODE$|DEV$|PROD$|SSR$|BASE_URL$|FORCE_COLOR$)/.test(name)
    )
  ),
  NO_COLOR: "1",
  PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"]}`
}

/** Runs a command and returns its output; a failure shows all of it. */
export const run = async (command: string, args: ReadonlyArray<string>, cwd: string): Promise<string> => {
  const options = { cwd, env: environment, maxBuffer: 64 * 1024 * 1024 }
  const { stderr, stdout } = await promisify(execFile)(command, [...args], options).catch((failure) => {
    throw new Error(`${command} ${args.join(" ")}\n${failure.stdout}${failure.stderr}`)
  })
  return stdout + stderr
}

/** Packs the package in `folder` of the checkout; the path of its tarball. */
export const pack = async (folder: string, destination: string): Promise<string> => {
  const before = new Set(readdirSync(destination))
  await run("npm", ["pack", "--silent", "--pack-destination", destination], join(root, folder))
  return join(
    destination,
    readdirSync(destination).find((file) => file.endsWith(".tgz") && !before.has(file))!
  )
}

const quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]

/** Installs what the package.json of the folder lists, and the named packages. */
export const install = (folder: string, packages: ReadonlyArray<string> = []): Promise<string> =>
  run("npm", ["install", ...quiet, ...packages], folder)

/** Starts a program; `url` is the address that it prints. */
export const start = async (command: string, args: ReadonlyArray<string>, cwd: string) => {
  const child = spawn(command, [...args], { cwd, env: { ...environment, PORT: "0" }, detached: true })
  let output = ""
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: unknown) => {
      output += String(chunk)
      const port = /[Ll]isten(?:ing|s) on \S*?:(\d+)\b/.exec(output)?.[1]
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`)
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    child.on("close", () => reject(new Error(`It ended before it listened:\n${output}`)))
  })
  return { url, output: () => output, stop: () => stop(child) }
}

/** Stops a process group as a terminal does; its exit code. */
const stop = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    child.on("close", resolve)
    process.kill(-child.pid!, "SIGTERM")
  })
