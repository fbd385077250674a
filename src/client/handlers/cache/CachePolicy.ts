/**
 * Decides about a request from the stored heads alone (RFC 9111 §4). Pure: no clock, no store, no network. Internal to the client part.
 *
 * @since 0.1.0
 */
import { parseDirectives, seconds } from "../../../core/heads/CacheDirectives.ts"
import type { Directives } from "../../../core/heads/CacheDirectives.ts"
import { ageOf, facts, validators } from "./StoredHead.ts"
import type { FreshnessSettings, StoredHead } from "./StoredHead.ts"
import { isSelected } from "./Vary.ts"
import type { RequestHeaders } from "./Vary.ts"

/**
 * How a call uses the cache: the modes of fetch.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "default" | "no-store" | "reload" | "no-cache" | "force-cache" | "only-if-cached"

/** Why a request went to the network, in the words of RFC 9211 §2.2. */
export type Forward = "bypass" | "method" | "uri-miss" | "vary-miss" | "miss" | "request" | "stale" | "partial"

/** A decision about a request. */
export type Decision =
  /** Use this response: fresh, or stale with permission; `refresh` then also validates it. */
  | { readonly _tag: "Use"; readonly head: StoredHead; readonly isStale: boolean; readonly refresh: boolean }
  /** Ask the network whether this response can be used. */
  | { readonly _tag: "Validate"; readonly head: StoredHead; readonly forward: Forward }
  /** Ask the network. `stale` may answer when that fails. */
  | { readonly _tag: "Fetch"; readonly forward: Forward; readonly stale: StoredHead | undefined }
  /** Answer 504: the request wants no network. */
  | { readonly _tag: "Unavailable" }

/** A request as the policy sees it. */
export interface PolicyRequest {
  readonly headers: RequestHeaders
  readonly directives: Directives
  readonly mode: Mode
}

/** The directives of a request. `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111 §5.4). */
export const requestDirectives = (headers: RequestHeaders): Directives => {
  const value = headers["cache-control"]
  if (value !== undefined || headers["pragma"] === undefined) return parseDirectives(value)
  const pragma = parseDirectives(headers["pragma"])
  return pragma.byName.has("no-cache") ? parseDirectives("no-cache") : parseDirectives(undefined)
}

/** How long a response may still be used, in milliseconds; negative when it is stale. */
const freshLeft = (head: StoredHead, settings: FreshnessSettings, now: number): number =>
  facts(head, settings).freshFor - ageOf(head, settings, now)

/** Whether a stored response may be used as it is, and whether it is to be refreshed meanwhile. */
const use = (
  head: StoredHead,
  { directives, mode }: PolicyRequest,
  settings: FreshnessSettings,
  now: number
): { readonly isStale: boolean; readonly refresh: boolean } | undefined => {
  const left = freshLeft(head, settings, now)
  if (mode === "force-cache" || mode === "only-if-cached") return { isStale: left <= 0, refresh: false }
  const { isAlwaysValidated, isImmutable, isNeverStale, staleWhileRevalidate } = facts(head, settings)
  // RFC 8246 §2: a reload does not ask about it while it is fresh.
  if (mode === "no-cache" && isImmutable && !isAlwaysValidated && left > 0) return { isStale: false, refresh: false }
  if (isAlwaysValidated || mode === "no-cache" || directives.byName.has("no-cache")) return undefined
  const maxAge = seconds(directives, "max-age")
  if (maxAge !== undefined && ageOf(head, settings, now) > maxAge * 1000) return undefined
  if (maxAge === 0) return undefined
  const minFresh = (seconds(directives, "min-fresh") ?? 0) * 1000
  if (left > 0 && left >= minFresh) return { isStale: false, refresh: false }
  if (isNeverStale || minFresh > 0) return undefined
  if (directives.byName.has("max-stale")) {
    const argument = directives.byName.get("max-stale")![0]
    const allowed = argument === undefined ? Infinity : (seconds(directives, "max-stale") ?? 0) * 1000
    if (-left <= allowed) return { isStale: true, refresh: false }
  }
  return -left < staleWhileRevalidate && maxAge === undefined ? { isStale: true, refresh: true } : undefined
}

/** Decides about a request. `heads` are the stored responses of its key. */
export const decide = (
  request: PolicyRequest,
  heads: ReadonlyArray<StoredHead>,
  settings: FreshnessSettings,
  now: number
): Decision => {
  const isOnlyCached = request.mode === "only-if-cached" || request.directives.byName.has("only-if-cached")
  const selected = newest(heads.filter((head) => isSelected(head, request.headers)))
  if (selected === undefined) {
    if (isOnlyCached) return { _tag: "Unavailable" }
    return { _tag: "Fetch", forward: heads.length === 0 ? "uri-miss" : "vary-miss", stale: undefined }
  }
  if (request.mode === "reload") return { _tag: "Fetch", forward: "request", stale: undefined }
  if (selected.part === undefined) {
    const used = use(selected, request, settings, now)
    if (used !== undefined) return { _tag: "Use", head: selected, ...used }
  }
  if (isOnlyCached) return { _tag: "Unavailable" }
  const forward: Forward =
    selected.part !== undefined ? "partial" : freshLeft(selected, settings, now) > 0 ? "request" : "stale"
  const { etag, lastModified } = validators(selected)
  if (selected.part === undefined && (etag !== undefined || lastModified !== undefined)) {
    return { _tag: "Validate", head: selected, forward }
  }
  return { _tag: "Fetch", forward, stale: selected.part === undefined ? selected : undefined }
}

/** Whether partial content may be used as it is. */
export const isUsablePart = (
  head: StoredHead,
  request: PolicyRequest,
  settings: FreshnessSettings,
  now: number
): boolean => use(head, request, settings, now)?.refresh === false

/** The stored response that was made last (RFC 9111 §4), complete ones first. */
const newest = (heads: ReadonlyArray<StoredHead>): StoredHead | undefined => {
  let best: StoredHead | undefined
  for (const head of heads) {
    if (best === undefined || (best.part !== undefined && head.part === undefined)) best = head
    else if ((head.part === undefined) === (best.part === undefined) && head.respondedAt >= best.respondedAt)
      best = head
  }
  return best
}

/** Whether a stale response may answer while the network fails (RFC 5861 §4, RFC 9111 §4.2.4). `allowed` is the cache's own allowance in milliseconds. */
export const mayStandIn = (
  head: StoredHead,
  { directives }: PolicyRequest,
  settings: FreshnessSettings,
  now: number,
  allowed: number
): boolean => {
  const { isNeverStale, staleIfError } = facts(head, settings)
  if (isNeverStale) return false
  const requested = directives.byName.has("stale-if-error")
    ? (seconds(directives, "stale-if-error") ?? 0) * 1000
    : undefined
  const window = requested ?? staleIfError ?? allowed
  return window > 0 && -freshLeft(head, settings, now) < window
}
