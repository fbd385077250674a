/**
 * Renames public names by a committed table: `node scripts/rename.ts scripts/renames/PART.tsv [--dry]`.
 *
 * Exports, members, options, types and files change by symbol in `src`, `test`, `examples` and `bench`, and in the code
 * blocks of pages and comments; inline code changes by the word. A second run changes nothing.
 * Run `npm run format` afterwards, and `npx vitest run test/package/api.test.ts -u`.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

import { leftovers, rename } from "./rename/Rename.ts"
import { readTable } from "./rename/Table.ts"

const root = join(import.meta.dirname, "..")
const parameters = process.argv.slice(2)
const tables = parameters.filter((parameter) => !parameter.startsWith("--"))
if (tables.length === 0) throw new Error("Name a table, such as scripts/renames/client.tsv")
const rows = tables.flatMap((table) => readTable(readFileSync(table, "utf8")))
const print = (line: string): void => void process.stdout.write(`${line}\n`)

const outcomes = rename(root, rows, !parameters.includes("--dry"))
for (const { row, state, edits } of outcomes) {
  const places = edits.length > 0 ? `, ${edits.length} places` : ""
  print(`${state.padEnd(11)} ${row.place} ${row.old} → ${row.new}${places}`)
}
print("")
for (const line of leftovers(root, rows)) print(`look at     ${line}`)
if (outcomes.some(({ state }) => state === "not found")) process.exitCode = 1
