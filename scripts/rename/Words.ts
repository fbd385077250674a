/**
 * The places where inline code or a string literal names something: found by the word.
 */
import { basename, matchesGlob } from "node:path"

import ts from "typescript-6"

import type { Project } from "./Project.ts"
import type { Edit } from "./Symbols.ts"
import type { Row } from "./Table.ts"
import { lastName } from "./Table.ts"

/** A name of two words or more is the name of one thing; `limit` or `Options` may be anything's. */
export const isTelling = (name: string): boolean => /[a-z][A-Z]/.test(name)

const escaped = (text: string): string => text.replaceAll(/[$.*+?^{}()|[\]\\]/g, String.raw`\$&`)

/** The spans of inline code in a page, without its fenced blocks. */
const inlineOfPage = (text: string): ReadonlyArray<readonly [number, number]> => {
  const spans: Array<readonly [number, number]> = []
  let at = 0
  let isFenced = false
  for (const line of text.split("\n")) {
    if (/^\s*(?:`{3,}|~{3,})/.test(line)) isFenced = !isFenced
    else if (!isFenced) {
      for (const match of line.matchAll(/`[^`]+`/g)) spans.push([at + match.index, at + match.index + match[0].length])
    }
    at += line.length + 1
  }
  return spans
}

/** The spans of inline code in the comments of a source. */
const inlineOfSource = (text: string): ReadonlyArray<readonly [number, number]> =>
  [...text.matchAll(/\/\*\*?[\s\S]*?\*\/|(?<=^|\s)\/\/ .*$/gm)].flatMap((comment) =>
    [...comment[0].matchAll(/`[^`\n]+`/g)].map((match) => {
      const start = comment.index + match.index
      return [start, start + match[0].length] as const
    })
  )

const inSpans = (
  file: string,
  text: string,
  spans: ReadonlyArray<readonly [number, number]>,
  pattern: RegExp,
  now: string
): ReadonlyArray<Edit> =>
  spans.flatMap(([from, to]) =>
    [...text.slice(from, to).matchAll(pattern)].map((match) => {
      const word = match.groups?.["word"] ?? ""
      const start = from + match.index + match[0].length - word.length
      return { file, start, end: start + word.length, text: now }
    })
  )

/** The changes of inline code for a `symbol` row: by the bare word where it is safe, else by the qualified one. */
export const renameInline = (project: Project, row: Row): ReadonlyArray<Edit> => {
  const old = lastName(row.old)
  const pages = row.note.split(/[\s,]+/).filter(Boolean)
  const owner = row.old.includes(".") ? lastName(row.old.slice(0, -old.length - 1)) : basename(row.place, ".ts")
  const bare = new RegExp(`(?<![\\w$.-])(?<word>${escaped(old)})(?![\\w$-])`, "g")
  const qualified = new RegExp(`(?<![\\w$-])${escaped(owner)}\\.(?<word>${escaped(old)})(?![\\w$-])`, "g")
  return [...project.pages, ...project.sources].flatMap((file) => {
    const text = project.read(file)
    if (!text.includes(old)) return []
    const isSafe = file === row.place || pages.some((page) => matchesGlob(file, page)) || isTelling(old)
    const spans = file.endsWith(".md") ? inlineOfPage(text) : inlineOfSource(text)
    return [
      ...inSpans(file, text, spans, qualified, row.new),
      ...(isSafe ? inSpans(file, text, spans, bare, row.new) : [])
    ]
  })
}

/** The changes for a `text` row: string literals whose whole content is the old text, and inline code with exactly that text. */
export const renameText = (project: Project, row: Row): ReadonlyArray<Edit> =>
  [...project.pages, ...project.sources]
    .filter((file) => matchesGlob(file, row.place) && project.read(file).includes(row.old))
    .flatMap((file) => {
      const text = project.read(file)
      const quoted = new RegExp(`["'\`](?<word>${escaped(row.old)})(?=["'\`])`, "g")
      if (file.endsWith(".md")) return inSpans(file, text, [[0, text.length]], quoted, row.new)
      const edits: Array<Edit> = []
      const visit = (node: ts.Node): void => {
        if (ts.isStringLiteralLike(node) && node.text === row.old) {
          edits.push({ file, start: node.getStart(source) + 1, end: node.getEnd() - 1, text: row.new })
        }
        ts.forEachChild(node, visit)
      }
      const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
      visit(source)
      return [...edits, ...inSpans(file, text, inlineOfSource(text), quoted, row.new)]
    })
