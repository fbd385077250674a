/**
 * Applies a table of renames to a project, all rows at once, and says what it did with each.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

import { moveImports, movePaths } from "./Moves.ts"
import type { Project } from "./Project.ts"
import { openProject } from "./Project.ts"
import type { Edit } from "./Symbols.ts"
import { declarationsAt, renameSymbol } from "./Symbols.ts"
import type { Row } from "./Table.ts"
import { lastName } from "./Table.ts"
import { isTelling, renameInline, renameText } from "./Words.ts"

/** The result of a row. */
export interface Outcome {
  readonly row: Row
  readonly state: "renamed" | "done before" | "not found" | "by hand"
  readonly edits: ReadonlyArray<Edit>
}

const isDone = (project: Project, row: Row, moved: ReadonlyMap<string, string>): boolean => {
  const file = moved.get(row.place) ?? row.place
  const source = project.service.getProgram()?.getSourceFile(join(project.root, file))
  if (source === undefined) return false
  const parent = row.old.slice(0, -lastName(row.old).length)
  // The name of a parent may have changed with the same table, so the new name alone is asked for as well.
  return declarationsAt(source, parent + row.new).length > 0 || new RegExp(`\\b${row.new}\\b`).test(source.text)
}

const outcomeOf = (project: Project, row: Row, moved: ReadonlyMap<string, string>): Outcome => {
  if (row.kind === "owner") return { row, state: "by hand", edits: [] }
  if (row.kind === "file") {
    const isThere = existsSync(join(project.root, row.place))
    if (!isThere)
      return { row, state: existsSync(join(project.root, row.new)) ? "done before" : "not found", edits: [] }
    return { row, state: "renamed", edits: [] }
  }
  if (row.kind === "text") {
    const edits = renameText(project, row)
    return { row, state: edits.length > 0 ? "renamed" : "done before", edits }
  }
  const edits = renameSymbol(project, row.place, row.old, row.new)
  if (edits === undefined) return { row, state: isDone(project, row, moved) ? "done before" : "not found", edits: [] }
  return { row, state: "renamed", edits: [...edits, ...renameInline(project, row)] }
}

/** The text after the edits; two edits of one place are one edit. */
const applyEdits = (text: string, edits: ReadonlyArray<Edit>): string => {
  let result = text
  let last = Number.POSITIVE_INFINITY
  for (const edit of edits.toSorted((a, b) => b.start - a.start || b.end - a.end)) {
    if (edit.end > last) continue
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end)
    last = edit.start
  }
  return result
}

/** `{ A as A }` says no more than `{ A }`. */
const withoutNeedlessAliases = (text: string): string => text.replaceAll(/(?<=[{,]\s*(?:type )?)(\w+) as \1\b/g, "$1")

/** Renames what the rows say. With `write` false nothing is changed. */
export const rename = (root: string, rows: ReadonlyArray<Row>, write = true): ReadonlyArray<Outcome> => {
  const project = openProject(root)
  const files = rows.filter(({ kind }) => kind === "file")
  const moved = new Map(files.map((row) => [row.place, row.new]))
  const moves = new Map([...moved].filter(([from]) => existsSync(join(root, from))))
  const outcomes = rows.map((row) => outcomeOf(project, row, moved))
  if (!write) return outcomes
  const changes = [
    ...outcomes.flatMap(({ edits }) => edits),
    ...moveImports(project, moves),
    ...movePaths(project, moves)
  ]
  for (const file of new Set(changes.map((change) => change.file))) {
    const edits = changes.filter((change) => change.file === file)
    writeFileSync(join(root, file), withoutNeedlessAliases(applyEdits(project.read(file), edits)))
  }
  for (const { row, state } of outcomes) {
    if (row.kind !== "file" || state !== "renamed") continue
    mkdirSync(dirname(join(root, row.new)), { recursive: true })
    renameSync(join(root, row.place), join(root, row.new))
  }
  return outcomes
}

/** Inline code that still names an old name: a word too common to be changed without a look. */
export const leftovers = (root: string, rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const project = openProject(root)
  return rows
    .filter((row) => row.kind === "symbol" && !isTelling(lastName(row.old)))
    .flatMap((row) => {
      const old = lastName(row.old)
      return project.pages.flatMap((page) =>
        project
          .read(page)
          .split("\n")
          .flatMap((line, index) =>
            [...line.matchAll(/`[^`]+`/g)].some(([code]) => new RegExp(`(?<![\\w$-])${old}(?![\\w$-])`).test(code))
              ? [`${page}:${index + 1}: ${old} → ${row.new}?`]
              : []
          )
      )
    })
}
