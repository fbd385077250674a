/**
 * The preconditions of a request (RFC 9110 §13). Internal to the server part.
 *
 * @since 0.1.0
 */
import { isStrongMatch, isWeakMatch, parseEntityTags } from "../../core/heads/EntityTags.ts"
import type { EntityTag } from "../../core/heads/EntityTags.ts"
import * as HttpDate from "../../core/heads/HttpDate.ts"

/** The state of the requested resource: `undefined` where there is nothing. */
export type CurrentState =
  | {
      readonly etag: EntityTag | undefined
      /** In milliseconds, of whole seconds. */
      readonly lastModified: number | undefined
    }
  | undefined

type RequestHeaders = Readonly<Record<string, string | undefined>>

const names = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]

/** Whether a request has a precondition. */
export const hasPrecondition = (headers: RequestHeaders): boolean => names.some((name) => headers[name] !== undefined)

/** Whether a method only reads the resource. */
export const isReading = (method: string): boolean => method === "GET" || method === "HEAD"

/** The status by which a precondition ends the request, in the order of RFC 9110 §13.2.2; `undefined` where the request goes on. */
export const statusOf = (
  method: string,
  headers: RequestHeaders,
  state: CurrentState,
  now: number
): 304 | 412 | undefined => {
  const ifMatch = headers["if-match"]
  const lastModified = state?.lastModified
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, state, isStrongMatch)) return 412
  } else if (lastModified !== undefined) {
    const since = dateOf(headers["if-unmodified-since"], now)
    if (since !== undefined && lastModified > since) return 412
  }
  const ifNoneMatch = headers["if-none-match"]
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, state, isWeakMatch)) return isReading(method) ? 304 : 412
  } else if (isReading(method) && lastModified !== undefined) {
    const since = dateOf(headers["if-modified-since"], now)
    if (since !== undefined && lastModified <= since) return 304
  }
  return undefined
}

const matches = (list: string, state: CurrentState, equal: (a: EntityTag, b: EntityTag) => boolean): boolean => {
  if (state === undefined) return false
  const tags = parseEntityTags(list)
  if (tags === "*") return true
  const { etag } = state
  return etag !== undefined && tags !== undefined && tags.some((tag) => equal(tag, etag))
}

// A malformed date is ignored (RFC 9110 §13.1.3, §13.1.4).
const dateOf = (value: string | undefined, now: number): number | undefined =>
  value === undefined ? undefined : HttpDate.parse(value, now)
