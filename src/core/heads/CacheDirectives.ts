/**
 * The directives of `Cache-Control` and of the fields with its syntax (RFC 9111 §5.2).
 *
 * 1. Names are case-insensitive. An argument is a token or a quoted string; both forms count (§5.2).
 * 2. Text that cannot be read is read against reuse: an open quoted string marks the whole field `isMalformed`, and white space around a name or an `=` does not hide a
 *    directive that forbids something.
 * 3. Different values of one directive conflict (§4.2.1): `seconds` then returns 0.
 *
 * Every function here takes time linear in the length of the text.
 *
 * @since 0.1.0
 */
import { trimBlanks } from "./FieldValues.ts"

/** The directives of a field. */
export interface Directives {
  /** Lower-case names with their arguments in order; `undefined` is a directive without an argument. */
  readonly byName: ReadonlyMap<string, ReadonlyArray<string | undefined>>
  /** Whether a quoted string is open at the end of the field: the swallowed text is unknown. */
  readonly isMalformed: boolean
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c

/** The elements of a list whose elements may hold quoted strings. An open quoted string runs to the end of the text. */
export const quotedList = (text: string): { readonly elements: ReadonlyArray<string>; readonly isOpen: boolean } => {
  const elements: Array<string> = []
  let start = 0
  let isOpen = false
  const add = (end: number): void => {
    const element = trimBlanks(text.slice(start, end))
    if (element !== "") elements.push(element)
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isOpen) {
      if (code === backslash) at++
      else if (code === quote) isOpen = false
    } else if (code === quote) isOpen = true
    else if (code === comma) {
      add(at)
      start = at + 1
    }
  }
  add(text.length)
  return { elements, isOpen }
}

const unquote = (text: string): string => {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  const inside = text.slice(1, -1)
  return inside.includes("\\") ? inside.replace(/\\(.)/gs, "$1") : inside
}

const none: Directives = { byName: new Map(), isMalformed: false }

/** Reads the lines of a field, joined by commas. */
export const parseDirectives = (value: string | undefined): Directives => {
  if (value === undefined || value === "") return none
  const { elements, isOpen } = quotedList(value)
  const byName = new Map<string, Array<string | undefined>>()
  for (const element of elements) {
    const equals = element.indexOf("=")
    const name = trimBlanks(equals === -1 ? element : element.slice(0, equals)).toLowerCase()
    const argument = equals === -1 ? undefined : unquote(trimBlanks(element.slice(equals + 1)))
    const present = byName.get(name)
    if (present === undefined) byName.set(name, [argument])
    else present.push(argument)
  }
  return { byName, isMalformed: isOpen }
}

/** The largest number of seconds (RFC 9111 §1.2.2). */
const maxSeconds = 2 ** 31

/** A delta-seconds, at most 2^31; `undefined` for other text. */
const deltaSeconds = (text: string | undefined): number | undefined => {
  if (text === undefined || text === "") return undefined
  let seconds = 0
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return undefined
    if (seconds < maxSeconds) seconds = seconds * 10 + digit
  }
  return Math.min(seconds, maxSeconds)
}

/** The seconds of a directive; 0 when it is there without a valid value, or with different values; `undefined` without the directive. */
export const seconds = ({ byName }: Directives, name: string): number | undefined => {
  const values = byName.get(name)
  if (values === undefined) return undefined
  const first = deltaSeconds(values[0])
  if (first === undefined) return 0
  return values.every((value) => deltaSeconds(value) === first) ? first : 0
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * How a directive that may name fields applies: to the whole response (`true`), to the listed lower-case fields, or not at all (`undefined`). A list with anything
 * but field names in it, and an empty one, applies to the whole response.
 */
export const fieldsOf = ({ byName }: Directives, name: string): true | ReadonlyArray<string> | undefined => {
  const values = byName.get(name)
  if (values === undefined) return undefined
  const fields: Array<string> = []
  for (const value of values) {
    if (value === undefined) return true
    const names = value.split(",").map(trimBlanks)
    if (!names.every((field) => token.test(field))) return true
    fields.push(...names.map((field) => field.toLowerCase()))
  }
  return fields
}

/** The age in an `Age` field (RFC 9111 §5.1) in seconds: the first element of a list; 0 for other text. */
export const ageSeconds = (value: string | undefined): number => {
  if (value === undefined) return 0
  const end = value.indexOf(",")
  return deltaSeconds(trimBlanks(end === -1 ? value : value.slice(0, end))) ?? 0
}
