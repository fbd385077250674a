/**
 * The names of all sweeps and simulations in the tests, each with the file that holds it.
 */
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** What the tables of parts put before the names of their sweeps. */
const prefixes: Readonly<Record<string, string>> = { sweepsHandler: "client ", swept: "channel ", watched: "probe of " }

/** Each name with its file. */
export const named: ReadonlyArray<readonly [name: string, file: string]> = globSync("test/**/*.ts", {
  cwd: root
}).flatMap((file) =>
  Array.from(
    readFileSync(join(root, file), "utf8").matchAll(/\b(sweeps|simulates|sweepsHandler|swept|watched)\(\s*"([^"]+)"/g),
    ([, helper = "", name = ""]) => [`${prefixes[helper] ?? ""}${name}`, file] as const
  )
)

/** The file of each sweep or simulation, by name. */
export const sweepFiles: ReadonlyMap<string, string> = new Map(named)

/** A pattern for vitest's `-t` that selects the tests of these sweeps and simulations. */
export const titlesOf = (names: ReadonlyArray<string>): string =>
  `(?:sweep|simulation): (?:${names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")}) (?:survives|holds)`
