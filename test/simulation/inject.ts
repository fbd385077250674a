/**
 * Do the sweeps and simulations find faults? Puts each listed fault into a copy of the sources, outside of the checkout, and runs the sweeps and simulations that
 * guard its place there. By hand: `node test/simulation/inject.ts [words of a fault]`; `--write` tries all and writes `faults.tsv`, the list of what caught them.
 */
import { execFile } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

import { mutated } from "../mutation/mutate.ts"
import { faults } from "./Faults.ts"
import type { Fault } from "./Faults.ts"
import { sweepFiles, titlesOf } from "./SweepNames.ts"

const root = resolve(import.meta.dirname, "../..")

/** `caught` only when a sweep or a simulation says at which point or seed, not when something else broke. */
export interface Verdict {
  readonly verdict: "passed" | "caught" | "broke"
  /** The sweep that found it, and its first broken point or seed. */
  readonly by: string
  readonly output: string
}

/** What a sweep or a simulation prints of a broken point or seed. */
const found = /(?:yields every \d+: .*\n)?((?:operation|wait|call|end) \d+: .*|seed \d+.*)/

/** The title of the failed test, without the folders and words that all titles share. */
const failed = /FAIL {2}.*(?:sweep|simulation): (.*) (?:survives an|holds under)/

/** A copy of the sources, in which faults are tried one after the other. */
export const scratchCopy = () => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-faults-"))
  for (const path of ["src", "test", "examples", "package.json", "tsconfig.json", "vitest.config.ts"]) {
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir")

  const run = (guards: ReadonlyArray<string>): Promise<Verdict> => {
    const vitest = join(folder, "node_modules/vitest/vitest.mjs")
    const files = new Set(guards.map((name) => sweepFiles.get(name)!))
    const more = ["run", "--typecheck.enabled=false", "--bail=1", ...files, "-t", titlesOf(guards)]
    const { FAIRLEAD_REPORT: _, FAIRLEAD_SWEEPS: __, NODE_OPTIONS: ___, ...outer } = process.env
    const env = { ...outer, NO_COLOR: "1", FAIRLEAD_SWEEPS_BROKEN: "1" }
    return new Promise((done) => {
      execFile(process.execPath, [vitest, ...more], { cwd: folder, env, maxBuffer: 2 ** 27 }, (failure, ...texts) => {
        const output = texts.join("")
        const by = found.exec(output)?.[1]
        const verdict = failure === null ? "passed" : by === undefined ? "broke" : "caught"
        done({ verdict, by: by === undefined ? "" : `${failed.exec(output)?.[1] ?? ""}: ${by}`, output })
      })
    })
  }

  const inject = async (fault: Fault): Promise<Verdict> => {
    const file = join(folder, fault.file)
    const source = readFileSync(file, "utf8")
    writeFileSync(file, mutated(source, fault))
    try {
      return await run(fault.guards)
    } finally {
      writeFileSync(file, source)
    }
  }
  return { run, inject, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** The list of what caught the faults. */
const listOf = (found: ReadonlyArray<readonly [Fault, Verdict]>): string =>
  [
    "part\tkind\tfault\tcaught by",
    ...found.map(([{ fault, kind, part }, { by, verdict }]) =>
      [part, kind, fault, verdict === "caught" ? by : `not caught: ${verdict}`].join("\t")
    )
  ].join("\n") + "\n"

if (import.meta.main) {
  const isWriting = process.argv.includes("--write")
  const words = isWriting ? "" : process.argv.slice(2).join(" ")
  const copy = scratchCopy()
  const found: Array<readonly [Fault, Verdict]> = []
  for (const fault of faults.filter((each) => `${each.part} ${each.kind}: ${each.fault}`.includes(words))) {
    const result = await copy.inject(fault)
    const { by, output, verdict } = result
    found.push([fault, result])
    console.log(
      `${verdict}: ${fault.part}, ${fault.kind}: ${fault.fault}\n    ${verdict === "caught" ? by : output.slice(-2000)}`
    )
  }
  copy.remove()
  if (isWriting) writeFileSync(join(import.meta.dirname, "faults.tsv"), listOf(found))
}
