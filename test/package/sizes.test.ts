/**
 * How much a program that imports one entry ships: everything of the entry, minified and gzipped, with Effect counted apart.
 * The ceilings are committed in sizes.tsv; `FAIRLEAD_WRITE=sizes npx vitest run test/package/sizes.test.ts` writes them again, 10 % above the measured sizes.
 */
import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"

import { rolldown } from "rolldown"
import { afterAll, assert, describe, it } from "vitest"

import { entries, scratchProject, tool } from "./Scratch.ts"

const table = join(import.meta.dirname, "sizes.tsv")
const heading = "entry\tbundler\tfairlead\twith effect\n"

/** Bytes of one bundle, gzipped: Fairlead alone, and with what it imports of Effect. */
interface Sizes {
  readonly own: number
  readonly whole: number
}

const ceilings: ReadonlyMap<string, Sizes> = new Map(
  readFileSync(table, "utf8")
    .split("\n")
    .slice(1)
    .filter((line) => line !== "")
    .map((line) => line.split("\t"))
    .map(([entry, bundler, own, whole]) => [`${entry} ${bundler}`, { own: Number(own), whole: Number(whole) }])
)

const writes = process.env["FAIRLEAD_WRITE"] === "sizes"

/** Packages that a program for Node loads from its folder. */
const left = ["@effect/platform-node", "@nats-io/transport-node", "@number0/iroh", "jose", "redis", "undici", "ws"]
const isLeft = (specifier: string): boolean =>
  isBuiltin(specifier) || left.some((name) => specifier === name || specifier.startsWith(`${name}/`))

const gzipped = (code: string | Uint8Array): number => gzipSync(code, { level: 9 }).byteLength

const bundlers = {
  async rolldown(input: string, alone: boolean): Promise<number> {
    const bundle = await rolldown({
      input,
      external: (specifier) => isLeft(specifier) || (alone && /^(?:effect|tldts)(?:\/|$)/.test(specifier)),
      resolve: { conditionNames: ["fairlead:source", "import", "default"] },
      logLevel: "silent"
    })
    const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false })
    await bundle.close()
    return gzipped(output[0].code)
  },
  async esbuild(input: string, alone: boolean): Promise<number> {
    const external = ["node:*", ...left, ...(alone ? ["effect", "tldts"] : [])]
    const { stdout } = await promisify(execFile)(
      tool("esbuild/bin/esbuild"),
      [
        input,
        "--bundle",
        "--minify",
        "--format=esm",
        "--platform=node",
        "--conditions=fairlead:source",
        ...external.map((name) => `--external:${name}`)
      ],
      { maxBuffer: 64 * 1024 * 1024, encoding: "buffer" }
    )
    return gzipped(stdout)
  }
}

const names = ["rolldown", "esbuild"] as const

describe("a program that imports one entry", () => {
  const project = scratchProject(["fairlead", "effect", "tldts"])
  const measured: Array<readonly [entry: string, bundler: string, sizes: Sizes]> = []
  afterAll(() => {
    project.remove()
    if (writes) writeFileSync(table, heading + measured.map(rowOf).join(""))
  })

  it.each(entries.flatMap(({ subpath }) => names.map((bundler) => ({ subpath, bundler }))))(
    "ships no more of $subpath than the ceiling, by $bundler",
    async ({ bundler, subpath }) => {
      const file = `entry${subpath.slice(1).replaceAll("/", "-")}.js`
      const input = project.write(file, `export * from "fairlead${subpath.slice(1)}"`)
      const sizes = { own: await bundlers[bundler](input, true), whole: await bundlers[bundler](input, false) }
      measured.push([subpath, bundler, sizes])
      if (writes) return
      const ceiling = ceilings.get(`${subpath} ${bundler}`)
      assert.isDefined(ceiling, "sizes.tsv has no row for it: write them again")
      assert.isAtMost(sizes.own, ceiling.own, "bytes of Fairlead")
      assert.isAtMost(sizes.whole, ceiling.whole, "bytes with Effect")
      // A ceiling that is far above the size would let it grow unseen.
      assert.isAtLeast(sizes.own, ceiling.own * 0.75, "Fairlead is smaller than its ceiling says: write them again")
    }
  )

  it("has a row for entries only", () => {
    const known = new Set(entries.flatMap(({ subpath }) => names.map((bundler) => `${subpath} ${bundler}`)))
    assert.deepStrictEqual(
      [...ceilings.keys()].filter((key) => !known.has(key)),
      []
    )
  })
})

const rowOf = ([entry, bundler, { own, whole }]: readonly [string, string, Sizes]): string =>
  `${entry}\t${bundler}\t${withMargin(own)}\t${withMargin(whole)}\n`

const withMargin = (bytes: number): number => Math.ceil((bytes * 1.1) / 10) * 10
