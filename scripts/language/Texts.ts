/**
 * The sentences of the project, by place: comments and messages of sources, prose of pages, titles of tests.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import ts from "typescript-6"

/** A line of text for a reader. */
export interface Line {
  readonly file: string
  readonly line: number
  readonly text: string
}

const withoutCode = (text: string): string => text.replaceAll(/`[^`]*`/g, "`code`")

/** The prose of a page: neither its fenced blocks nor its inline code. */
export const proseOf = (file: string, page: string): ReadonlyArray<Line> => {
  let isFenced = false
  return page.split("\n").flatMap((text, index) => {
    if (/^\s*(?:`{3,}|~{3,})/.test(text)) isFenced = !isFenced
    else if (!isFenced) return [{ file, line: index + 1, text: withoutCode(text) }]
    return []
  })
}

const isSentence = (text: string): boolean => text.trim().split(/\s+/).length >= 3

const linesOf = (file: string, line: number, text: string): ReadonlyArray<Line> =>
  proseOf(file, text.replaceAll(/^\s*(?:\/\*\*?|\*\/|\*(?!\*)|\/\/) ?/gm, "").replace(/\*\/$/, "")).map((each) => ({
    ...each,
    line: line + each.line - 1
  }))

const commentsOf = (file: string, source: ts.SourceFile): ReadonlyArray<Line> => {
  const found = new Map<number, ts.CommentRange>()
  const visit = (node: ts.Node): void => {
    for (const range of [
      ...(ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(source.text, node.getEnd()) ?? [])
    ]) {
      found.set(range.pos, range)
    }
    for (const child of node.getChildren(source)) visit(child)
  }
  visit(source)
  return [...found.values()]
    .toSorted((a, b) => a.pos - b.pos)
    .flatMap(({ end, pos }) =>
      linesOf(file, source.getLineAndCharacterOfPosition(pos).line + 1, source.text.slice(pos, end))
    )
}

const messagesOf = (file: string, source: ts.SourceFile): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)
    if (isText && isSentence(node.text)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      lines.push({ file, line, text: withoutCode(node.text) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return lines
}

/** The comments of a source, without their examples, and its messages: string literals of three words or more. */
export const sentencesOf = (file: string, text: string): ReadonlyArray<Line> => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  return [...commentsOf(file, source), ...messagesOf(file, source)]
}

const rootOf = (call: ts.Expression): string | undefined => {
  if (ts.isIdentifier(call)) return call.text
  if (ts.isPropertyAccessExpression(call) || ts.isCallExpression(call)) return rootOf(call.expression)
  return undefined
}

/** The words of a title; `code` in place of the inserted values. */
const wordsOf = (title: ts.Expression): string | undefined => {
  if (ts.isStringLiteralLike(title)) return title.text
  if (!ts.isTemplateExpression(title)) return undefined
  return [title.head.text, ...title.templateSpans.map(({ literal }) => literal.text)].join("code")
}

/** The titles of a test file: the first arguments of `describe`, `it` and `test` in all their forms. */
export const titlesOf = (file: string, text: string): ReadonlyArray<Line> => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const lines: Array<Line> = []
  const visit = (node: ts.Node): void => {
    const [title] = ts.isCallExpression(node) ? node.arguments : []
    const isTest = ts.isCallExpression(node) && ["describe", "it", "test"].includes(rootOf(node.expression) ?? "")
    const words = isTest && title !== undefined ? wordsOf(title) : undefined
    if (title !== undefined && words !== undefined) {
      const line = source.getLineAndCharacterOfPosition(title.getStart()).line + 1
      lines.push({ file, line, text: withoutCode(words) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return lines
}

const folders = ["core", "server", "app", "client", "channel", "endpoint", "inspector", "testing"]

const places: ReadonlyArray<{
  readonly name: string
  readonly files: string
  readonly read: (file: string, text: string) => ReadonlyArray<Line>
}> = [
  ...folders.map((folder) => ({ name: `src/${folder}`, files: `src/${folder}/**/*.ts`, read: sentencesOf })),
  { name: "docs", files: "docs/**/*.md", read: proseOf },
  { name: "examples", files: "examples/**/*.{ts,md}", read: (file, text) => readerOf(file)(file, text) },
  { name: "README", files: "{README,CONTRIBUTING,SECURITY,AGENTS}.md", read: proseOf },
  {
    name: "scripts",
    files: "{scripts,packages}/**/!(Habits).{ts,md}",
    read: (file, text) => readerOf(file)(file, text)
  },
  { name: "bench", files: "bench/**/*.{ts,md}", read: (file, text) => readerOf(file)(file, text) },
  { name: "test titles", files: "test/**/*.ts", read: titlesOf }
]

const readerOf = (file: string) => (file.endsWith(".md") ? proseOf : sentencesOf)

/** The project's text, by place. */
export const textsOf = (root: string): ReadonlyMap<string, ReadonlyArray<Line>> =>
  new Map(
    places.map(({ files, name, read }) => [
      name,
      globSync(files, { cwd: root, exclude: (path) => path.includes("node_modules") })
        .toSorted()
        .flatMap((file) => read(file, readFileSync(join(root, file), "utf8")))
    ])
  )
