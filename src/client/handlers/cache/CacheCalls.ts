/**
 * The requests of a cache: their keys, whether they are shared, and how they are sent. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as HttpClientRequest from "effect/http/HttpClientRequest"

import { isSameSearch, parseNoVarySearch } from "../../../core/heads/NoVarySearch.ts"
import type { Request } from "../../Decision.ts"
import type { CacheCall } from "./CacheSettings.ts"
import { hasCondition, isForOrigin } from "./Conditions.ts"
import { field, validators } from "./StoredHead.ts"
import type { StoredHead } from "./StoredHead.ts"
import type { CacheKey } from "./StoreTypes.ts"
import { selectingOf } from "./Vary.ts"

/** A key as a text: no two keys have the same. */
export const keyText = ({ content, partition, url }: CacheKey): string => JSON.stringify([partition, url, content])

/** The content of the keys of responses whose query counts in part. */
const searching = "search"

/** The key of responses to this URL whose query counts in part, by `No-Vary-Search`. */
export const searchKey = ({ key, url }: CacheCall): CacheKey => {
  const query = url.indexOf("?")
  return { ...key, url: query === -1 ? url : url.slice(0, query), content: searching }
}

/** The key of responses to exactly this URL. */
export const exactKey = ({ key, url }: CacheCall): CacheKey =>
  key.content === searching ? { ...key, url, content: "" } : key

/** The key that a response is stored under. */
export const storingKey = (call: CacheCall, headers: StoredHead["headers"]): CacheKey =>
  call.request.method === "QUERY" || parseNoVarySearch(field(headers, "no-vary-search")) === undefined
    ? exactKey(call)
    : searchKey(call)

/** The responses whose queries count in part, and are those of this URL. */
export const sameSearch = (heads: ReadonlyArray<StoredHead>, url: string): ReadonlyArray<StoredHead> =>
  heads.filter((head) => {
    const rule = parseNoVarySearch(field(head.headers, "no-vary-search"))
    return rule !== undefined && isSameSearch(rule, head.url, url)
  })

const limiting = ["no-cache", "no-store", "max-age", "min-fresh", "only-if-cached"]

/** Whether calls like this one can share a request. */
export const isShareable = ({ directives, headers, mode, request }: CacheCall): boolean =>
  request.method !== "HEAD" &&
  mode === "default" &&
  headers["range"] === undefined &&
  !hasCondition(headers) &&
  !isForOrigin(headers) &&
  !limiting.some((name) => directives.byName.has(name))

/** The name under which calls share a request: the key, and the headers that stored responses of the key vary by. */
export const sharingKey = (call: CacheCall, heads: ReadonlyArray<StoredHead>): string => {
  const varying = heads.at(-1)
  const selecting = varying === undefined ? [] : selectingOf(field(varying.headers, "vary"), call.headers)
  return JSON.stringify([keyText(call.key), selecting])
}

/** The request as it is sent, with the fields of its mode (Fetch §4.6). */
export const outgoing = ({ headers, mode, request }: CacheCall): Request => {
  if (headers["cache-control"] !== undefined) return request
  if (mode === "no-cache") return HttpClientRequest.setHeader(request, "cache-control", "max-age=0")
  if (mode !== "reload" && mode !== "no-store") return request
  const fields = { "cache-control": "no-cache", ...(headers["pragma"] === undefined ? { pragma: "no-cache" } : {}) }
  return HttpClientRequest.setHeaders(request, fields)
}

const conditions = ["if-none-match", "if-modified-since"]

/** The same call without its conditions. */
export const withoutConditions = (call: CacheCall): CacheCall => {
  if (!hasCondition(call.headers)) return call
  const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => !conditions.includes(name)))
  const request = conditions.reduce(HttpClientRequest.removeHeader, call.request)
  return { ...call, headers, request }
}

/** The request that asks whether a stored response can be used (RFC 9111 §4.3.1). */
export const conditional = (call: CacheCall, head: StoredHead): Request => {
  const { etag, lastModified } = validators(head)
  return HttpClientRequest.setHeaders(outgoing(withoutConditions(call)), {
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    ...(lastModified === undefined ? {} : { "if-modified-since": lastModified })
  })
}

/** Whether a failure is about the time of the caller who sent the request. */
export const isOfLeader = (cause: Cause.Cause<unknown>): boolean => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  return typeof error === "object" && error !== null && "_tag" in error && error._tag === "HttpTimeout"
}
