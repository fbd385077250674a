/**
 * `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), as data. Both ends use it. The reader takes time linear in the text.
 *
 * @since 0.1.0
 */
import { digits } from "./FieldValues.ts"
import { parseItems } from "./StructuredFields.ts"
import type { BareItem } from "./StructuredFields.ts"

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

interface NamedItem {
  readonly name: string
  readonly parameters: ReadonlyMap<string, number>
}

/** The items of a field: a name, and its parameters that are counts. A malformed field has no items. */
const itemsOf = (field: string): ReadonlyArray<NamedItem> =>
  (parseItems(field) ?? []).flatMap(({ item, parameters }) => {
    const name = nameOf(item)
    return name === undefined ? [] : [{ name, parameters: new Map([...parameters].filter(isCount)) }]
  })

// Drafts before the ninth had tokens for names.
const nameOf = (item: BareItem): string | undefined => {
  if (typeof item === "string") return item
  return typeof item === "object" && item.type === "token" ? item.text : undefined
}

const isCount = (parameter: readonly [string, BareItem]): parameter is [string, number] =>
  typeof parameter[1] === "number" && Number.isInteger(parameter[1]) && parameter[1] >= 0

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
