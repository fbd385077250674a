/**
 * The places where a declared name is used, found by symbol.
 */
import { join } from "node:path"

import ts from "typescript-6"

import type { Project } from "./Project.ts"

/** A change of one file: the characters from `start` to `end` become `text`. */
export interface Edit {
  readonly file: string
  readonly start: number
  readonly end: number
  readonly text: string
}

const nameOf = (node: ts.Node): ts.Node | undefined => {
  if (ts.isNamespaceExport(node) || ts.isExportSpecifier(node)) return node.name
  const isNamed =
    ts.isVariableDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isModuleDeclaration(node)
  return isNamed ? node.name : undefined
}

const memberOf = (node: ts.Node): ts.Node | undefined => {
  const isMember =
    ts.isPropertySignature(node) ||
    ts.isMethodSignature(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isShorthandPropertyAssignment(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isAccessor(node) ||
    ts.isParameter(node)
  return isMember ? node.name : undefined
}

const nearest = (
  roots: ReadonlyArray<ts.Node>,
  name: (node: ts.Node) => ts.Node | undefined,
  text: string
): ReadonlyArray<ts.Node> => {
  const found: Array<ts.Node> = []
  let level = roots
  while (level.length > 0 && found.length === 0) {
    const next: Array<ts.Node> = []
    for (const node of level) {
      const own = name(node)
      if (own !== undefined && ts.isIdentifier(own) && own.text === text) found.push(node)
      else ts.forEachChild(node, (child) => void next.push(child))
    }
    level = next
  }
  return found
}

const childrenOf = (node: ts.Node): ReadonlyArray<ts.Node> => {
  const children: Array<ts.Node> = []
  ts.forEachChild(node, (child) => void children.push(child))
  return children
}

/** The declarations at a dotted path in a file: several where a type and a value share a name. */
export const declarationsAt = (file: ts.SourceFile, path: string): ReadonlyArray<ts.Node> => {
  const [first = "", ...members] = path.split(".")
  let found = nearest([file], nameOf, first)
  // A type and a value of one name are at different depths of the tree.
  const others = file.statements.filter((each) => nameOf(each) !== undefined && nameOf(each)?.getText(file) === first)
  found = [...new Set([...found, ...others])]
  for (const member of members) found = nearest(found.flatMap(childrenOf), memberOf, member)
  return found
}

const nodeAt = (file: ts.SourceFile, start: number): ts.Node => {
  let found: ts.Node = file
  const visit = (node: ts.Node): void => {
    if (node.getStart(file) > start || node.getEnd() <= start) return
    found = node
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** Every change that a new name needs, or `undefined` if nothing is declared at the path. */
export const renameSymbol = (
  project: Project,
  file: string,
  path: string,
  now: string
): ReadonlyArray<Edit> | undefined => {
  const program = project.service.getProgram()
  const source = program?.getSourceFile(join(project.root, file))
  if (program === undefined || source === undefined) return undefined
  const declarations = declarationsAt(source, path)
  if (declarations.length === 0) return undefined
  const isMember = path.includes(".")
  const edits = new Map<string, Edit>()
  for (const declaration of declarations) {
    const name = (isMember ? memberOf(declaration) : nameOf(declaration))?.getStart(source) ?? 0
    const locations = project.service.findRenameLocations(source.fileName, name, false, false, {
      // An export changes its name in every import too; a member leaves the locals that it was bound to alone.
      providePrefixAndSuffixTextForRename: isMember
    })
    for (const { fileName, prefixText = "", suffixText = "", textSpan } of locations ?? []) {
      const where = program.getSourceFile(fileName)
      if (where === undefined || fileName.includes("/node_modules/")) continue
      const { parent } = nodeAt(where, textSpan.start)
      const isShorthand = !isMember && ts.isShorthandPropertyAssignment(parent)
      const before = isShorthand ? `${parent.name.text}: ` : prefixText
      edits.set(`${project.fileOf(fileName)}:${textSpan.start}`, {
        file: project.fileOf(fileName),
        start: textSpan.start,
        end: textSpan.start + textSpan.length,
        text: before + now + suffixText
      })
    }
  }
  return [...edits.values()]
}
