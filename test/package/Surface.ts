/**
 * The names that each entry exports, and those that the architecture page decides.
 */
import { readFileSync } from "node:fs"
import { join, posix } from "node:path"

import ts from "typescript-6"

/** The exports of an entry, by the form in which they are exported. */
export interface Exports {
  readonly namespaces: ReadonlyArray<string>
  readonly flat: ReadonlyArray<string>
  readonly types: ReadonlyArray<string>
}

/** The exports of an entry's file, through `export *` of other files. */
export const exportsOf = (root: string, file: string): Exports => {
  const found = { namespaces: new Array<string>(), flat: new Array<string>(), types: new Array<string>() }
  const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true)
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement)) {
      const { exportClause: clause, moduleSpecifier: from } = statement
      if (clause === undefined && from !== undefined && ts.isStringLiteral(from)) {
        const inner = exportsOf(root, posix.join(posix.dirname(file), from.text))
        found.namespaces.push(...inner.namespaces)
        found.flat.push(...inner.flat)
        found.types.push(...inner.types)
      } else if (clause !== undefined && ts.isNamespaceExport(clause)) found.namespaces.push(clause.name.text)
      else if (clause !== undefined && ts.isNamedExports(clause)) {
        for (const { isTypeOnly, name } of clause.elements) {
          ;(statement.isTypeOnly || isTypeOnly ? found.types : found.flat).push(name.text)
        }
      }
    } else if (ts.canHaveModifiers(statement) && (ts.getModifiers(statement) ?? []).length > 0) {
      const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
      const names = ts.isVariableStatement(statement)
        ? statement.declarationList.declarations.map(({ name }) => name.getText())
        : [
            ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || isType
              ? (statement.name?.text ?? "")
              : ""
          ]
      found[isType ? "types" : "flat"].push(...names)
    }
  }
  return found
}

/** A row of the page's table: the namespaces of an entry, and its flat exports if the table lists them. */
export interface Decided {
  readonly entry: string
  readonly namespaces: ReadonlyArray<string>
  /** `undefined` for an entry of ready-made interceptors, whose names the table does not list. */
  readonly flat: ReadonlyArray<string> | undefined
}

const namesIn = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name)

/** Reads the table of the import surface from the architecture page. */
export const decidedSurface = (page: string): ReadonlyArray<Decided> =>
  page
    .slice(page.indexOf("### Import surface"))
    .split("\n")
    .filter((line) => line.startsWith("| `fairlead"))
    .map((line) => {
      const [, entry = "", namespaces = "", flat = ""] = line.split("|")
      return {
        entry: namesIn(entry)[0] ?? "",
        namespaces: namesIn(namespaces),
        flat: flat.trim() !== "" && namesIn(flat).length === 0 ? undefined : namesIn(flat)
      }
    })

/** The differences between an entry and its row, as rows of the list of known differences. */
export const differences = (decided: Decided, { flat, namespaces, types }: Exports): ReadonlyArray<string> => {
  const row = (kind: string) => (name: string) => `${decided.entry}\t${kind}\t${name}`
  const isReadyMade = decided.flat === undefined
  return [
    ...namespaces.filter((name) => !decided.namespaces.includes(name)).map(row("extra")),
    ...decided.namespaces.filter((name) => !namespaces.includes(name)).map(row("missing")),
    ...(isReadyMade ? [] : [...flat, ...types].filter((name) => !decided.flat?.includes(name)).map(row("extra"))),
    ...(decided.flat ?? []).filter((name) => !flat.includes(name)).map(row("missing"))
  ]
}
