/**
 * The header of a response that a cache makes: its lines, and their values by name. Internal to the client part.
 *
 * @since 0.1.0
 */
import type { Pair } from "../../HeaderLines.ts"

/** Header lines, and their values by name: the lines of one name joined by commas, save `Set-Cookie`. */
export interface HeaderFields {
  readonly values: Readonly<Record<string, string>>
  /** Made when they are asked for: most readers want values alone. */
  readonly lines: () => ReadonlyArray<Pair>
}

/** The fields of lines with lower-case names. */
export const fieldsOfLines = (lines: ReadonlyArray<Pair>): HeaderFields => {
  const values: Record<string, string> = {}
  for (const [name, value] of lines) {
    const before = values[name]
    values[name] = before === undefined || name === "set-cookie" ? value : `${before}, ${value}`
  }
  return { values, lines: () => lines }
}

/** The fields of stored lines without their `Age`, read once for them. */
const storedFields = new WeakMap<ReadonlyArray<Pair>, HeaderFields>()

const fieldsOfStored = (lines: ReadonlyArray<Pair>): HeaderFields => {
  const present = storedFields.get(lines)
  if (present !== undefined) return present
  const fields = fieldsOfLines(lines.filter(([name]) => name !== "age"))
  storedFields.set(lines, fields)
  return fields
}

/** The fields of stored lines with another `Age`, and a further `Cache-Status`. */
export const shownFields = (stored: ReadonlyArray<Pair>, age: string, cacheStatus: string): HeaderFields => {
  const { lines, values } = fieldsOfStored(stored)
  const before = values["cache-status"]
  return {
    values: { ...values, age, "cache-status": before === undefined ? cacheStatus : `${before}, ${cacheStatus}` },
    lines: () => [...lines(), ["age", age], ["cache-status", cacheStatus]]
  }
}
