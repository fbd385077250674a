/**
 * The table of a rename: one row a line, five columns with a tab between them.
 *
 * | kind | place | old | new | pages |
 * |---|---|---|---|---|
 * | `symbol` | the file that declares it | the path of the declaration, such as `Options.maxRedirects` | its new last name | pages whose inline code names it by the bare word |
 * | `file` | the file | `-` | its new path | |
 * | `text` | the files, as a glob | the whole content of a string literal | the new content | |
 * | `owner` | the part | the old form | the new form | what has to change by hand |
 *
 * A row of kind `owner` is more than a rename: an order of arguments, a type, a default. The tool lists it and leaves it.
 */

/** The action of a row. */
type Kind = "symbol" | "file" | "text" | "owner"

/** One row of a table. */
export interface Row {
  readonly kind: Kind
  readonly place: string
  readonly old: string
  readonly new: string
  readonly note: string
  readonly line: number
}

const kinds: ReadonlySet<string> = new Set(["symbol", "file", "text", "owner"])

const isKind = (text: string): text is Kind => kinds.has(text)

const readRow = (text: string, line: number): Row => {
  const [kind = "", place = "", old = "", now = "", note = "", ...rest] = text.split("\t").map((cell) => cell.trim())
  if (!isKind(kind)) throw new Error(`line ${line}: the kind is ${[...kinds].join(", ")}, not "${kind}"`)
  if (place === "" || old === "" || now === "" || rest.length > 0) {
    throw new Error(`line ${line}: a row has kind, place, old, new and perhaps pages, with a tab between them`)
  }
  if (kind === "symbol" && !/^[A-Za-z_$][\w$]*$/.test(now)) throw new Error(`line ${line}: "${now}" is not a name`)
  return { kind, place, old, new: now, note, line }
}

/** Reads a table; a blank line, or one that begins with `#`, is no row. */
export const readTable = (text: string): ReadonlyArray<Row> =>
  text
    .split("\n")
    .map((line, index) => [line, index + 1] as const)
    .filter(([line]) => line.trim() !== "" && !line.startsWith("#"))
    .map(([line, number]) => readRow(line, number))

/** The last name of a dotted path. */
export const lastName = (path: string): string => path.slice(path.lastIndexOf(".") + 1)
