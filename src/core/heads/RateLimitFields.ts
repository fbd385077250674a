/**
 * `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), as data. Both ends use it. The reader takes time linear in the text.
 *
 * @since 0.1.0
 */
import { digits } from "./FieldValues.ts"

/** One limit: its quota in a window. */
export interface RateLimitPolicy {
  readonly name: string
  readonly quota: number
  /** In seconds. */
  readonly window: number | undefined
}

/** What is left of one limit. */
export interface RateLimitState {
  readonly name: string
  readonly remaining: number
  /** Seconds until more is available. */
  readonly reset: number | undefined
}

/** A name as the string of a structured field (RFC 9651 §3.3.3): printable ASCII. */
const text = (name: string): string => `"${name.replaceAll(/[^\x20-\x7e]/g, "?").replaceAll(/["\\]/g, "\\$&")}"`

/** The value of `RateLimit-Policy`. */
export const formatPolicy = ({ name, quota, window }: RateLimitPolicy): string =>
  `${text(name)};q=${quota}${window === undefined ? "" : `;w=${window}`}`

/** The value of `RateLimit`. */
export const formatState = ({ name, remaining, reset }: RateLimitState): string =>
  `${text(name)};r=${remaining}${reset === undefined ? "" : `;t=${reset}`}`

interface Item {
  readonly name: string
  readonly parameters: ReadonlyMap<string, number>
}

const itemName = /[ \t]*(?:"([^"\\]*(?:\\["\\][^"\\]*)*)"|([A-Za-z*][\w!#$%&'*+.^`|~:/-]*))/y
const parameter = /[ \t]*;[ \t]*([a-z*][a-z\d_.*-]*)(?:=(?:(\d{1,15})|"[^"\\]*(?:\\["\\][^"\\]*)*"|[^\s;,"]+))?/y
const comma = /[ \t]*(?:,|$)/y

/** The items of a field: a name, and its parameters that are whole numbers. A field that is malformed has no items. */
const itemsOf = (field: string): ReadonlyArray<Item> => {
  const items: Array<Item> = []
  const take = (pattern: RegExp, at: number): RegExpExecArray | null => {
    pattern.lastIndex = at
    return pattern.exec(field)
  }
  for (let at = 0; at < field.length;) {
    const name = take(itemName, at)
    if (name === null) return []
    const parameters = new Map<string, number>()
    at = itemName.lastIndex
    for (let found = take(parameter, at); found !== null; found = take(parameter, at)) {
      if (found[2] !== undefined) parameters.set(found[1]!, Number(found[2]))
      at = parameter.lastIndex
    }
    if (take(comma, at) === null) return []
    at = comma.lastIndex
    items.push({ name: name[1]?.replaceAll(/\\(["\\])/g, "$1") ?? name[2]!, parameters })
  }
  return items
}

/** Reads `RateLimit-Policy`. */
export const parsePolicies = (field: string): ReadonlyArray<RateLimitPolicy> =>
  itemsOf(field).flatMap(({ name, parameters }) => {
    const quota = parameters.get("q")
    return quota === undefined ? [] : [{ name, quota, window: parameters.get("w") }]
  })

/** Reads `RateLimit`. */
export const parseStates = (field: string): ReadonlyArray<RateLimitState> =>
  itemsOf(field).flatMap(({ name, parameters }) => {
    const remaining = parameters.get("r")
    return remaining === undefined ? [] : [{ name, remaining, reset: parameters.get("t") }]
  })

/** Reads the three fields of earlier drafts, `RateLimit-Limit`, `-Remaining` and `-Reset` in seconds. */
export const parseEarlierDraft = (
  headers: Readonly<Record<string, string | undefined>>
): RateLimitState | undefined => {
  const remaining = digits(headers["ratelimit-remaining"] ?? "")
  return remaining === undefined ? undefined : { name: "", remaining, reset: digits(headers["ratelimit-reset"] ?? "") }
}
