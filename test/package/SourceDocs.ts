/**
 * What a source file says about itself, and the code that a Markdown page shows.
 */
import ts from "typescript-6"

const hasComment = (node: ts.Node): boolean => ts.getJSDocCommentsAndTags(node).some(ts.isJSDoc)

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)

const namesOf = (node: ts.Statement): ReadonlyArray<string> => {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText())
  const named =
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isModuleDeclaration(node)
  return named && node.name ? [node.name.getText()] : []
}

/** Names that `export { a, b }` gives away; a re-export from another file is documented there. */
const listedNames = (node: ts.Statement): ReadonlyArray<string> =>
  ts.isExportDeclaration(node) && !node.moduleSpecifier && node.exportClause && ts.isNamedExports(node.exportClause)
    ? node.exportClause.elements.map(({ name, propertyName }) => (propertyName ?? name).getText())
    : []

/** What the documentation of one source file lacks: its opening comment, or one on something it exports. */
export const documentationFaults = (file: string, text: string): ReadonlyArray<string> => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const [first] = source.statements
  const opening = (ts.getLeadingCommentRanges(text, 0) ?? []).filter(({ pos }) => text.startsWith("/**", pos))
  // A comment that stands right before the first export belongs to that export.
  const owed = first !== undefined && isExported(first) ? 2 : 1
  const listed = new Set(source.statements.flatMap(listedNames))
  const documented = new Set<string>()
  const faults = text.startsWith("/**") && opening.length >= owed ? [] : [`${file} opens with no module comment`]
  for (const statement of source.statements) {
    for (const name of namesOf(statement)) {
      if (!isExported(statement) && !listed.has(name)) continue
      // An overload shares the comment of the first signature; a type beside a value of its name has its own.
      const key = `${ts.isFunctionDeclaration(statement) ? "function" : statement.kind} ${name}`
      if (hasComment(statement)) documented.add(key)
      else if (!documented.has(key)) faults.push(`${file}: ${name} has no comment`)
    }
  }
  return faults
}

/** A fenced block of code in a page: the words after the fence, the code, the line where the code begins. */
export interface CodeBlock {
  readonly info: ReadonlyArray<string>
  readonly code: string
  readonly line: number
}

/** The fenced blocks of a Markdown page, in order; an unclosed fence runs to the end of the page. */
export const codeBlocks = (markdown: string): ReadonlyArray<CodeBlock> => {
  const blocks: Array<CodeBlock> = []
  let open:
    | { fence: string; indent: number; info: ReadonlyArray<string>; line: number; code: Array<string> }
    | undefined
  const close = () => {
    if (open !== undefined) blocks.push({ info: open.info, line: open.line, code: `${open.code.join("\n")}\n` })
    open = undefined
  }
  for (const [index, text] of markdown.split("\n").entries()) {
    const [, indent = "", fence = "", info = ""] = /^( *)(`{3,}|~{3,})(.*)$/.exec(text) ?? []
    if (open === undefined) {
      const words = info.trim().split(/\s+/).filter(Boolean)
      if (fence !== "") open = { fence, indent: indent.length, info: words, line: index + 2, code: [] }
    } else if (fence.startsWith(open.fence) && info.trim() === "") close()
    else open.code.push(text.slice(Math.min(open.indent, text.length - text.trimStart().length)))
  }
  close()
  return blocks
}

/** The text of a source file's documentation comments, each line where it stands in the file; all else is blank. */
export const commentText = (source: string): string => {
  let inside = false
  return source
    .split("\n")
    .map((line) => {
      if (/^\s*\/\*\*/.test(line)) inside = true
      const text = inside ? (/^\s*\* ?(?!\/)(.*)$/.exec(line)?.[1] ?? "") : ""
      if (line.includes("*/")) inside = false
      return text
    })
    .join("\n")
}
