/**
 * Are the property tests able to fail? Puts each listed fault into a copy of the sources, outside of the checkout, and runs the property
 * tests there. By hand: `node test/mutation/mutate.ts`.
 */
import { execFile } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

import { clientMutations, mutations } from "./Mutations.ts"
import type { Mutation } from "./Mutations.ts"

const root = resolve(import.meta.dirname, "../..")

/** What the property tests said: `caught` only when the oracle itself disagreed, not when something else broke. */
type Verdict = "passed" | "caught" | "broke"

export interface Trial {
  readonly verdict: Verdict
  readonly output: string
}

/** The source with the fault in it. Throws when the searched text is not there exactly once. */
export const mutated = (source: string, { fault, file, search, replace }: Mutation): string => {
  const parts = source.split(search)
  if (parts.length !== 2) {
    throw new Error(
      `"${fault}": ${file} has the searched text ${parts.length - 1} times, not once; bring the list up to date:\n${search}`
    )
  }
  return parts.join(replace)
}

/** A copy of the sources and the tests, in which faults can be tried one after the other. */
export const copyOfSources = () => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-mutation-"))
  for (const path of ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"]) {
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir")
  const run = async (subject: Subject, mutation?: Mutation): Promise<Trial> => {
    if (mutation === undefined) return runProperties(folder, subject)
    const file = join(folder, mutation.file)
    const source = readFileSync(file, "utf8")
    writeFileSync(file, mutated(source, mutation))
    try {
      return await runProperties(folder, subject)
    } finally {
      writeFileSync(file, source)
    }
  }
  return { run, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Property tests, and how they say that what they test is not what the oracle foretells. */
export interface Subject {
  readonly test: string
  readonly titles: string
  /** The number of tests with these titles. */
  readonly count: number
  readonly disagreement: string
}

export const server: Subject = {
  test: "test/server/property.test.ts",
  titles: "agrees with the left fold on|concurrent evaluations of one pipeline|finalizers run to their end",
  // Three tests on each of the two ways to suspend.
  count: 6,
  disagreement: "the interpreter disagrees with the oracle"
}

export const client: Subject = {
  test: "test/client/property.test.ts",
  titles: "agrees with the oracle on|concurrent calls of one client",
  count: 2,
  disagreement: "the driver disagrees with the oracle"
}

const runProperties = (folder: string, { disagreement, test, titles }: Subject): Promise<Trial> => {
  const vitest = join(folder, "node_modules/vitest/vitest.mjs")
  const more = ["run", "--typecheck.enabled=false", test, "-t", titles]
  const { FAIRLEAD_REPORT: _, NODE_OPTIONS: __, ...outer } = process.env
  const env = { ...outer, FAIRLEAD_SEED: "1", FAIRLEAD_RUNS: "2000", FAIRLEAD_SHRINK: "no", NO_COLOR: "1" }
  return new Promise((done) => {
    execFile(process.execPath, [vitest, ...more], { cwd: folder, env }, (failure, stdout, stderr) => {
      const output = stdout + stderr
      const isCaught = output.includes(disagreement)
      done({ output, verdict: failure === null ? "passed" : isCaught ? "caught" : "broke" })
    })
  })
}

if (import.meta.main) {
  const copy = copyOfSources()
  for (const [subject, faults] of [
    [server, mutations],
    [client, clientMutations]
  ] as const) {
    console.log(`${(await copy.run(subject)).verdict}: ${subject.test}, no fault`)
    for (const mutation of faults) console.log(`${(await copy.run(subject, mutation)).verdict}: ${mutation.fault}`)
  }
  copy.remove()
}
