/**
 * Parsing of `Set-Cookie` lines and of their dates by RFC 6265bis §5.6 and §5.1.1, in time linear in the length of a line.
 *
 * Lines with control characters and pairs over 4096 octets are dropped; attributes over 1024 octets are left out.
 *
 * @since 0.1.0
 */
import { octetCount, trimBlanks } from "../../core/heads/FieldValues.ts"

/** A line of `Set-Cookie` as name, value and attributes. */
export interface SetCookieLine {
  readonly name: string
  readonly value: string
  readonly attributes: ReadonlyMap<string, string>
}

const cut = (text: string, at: string): readonly [string, string | undefined] => {
  const index = text.indexOf(at)
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}

/** A line of `Set-Cookie`, or nothing when it must be ignored (§5.6). The last of several attributes counts. */
export const parseSetCookie = (line: string): SetCookieLine | undefined => {
  // oxlint-disable-next-line no-control-regex -- §5.6 step 1: control characters, but not the tab
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) return undefined
  const [pair = "", ...rest] = line.split(";")
  const [left, right] = cut(pair, "=")
  const name = right === undefined ? "" : trimBlanks(left)
  const value = trimBlanks(right ?? left)
  if (name === "" && value === "") return undefined
  if (octetCount(name) + octetCount(value) > 4096) return undefined
  const attributes = new Map<string, string>()
  for (const part of rest) {
    const [attribute, text = ""] = cut(part, "=")
    const known = trimBlanks(attribute).toLowerCase()
    const attributeValue = trimBlanks(text)
    if (octetCount(attributeValue) > 1024 || ignored(known, attributeValue)) continue
    attributes.set(known, attributeValue)
  }
  return { name, value, attributes }
}

// §5.6.1 and §5.6.2: a time that cannot be read does not count, and leaves one before it in force.
const ignored = (attribute: string, value: string): boolean =>
  attribute === "max-age" ? !/^-?\d+$/.test(value) : attribute === "expires" && parseCookieDate(value) === undefined

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

/** A date by the forgiving rules of §5.1.1, as milliseconds. */
export const parseCookieDate = (text: string): number | undefined => {
  let time: ReadonlyArray<number> | undefined
  let date: number | undefined
  let month: number | undefined
  let year: number | undefined
  for (const token of text.split(/[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/)) {
    const clock = time === undefined ? /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D.*)?$/.exec(token) : null
    const dayOfMonth = date === undefined ? /^(\d{1,2})(?:\D.*)?$/.exec(token) : null
    const named = month === undefined ? months.indexOf(token.slice(0, 3).toLowerCase()) : -1
    const full = year === undefined ? /^(\d{2,4})(?:\D.*)?$/.exec(token) : null
    if (clock !== null) time = clock.slice(1, 4).map(Number)
    else if (dayOfMonth !== null) date = Number(dayOfMonth[1])
    else if (named >= 0) month = named
    else if (full !== null) year = Number(full[1])
  }
  if (time === undefined || date === undefined || month === undefined || year === undefined) return undefined
  const [hours = 0, minutes = 0, seconds = 0] = time
  if (year < 100) year += year < 70 ? 2000 : 1900
  if (year < 1601 || date < 1 || hours > 23 || minutes > 59 || seconds > 59) return undefined
  const at = new Date(Date.UTC(year, month, date, hours, minutes, seconds))
  // A 31 February moves into March here, and does not exist there.
  return at.getUTCDate() === date && at.getUTCMonth() === month ? at.getTime() : undefined
}
