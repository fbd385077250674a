/**
 * Requests with conditions and ranges, answered from a stored response (RFC 9111 §4.3.2, RFC 9110 §13 and §14). Internal to the client part.
 *
 * @since 0.1.0
 */
import { parseRange, resolveRange } from "../../../core/heads/ByteRanges.ts"
import type { ByteRange } from "../../../core/heads/ByteRanges.ts"
import { isStrongMatch, isWeakMatch, parseEntityTag, parseEntityTags } from "../../../core/heads/EntityTags.ts"
import * as HttpDate from "../../../core/heads/HttpDate.ts"
import { facts, field } from "./StoredHead.ts"
import type { FreshnessSettings, StoredHead } from "./StoredHead.ts"
import type { RequestHeaders } from "./Vary.ts"

/** Whether a request has a condition that a cache answers. */
export const hasCondition = (headers: RequestHeaders): boolean =>
  headers["if-none-match"] !== undefined || headers["if-modified-since"] !== undefined

/** Whether a request has a precondition that only the origin server answers. */
export const isForOrigin = (headers: RequestHeaders): boolean =>
  headers["if-match"] !== undefined || headers["if-unmodified-since"] !== undefined

/** Whether the condition of a request makes the answer 304. */
export const isNotModified = (
  head: StoredHead,
  headers: RequestHeaders,
  settings: FreshnessSettings,
  now: number
): boolean => {
  const { date, etag, lastModified } = facts(head, settings)
  const noneMatch = headers["if-none-match"]
  if (noneMatch !== undefined) {
    const tags = parseEntityTags(noneMatch)
    if (tags === "*") return true
    return etag !== undefined && tags !== undefined && tags.some((tag) => isWeakMatch(tag, etag))
  }
  const since = headers["if-modified-since"]
  const time = since === undefined ? undefined : HttpDate.parseAnyCase(since, now)
  return time !== undefined && head.status === 200 && (lastModified ?? date) <= time
}

/** The bytes that a request wants: some, everything, or a range that selects nothing. */
export type Wanted = "all" | "unsatisfiable" | "unknown" | ByteRange

/** The bytes of a representation of `total` bytes that a request wants. `unknown`: several ranges, or another unit. */
export const wantedBytes = (
  head: StoredHead,
  headers: RequestHeaders,
  total: number,
  settings: FreshnessSettings,
  now: number
): Wanted => {
  const text = headers["range"]
  if (text === undefined) return "all"
  if (!isRangeCurrent(head, headers["if-range"], settings, now)) return "all"
  const range = parseRange(text)
  if (range === undefined) return "unknown"
  return resolveRange(range, total) ?? "unsatisfiable"
}

// RFC 9110 §13.1.5: strong comparison, and an exact date, if the date is a strong validator (§8.8.2.2).
const isRangeCurrent = (
  head: StoredHead,
  condition: string | undefined,
  settings: FreshnessSettings,
  now: number
): boolean => {
  if (condition === undefined) return true
  const { date, etag, lastModified } = facts(head, settings)
  const tag = parseEntityTag(condition)
  if (tag !== undefined) return etag !== undefined && isStrongMatch(tag, etag)
  const time = HttpDate.parseAnyCase(condition, now)
  return (
    time !== undefined &&
    time === lastModified &&
    field(head.headers, "date") !== undefined &&
    date - lastModified >= 1000
  )
}
