/**
 * Which file of `src` may import what: the map of the design, as a function.
 *
 * The rules read every import, also one of types only: a declaration that names `node:http` already asks its user
 * for Node's types.
 */
import { isBuiltin } from "node:module"
import { posix } from "node:path"

import ts from "typescript-6"

const parts = ["core", "server", "app", "client", "channel", "endpoint"]

/** The folders that each folder of `src` may import beside itself; `.` is the file of the root export. */
const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  ".": ["core"],
  core: [],
  server: ["core"],
  app: ["core", "server"],
  client: ["core"],
  channel: ["core"],
  endpoint: ["core"],
  inspector: parts,
  testing: parts
}

/** Ready-made interceptors know their own part and `core`, whatever else their part may use; fairings may wrap ready-made middleware. */
const readyMade = /^(?:server\/middleware|client\/handlers|channel\/handlers|app\/fairings|endpoint\/hooks)\//

/** iroh is a native module of Node, so the folder of its name says as much. */
const saysNode = /(?:^|\/)(?:node\/|iroh\/|node\.ts$|Node(?:[A-Z]\w*)?\.ts$)/

const isNodeOnly = (specifier: string): boolean =>
  isBuiltin(specifier) || specifier.startsWith("@effect/platform-node") || specifier.startsWith("@number0/iroh")

const folderOf = (file: string): string => (file.includes("/") ? (file.split("/")[0] ?? ".") : ".")

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

const namedBy = (node: ts.Node): ts.Node | undefined => {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isExternalModuleReference(node)) return node.expression
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
    ? node.arguments[0]
    : undefined
}

/** Every module that a source imports, re-exports, or names in a type; comments are not read. */
export const specifiersOf = (source: string): ReadonlyArray<string> => {
  const specifiers = new Set<string>()
  const visit = (node: ts.Node): void => {
    const name = namedBy(node)
    if (name && ts.isStringLiteralLike(name)) specifiers.add(name.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest))
  return [...specifiers]
}

/** The file that a relative import names, as a path below `src`. */
export const resolveFrom = (file: string, specifier: string): string =>
  posix.normalize(posix.join(posix.dirname(file), specifier))

const fault = (file: string, specifier: string, declared: ReadonlySet<string>): string | undefined => {
  const from = folderOf(file)
  if (specifier.startsWith(".")) {
    const target = resolveFrom(file, specifier)
    const to = folderOf(target)
    if (file.startsWith("app/fairings/") && target.startsWith("server/middleware/")) return undefined
    const allowed = readyMade.test(file) ? ["core"] : (mayImport[from] ?? [])
    return to === from || allowed.includes(to) ? undefined : `${from} may not import ${to}`
  }
  if (packageOf(specifier) === "fairlead") return "a source file reaches its own package by a relative path"
  if (isNodeOnly(specifier) && !saysNode.test(file)) return "Node-only code belongs to a file or folder named node"
  if (isBuiltin(specifier)) return undefined
  if (from === "core" && packageOf(specifier) !== "effect") return "core imports effect only"
  return declared.has(packageOf(specifier)) ? undefined : "a package that is used is a dependency or a peer"
}

/** The imports of one file, by its path below `src`, that break a rule: each with the reason. */
export const importFaults = (file: string, source: string, declared: ReadonlySet<string>): ReadonlyArray<string> => [
  ...(folderOf(file) in mayImport ? [] : [`${file}: the design knows no folder ${folderOf(file)}`]),
  ...specifiersOf(source).flatMap((specifier) => {
    const reason = fault(file, specifier, declared)
    return reason === undefined ? [] : [`${file} imports ${specifier}: ${reason}`]
  })
]

/** The ways by which an entry reaches Node-only code, as paths through the import graph. */
export const waysToNode = (entry: string, read: (file: string) => string): ReadonlyArray<string> => {
  const seen = new Set<string>()
  const walk = (file: string, way: string): ReadonlyArray<string> => {
    if (seen.has(file)) return []
    seen.add(file)
    return specifiersOf(read(file)).flatMap((specifier) => {
      if (isNodeOnly(specifier)) return [`${way} → ${specifier}`]
      if (!specifier.startsWith(".")) return []
      const next = resolveFrom(file, specifier)
      return walk(next, `${way} → ${next}`)
    })
  }
  return walk(entry, entry)
}

const banned = new Set(["util", "utils", "helper", "helpers", "common", "manager", "impl", "misc"])

/** The words of a path that say nothing about what the file holds. */
export const emptyWords = (path: string): ReadonlyArray<string> =>
  path.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/).filter((word) => banned.has(word.toLowerCase()))

/** How many lines a reader has before them. */
export const lineCount = (source: string): number => source.replace(/\n$/, "").split("\n").length
