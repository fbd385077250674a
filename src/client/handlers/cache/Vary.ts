/**
 * `Vary`: which requests a stored response answers (RFC 9111 §4.1). Internal to the client part.
 *
 * Values are compared after a normalisation that keeps their meaning: the white space around commas goes; languages, codings, charsets and media types are compared
 * without case and order.
 *
 * @since 0.1.0
 */
import { quotedList } from "../../../core/heads/CacheDirectives.ts"
import { tokenList, trimBlanks } from "../../../core/heads/FieldValues.ts"
import { field } from "./StoredHead.ts"
import type { StoredHead } from "./StoredHead.ts"

/** Request headers by lower-case name. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>

/** The names in a `Vary`; `*` for one that no request matches. */
export const varyNames = (value: string | undefined): "*" | ReadonlyArray<string> => {
  if (value === undefined) return []
  const names = tokenList(value.toLowerCase())
  return names.includes("*") ? "*" : [...new Set(names)].toSorted()
}

const unordered = new Set(["accept", "accept-charset", "accept-encoding", "accept-language"])

const normalise = (name: string, value: string): string => {
  const { elements } = quotedList(value)
  if (!unordered.has(name)) return elements.join(",")
  const ranges = elements.map((element) => {
    const [range = "", ...parameters] = element.toLowerCase().split(";").map(trimBlanks)
    return [range, ...parameters.filter((parameter) => !/^q=1(?:\.0{0,3})?$/.test(parameter))].join(";")
  })
  return [...new Set(ranges)].toSorted().join(",")
}

/** The request headers that a `Vary` names. */
export const selectingOf = (vary: string | undefined, headers: RequestHeaders): StoredHead["selecting"] => {
  const names = varyNames(vary)
  if (names === "*") return []
  return names.map((name) => {
    const value = headers[name]
    return [name, value === undefined ? null : normalise(name, value)] as const
  })
}

/** Whether a stored response answers a request with these headers. */
export const isSelected = (head: StoredHead, headers: RequestHeaders): boolean =>
  head.selecting.every(([name, stored]) => {
    const value = headers[name]
    if (value === undefined) return stored === null
    if (stored !== null && normalise(name, value) === stored) return true
    return name === "accept-language" && isPreferred(value, field(head.headers, "content-language"))
  })

/** Whether the language of a stored response is the one that a request prefers to all others. */
const isPreferred = (accepted: string, language: string | undefined): boolean => {
  if (language === undefined) return false
  let best: string | undefined
  let bestQuality = 0
  let isTie = false
  for (const range of tokenList(accepted.toLowerCase())) {
    const [name = "", ...parameters] = range.split(";").map(trimBlanks)
    const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2)
    const quality = text === undefined ? 1 : Number(text)
    if (!(quality >= bestQuality)) continue
    isTie = quality === bestQuality
    best = name
    bestQuality = quality
  }
  return !isTie && bestQuality > 0 && best === trimBlanks(language).toLowerCase()
}
