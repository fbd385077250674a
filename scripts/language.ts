/**
 * Counts habits of language: `node scripts/language.ts` shows the counts and the ceilings.
 *
 * - `--show PLACE [HABIT]` lists the lines of a place, such as `src/client` or `docs/app.md`.
 * - `--since REV` lists the lines that changed since a revision.
 */
import { execFileSync } from "node:child_process"
import { join } from "node:path"

import { countOf, linesWith } from "./language/Counts.ts"
import { habits } from "./language/Habits.ts"
import { textsOf } from "./language/Texts.ts"

const root = join(import.meta.dirname, "..")
const [command, ...parameters] = process.argv.slice(2)
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const texts = textsOf(root)
const counts = new Map([...texts].map(([place, lines]) => [place, countOf(lines)]))

const changedSince = (revision: string): ReadonlySet<string> => {
  const changed = new Set<string>()
  const diff = execFileSync("git", ["diff", "-U0", revision], { cwd: root, encoding: "utf8", maxBuffer: 2 ** 28 })
  let path = ""
  for (const line of diff.split("\n")) {
    if (line.startsWith("+++ b/")) path = line.slice("+++ b/".length)
    const [, start, length = "1"] = /^@@ \S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    if (start === undefined) continue
    for (let offset = 0; offset < Number(length); offset++) changed.add(`${path}:${Number(start) + offset}`)
  }
  return changed
}

if (command === "--show") {
  const [place = "", habit] = parameters
  const lines = texts.get(place) ?? [...texts.values()].flat().filter((line) => line.file.startsWith(place))
  linesWith(lines, habit).forEach(print)
} else if (command === "--since") {
  const changed = changedSince(parameters[0] ?? "main")
  const lines = [...texts.values()].flat().filter((line) => changed.has(`${line.file}:${line.line}`))
  linesWith(lines).forEach(print)
} else {
  print(`for 10,000 words\twords\t${habits.map(({ name }) => name).join("\t")}`)
  print(`ceiling\t\t${habits.map(({ ceiling }) => ceiling).join("\t")}`)
  for (const [place, { found, words }] of counts) {
    print([place, words, ...found.map((count) => ((count * 10_000) / Math.max(words, 1)).toFixed(1))].join("\t"))
  }
}
