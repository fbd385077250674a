/**
 * The changes that a moved file needs: the relative imports of it and in it, and the paths that pages name.
 */
import { posix } from "node:path"

import ts from "typescript-6"

import type { Project } from "./Project.ts"
import type { Edit } from "./Symbols.ts"

const specifierOf = (node: ts.Node): ts.StringLiteralLike | undefined => {
  const name =
    ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
      ? node.moduleSpecifier
      : ts.isImportTypeNode(node)
        ? ts.isLiteralTypeNode(node.argument)
          ? node.argument.literal
          : undefined
        : ts.isCallExpression(node)
          ? node.arguments[0]
          : undefined
  return name !== undefined && ts.isStringLiteralLike(name) && /^\.{1,2}\//.test(name.text) ? name : undefined
}

const relativeTo = (from: string, to: string): string => {
  const path = posix.relative(posix.dirname(from), to)
  return path.startsWith(".") ? path : `./${path}`
}

/** The changes of relative imports when files move, each from its key to its value. */
export const moveImports = (project: Project, moves: ReadonlyMap<string, string>): ReadonlyArray<Edit> =>
  project.sources.flatMap((file) => {
    const text = project.read(file)
    const edits: Array<Edit> = []
    const visit = (node: ts.Node): void => {
      const specifier = specifierOf(node)
      if (specifier !== undefined) {
        const target = posix.join(posix.dirname(file), specifier.text)
        const now = relativeTo(moves.get(file) ?? file, moves.get(target) ?? target)
        if (now !== specifier.text && (moves.has(file) || moves.has(target))) {
          edits.push({ file, start: specifier.getStart(source) + 1, end: specifier.getEnd() - 1, text: now })
        }
      }
      ts.forEachChild(node, visit)
    }
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
    if (/\.ts["']/.test(text)) visit(source)
    return edits
  })

/** The changes of links and paths in pages and package.json when files move. */
export const movePaths = (project: Project, moves: ReadonlyMap<string, string>): ReadonlyArray<Edit> =>
  [...project.pages, "package.json"].flatMap((file) => {
    const text = project.read(file)
    return [...moves].flatMap(([from, to]) => {
      const edits: Array<Edit> = []
      for (let at = text.indexOf(from); at !== -1; at = text.indexOf(from, at + 1)) {
        if (!/[\w-]/.test(text[at - 1] ?? " ")) edits.push({ file, start: at, end: at + from.length, text: to })
      }
      return edits
    })
  })
