/**
 * The project as TypeScript's language service sees it: the sources, and each `ts` block of the pages and comments.
 *
 * A block becomes a separate file in which everything outside the block is blank, so that each position in the
 * block is the same position in the page.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

import ts from "typescript-6"

/** A project to rename in. */
export interface Project {
  readonly root: string
  readonly service: ts.LanguageService
  /** The sources, as paths from the root. */
  readonly sources: ReadonlyArray<string>
  /** The Markdown pages, as paths from the root. */
  readonly pages: ReadonlyArray<string>
  readonly read: (file: string) => string
  /** The real file of a file that the service names. */
  readonly fileOf: (path: string) => string
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ")

/** The `ts` blocks of a page, each with its line and a text of the page's length in which only the block is there. */
export const blocksOf = (text: string, prefix: RegExp): ReadonlyArray<{ line: number; text: string }> => {
  const lines = text.split("\n")
  const blocks: Array<{ line: number; text: string }> = []
  let begin: number | undefined
  let isTypeScript = false
  for (const [index, line] of lines.entries()) {
    const fence = /^(?:`{3,})(.*)$/.exec(line.replace(prefix, "").trimStart())
    if (fence === null) continue
    if (begin === undefined) {
      begin = index + 1
      isTypeScript = /^ts\b/.test(fence[1] ?? "")
      continue
    }
    if (isTypeScript) {
      const [from, to] = [begin, index]
      const shown = lines.map((each, at) =>
        at < from || at >= to ? blank(each) : each.replace(prefix, (before) => blank(before))
      )
      blocks.push({ line: from + 1, text: shown.join("\n") })
    }
    begin = undefined
  }
  return blocks
}

const pagePrefix = /^/
const commentPrefix = /^\s*\*(?: |$)/

const optionsOf = (root: string): ts.CompilerOptions => {
  const file = join(root, "tsconfig.json")
  const { config } = ts.readConfigFile(file, (path) => ts.sys.readFile(path))
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, root).options, plugins: [], noEmit: true }
}

const find = (root: string, pattern: string): ReadonlyArray<string> =>
  globSync(pattern, { cwd: root, exclude: (path) => path.includes("node_modules") }).toSorted()

/** Opens the project at a root. */
export const openProject = (root: string): Project => {
  const sources = find(root, "{src,test,examples,bench,scripts}/**/*.ts").filter((file) => !file.endsWith(".d.ts"))
  const pages = [...find(root, "*.md"), ...find(root, "{docs,examples,bench,test}/**/*.md")].filter(
    (page) => page !== "CHANGELOG.md"
  )
  const read = (file: string): string => readFileSync(join(root, file), "utf8")
  const blocks = new Map<string, { readonly file: string; readonly text: string }>()
  for (const file of [...pages, ...sources]) {
    const prefix = file.endsWith(".md") ? pagePrefix : commentPrefix
    for (const { line, text } of blocksOf(read(file), prefix)) {
      blocks.set(join(root, `${file}.block-${line}.ts`), { file, text })
    }
  }
  const textOf = (path: string): string | undefined => blocks.get(path)?.text ?? ts.sys.readFile(path)
  const settings = optionsOf(root)
  const host: ts.LanguageServiceHost = {
    getScriptFileNames: () => [...sources.map((file) => join(root, file)), ...blocks.keys()],
    getScriptVersion: () => "1",
    getScriptSnapshot: (path) => {
      const text = textOf(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCompilationSettings: () => settings,
    getCurrentDirectory: () => root,
    getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
    fileExists: (path) => blocks.has(path) || existsSync(path),
    readFile: textOf,
    readDirectory: (...parameters) => ts.sys.readDirectory(...parameters),
    directoryExists: (path) => ts.sys.directoryExists(path),
    getDirectories: (path) => ts.sys.getDirectories(path)
  }
  return {
    root,
    service: ts.createLanguageService(host),
    sources,
    pages,
    read,
    fileOf: (path) => blocks.get(path)?.file ?? relative(root, path)
  }
}
