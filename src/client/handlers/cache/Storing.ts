/**
 * Whether a response is stored, and with which fields (RFC 9111 §3). Internal to the client part.
 *
 * @since 0.1.0
 */
import { parseContentRange } from "../../../core/heads/ByteRanges.ts"
import { fieldsOf } from "../../../core/heads/CacheDirectives.ts"
import type { Directives } from "../../../core/heads/CacheDirectives.ts"
import { tokenList } from "../../../core/heads/FieldValues.ts"
import type { Pair } from "../../HeaderLines.ts"
import { facts, field, isExplicit, isHeuristicStatus, validators } from "./StoredHead.ts"
import type { FreshnessSettings, StoredHead } from "./StoredHead.ts"
import { varyNames } from "./Vary.ts"
import type { RequestHeaders } from "./Vary.ts"

/** The status codes whose rules for caches this cache implements. */
const understood = new Set([
  200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 410, 413, 414, 415, 421, 422, 429,
  451, 500, 501, 502, 503, 504
])

/** Fields that belong to one connection or one exchange (RFC 9111 §3.1, RFC 9110 §7.6.1). */
const notStored = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

/** The stored lines of a response. */
export const storedLines = (
  lines: ReadonlyArray<Pair>,
  directives: Directives,
  { mode, storesSetCookie }: FreshnessSettings
): ReadonlyArray<Pair> => {
  const left = new Set(notStored)
  if (!storesSetCookie) left.add("set-cookie")
  for (const [name, value] of lines) {
    if (name === "connection") for (const token of tokenList(value)) left.add(token.toLowerCase())
  }
  for (const name of listed(fieldsOf(directives, "no-cache"))) left.add(name)
  if (mode === "shared") for (const name of listed(fieldsOf(directives, "private"))) left.add(name)
  return lines.filter(([name]) => !left.has(name))
}

const listed = (fields: ReturnType<typeof fieldsOf>): ReadonlyArray<string> =>
  fields === undefined || fields === true ? [] : fields

/** A request as the rules of storing see it. */
export interface StoringRequest {
  readonly method: string
  readonly url: string
  readonly headers: RequestHeaders
  readonly directives: Directives
}

/** Whether a response may be stored. `head` has all its lines. Returns the reason why it may not, as `Cache-Status` names it. */
export const refusal = (request: StoringRequest, head: StoredHead, settings: FreshnessSettings): string | undefined => {
  const { directives, freshFor, staleIfError, staleWhileRevalidate } = facts(head, settings)
  const { byName } = directives
  const { headers, status } = head
  if (request.directives.byName.has("no-store") || request.directives.isMalformed) return "request-no-store"
  if (status < 200 || status === 304) return "status"
  const mustUnderstand = byName.has("must-understand")
  if (directives.isMalformed) return "malformed"
  if (mustUnderstand && !understood.has(status)) return "status"
  if (byName.has("no-store") && !mustUnderstand) return "no-store"
  if (varyNames(field(headers, "vary")) === "*") return "vary"
  if (settings.mode === "shared") {
    if (fieldsOf(directives, "private") === true) return "private"
    const isAllowed = byName.has("public") || byName.has("must-revalidate") || byName.has("s-maxage")
    if (request.headers["authorization"] !== undefined && !isAllowed) return "authorization"
  }
  const explicit = isExplicit(head, settings)
  if (request.method === "POST" && !(explicit && isItself(request.url, field(headers, "content-location")))) {
    return "method"
  }
  if (status === 206 && head.part === undefined) return "partial"
  const isPrivate = settings.mode === "private" && byName.has("private")
  if (!explicit && !byName.has("public") && !isPrivate && !isHeuristicStatus(status) && status !== 206) return "status"
  // Of no use later.
  const { etag, lastModified } = validators(head)
  const isUsable = freshFor > 0 || staleWhileRevalidate > 0 || (staleIfError ?? 0) > 0
  return isUsable || etag !== undefined || lastModified !== undefined ? undefined : "no-validator"
}

// RFC 9110 §9.3.3: a response to POST represents the resource only if it says so.
const isItself = (url: string, location: string | undefined): boolean => {
  if (location === undefined) return false
  const located = URL.parse(location, url)
  if (located === null) return false
  located.hash = ""
  return located.href === url
}

/** The part that a 206 response holds; `undefined` for several ranges and for an unknown length. */
export const partOf = (status: number, headers: ReadonlyArray<Pair>): StoredHead["part"] => {
  if (status !== 206) return undefined
  const type = field(headers, "content-type")?.toLowerCase()
  return type?.startsWith("multipart/byteranges") === true
    ? undefined
    : parseContentRange(field(headers, "content-range"))
}

/** Whether a body of so many bytes is the whole content that the head announces. */
export const isWhole = (head: StoredHead, bytes: number): boolean => {
  const length = field(head.headers, "content-length")
  if (length !== undefined && /^\d+$/.test(length) && Number(length) !== bytes) return false
  return head.part === undefined || head.part.last - head.part.first + 1 === bytes
}

const notUpdated = new Set(["content-encoding", "content-length", "content-range"])

/** The stored lines with those of a 304 or a HEAD response in their place (RFC 9111 §3.2). */
export const updatedLines = (stored: ReadonlyArray<Pair>, update: ReadonlyArray<Pair>): ReadonlyArray<Pair> => {
  const changes = update.filter(([name]) => !notUpdated.has(name))
  const changed = new Set(changes.map(([name]) => name))
  return [...stored.filter(([name]) => !changed.has(name)), ...changes]
}
