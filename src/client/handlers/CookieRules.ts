/**
 * The rules of RFC 6265bis as pure functions: matching domains and paths, choosing the cookies to store and to send.
 *
 * 1. *Storing* (§5.7): a `Domain` must cover the host and be no public suffix, with or without a final dot; `Secure` comes only from a secure origin, and nothing
 *    from another overwrites it; `__Secure-`, `__Host-`, `__Http-` and `__Host-Http-` mean what they say, in any case; `SameSite=None` needs `Secure`. Life ends after
 *    400 days.
 * 2. *Sending* (§5.8.3): the cookies that match host, path, security and site; longer paths first, then older cookies.
 * 3. *Eviction*: all subdomains of one site share one bound, so that none of them can evict the cookies of other sites.
 *
 * `localhost`, its subdomains and loopback addresses count as secure, as in browsers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { getDomain, getPublicSuffix } from "tldts"

import { canonicalHost, isAddress, isLoopback } from "../../core/heads/Hosts.ts"
import { parseCookieDate, parseSetCookie } from "./SetCookie.ts"
import type { SetCookieLine } from "./SetCookie.ts"

/**
 * A cookie as the jar keeps it. Times are milliseconds since 1970.
 *
 * @category models
 * @since 0.1.0
 */
export const StoredCookie = Schema.Struct({
  name: Schema.String,
  value: Schema.String,
  domain: Schema.String,
  /** Whether it is for its own host only, not for subdomains. */
  hostOnly: Schema.Boolean,
  path: Schema.String,
  secure: Schema.Boolean,
  httpOnly: Schema.Boolean,
  sameSite: Schema.Literals(["default", "none", "lax", "strict"]),
  /** When it ends; without one, with the session. */
  expires: Schema.optionalKey(Schema.Finite),
  created: Schema.Finite,
  used: Schema.Finite
})

/**
 * A cookie as the jar keeps it.
 *
 * @category models
 * @since 0.1.0
 */
export type StoredCookie = typeof StoredCookie.Type

/**
 * On whose behalf a request is made, for `SameSite`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SiteContext {
  /** The page, or app, that asks. */
  readonly site: URL
  /** Whether the request changes the top-level page, by a safe method: `Lax` cookies then go with it. Default: false. */
  readonly navigation?: boolean
}

const day = 86_400_000
const longest = 400 * day

/** Whether cookies of the URL's origin may be `Secure`. */
const isSecure = ({ hostname, protocol }: URL): boolean =>
  protocol === "https:" || protocol === "wss:" || isLoopback(hostname)

/** Whether the host is the domain or below it (§5.1.3). */
export const domainMatches = (host: string, domain: string): boolean =>
  host === domain || (host.endsWith(`.${domain}`) && !isAddress(host))

/** Whether the path is the cookie's path or below it (§5.1.4). */
export const pathMatches = (path: string, cookiePath: string): boolean =>
  path === cookiePath || (path.startsWith(cookiePath) && (cookiePath.endsWith("/") || path[cookiePath.length] === "/"))

/** The path that a cookie without one gets (§5.1.4). */
export const defaultPath = (path: string): string => {
  const last = path.lastIndexOf("/")
  return path.startsWith("/") && last > 0 ? path.slice(0, last) : "/"
}

const suffixes = { allowPrivateDomains: true, extractHostname: false, validateHostname: false }

// The list of public suffixes knows no final dot: `com.` would pass as a name below `com`.
const isPublicSuffix = (domain: string): boolean => {
  const name = canonicalHost(domain)
  return getPublicSuffix(name, suffixes) === name
}

/** Sites that were looked up, since the list of suffixes is long and a jar asks for the same hosts again and again. */
const knownSites = new Map<string, string>()

/** The site of a host: its registrable domain, or the host itself where there is no domain. */
export const siteOfHost = (host: string): string => {
  const known = knownSites.get(host)
  if (known !== undefined) return known
  const name = canonicalHost(host)
  const site = isAddress(name) ? name : (getDomain(name, suffixes) ?? name)
  if (knownSites.size >= 10_000) knownSites.clear()
  knownSites.set(host, site)
  return site
}

const siteOf = ({ hostname, protocol }: URL): string => `${protocol.replace(/^ws/, "http")}//${siteOfHost(hostname)}`

/** Whether a request to the URL goes across sites (§5.2). */
const isCrossSite = (url: URL, context: SiteContext | undefined): boolean =>
  context !== undefined && siteOf(url) !== siteOf(context.site)

/** The identity of a cookie (§5.7): a later cookie replaces an earlier one with the same identity. */
export const cookieId = ({ domain, hostOnly, name, path }: StoredCookie): string =>
  JSON.stringify([domain, hostOnly, path, name])

const isSame = (a: StoredCookie, b: StoredCookie): boolean =>
  a.name === b.name && a.domain === b.domain && a.hostOnly === b.hostOnly && a.path === b.path

const expiryOf = ({ attributes }: SetCookieLine, now: number): number | undefined => {
  const maxAge = attributes.get("max-age")
  if (maxAge !== undefined) {
    const seconds = Number(maxAge)
    return seconds <= 0 ? 0 : Math.min(now + seconds * 1000, now + longest)
  }
  const date = attributes.get("expires")
  return date === undefined ? undefined : Math.min(parseCookieDate(date) ?? now, now + longest)
}

const sameSiteOf = ({ attributes }: SetCookieLine): StoredCookie["sameSite"] => {
  const value = attributes.get("samesite")?.toLowerCase()
  return value === "none" || value === "lax" || value === "strict" ? value : "default"
}

/** The domain of a cookie and whether it is for that host only; nothing when the cookie must be ignored (§5.7 steps 7 to 10). */
const scopeOf = (
  { attributes }: SetCookieLine,
  host: string
): { readonly domain: string; readonly hostOnly: boolean } | undefined => {
  const asked = (attributes.get("domain") ?? "").replace(/^\./, "").toLowerCase()
  if (!/^[\x20-\x7e]*$/.test(asked)) return undefined
  if (asked === "") return { domain: host, hostOnly: true }
  if (isPublicSuffix(asked)) return asked === host ? { domain: host, hostOnly: true } : undefined
  return domainMatches(host, asked) ? { domain: asked, hostOnly: false } : undefined
}

const prefixes = ["__host-http-", "__host-", "__secure-", "__http-"] as const

const prefixHolds = (cookie: StoredCookie, { attributes }: SetCookieLine): boolean => {
  // A nameless cookie must not look like one with a prefix when it is sent.
  const label = (cookie.name === "" ? cookie.value : cookie.name).toLowerCase()
  const prefix = prefixes.find((prefix) => label.startsWith(prefix))
  if (prefix === undefined) return true
  if (cookie.name === "" || !cookie.secure) return false
  if (prefix.endsWith("http-") && !cookie.httpOnly) return false
  return !prefix.startsWith("__host-") || (cookie.hostOnly && attributes.has("path") && cookie.path === "/")
}

/** The cookie that a line sets for the URL, or nothing when it must be ignored (§5.7). The expiry is in the past for a removed cookie. */
export const cookieFrom = (
  url: URL,
  line: string,
  now: number,
  stored: ReadonlyArray<StoredCookie>,
  context?: SiteContext
): StoredCookie | undefined => {
  const parsed = parseSetCookie(line)
  const scope = parsed === undefined ? undefined : scopeOf(parsed, url.hostname)
  if (parsed === undefined || scope === undefined) return undefined
  const { attributes, name, value } = parsed
  const expires = expiryOf(parsed, now)
  const path = attributes.get("path")
  const cookie: StoredCookie = {
    name,
    value,
    ...scope,
    path: path?.startsWith("/") ? path : defaultPath(url.pathname),
    secure: attributes.has("secure"),
    httpOnly: attributes.has("httponly"),
    sameSite: sameSiteOf(parsed),
    ...(expires === undefined ? {} : { expires }),
    created: now,
    used: now
  }
  const secure = isSecure(url)
  if (cookie.secure && !secure) return undefined
  if (!cookie.secure && !secure && stored.some((held) => guards(held, cookie))) return undefined
  if (cookie.sameSite === "none" && !cookie.secure) return undefined
  if (cookie.sameSite !== "none" && context?.navigation !== true && isCrossSite(url, context)) return undefined
  return prefixHolds(cookie, parsed) ? cookie : undefined
}

// §5.7: "leave secure cookies alone". A plain origin cannot overwrite, nor shadow, a cookie of a secure one.
const guards = (held: StoredCookie, cookie: StoredCookie): boolean =>
  held.secure &&
  held.name === cookie.name &&
  (domainMatches(held.domain, cookie.domain) || domainMatches(cookie.domain, held.domain)) &&
  pathMatches(cookie.path, held.path)

/** Bounds of a jar: how many cookies one site may have, and all sites together. */
export interface CookieLimits {
  readonly maxPerDomain: number
  readonly maxCookies: number
}

/** The cookies after the lines were stored, ended ones gone, within the limits: the least recently used leave first, plain ones before secure ones. */
export const store = (
  cookies: ReadonlyArray<StoredCookie>,
  url: URL,
  lines: ReadonlyArray<string>,
  now: number,
  limits: CookieLimits,
  context?: SiteContext
): ReadonlyArray<StoredCookie> => {
  const site = siteOfHost(url.hostname)
  const held = alive(cookies, now)
  // Only cookies of the answering site can be replaced or guarded: the others are looked at once, for the bound of all.
  const others = held.filter((cookie) => siteOfHost(cookie.domain) !== site)
  let kept: ReadonlyArray<StoredCookie> = held.filter((cookie) => siteOfHost(cookie.domain) === site)
  for (const line of lines) {
    const cookie = cookieFrom(url, line, now, kept, context)
    if (cookie === undefined) continue
    const replaced = kept.find((present) => isSame(present, cookie))
    const next = replaced === undefined ? cookie : { ...cookie, created: replaced.created }
    kept = bounded(alive([...kept.filter((present) => present !== replaced), next], now), limits.maxPerDomain)
  }
  return bounded([...others, ...kept], limits.maxCookies)
}

const alive = (cookies: ReadonlyArray<StoredCookie>, now: number): ReadonlyArray<StoredCookie> =>
  cookies.filter(({ expires }) => expires === undefined || expires > now)

const bounded = (cookies: ReadonlyArray<StoredCookie>, limit: number): ReadonlyArray<StoredCookie> => {
  if (cookies.length <= limit) return cookies
  const leaving = new Set(
    cookies.toSorted((a, b) => Number(a.secure) - Number(b.secure) || a.used - b.used).slice(0, cookies.length - limit)
  )
  return cookies.filter((cookie) => !leaving.has(cookie))
}

/** The cookies that go with a request to the URL, in the order of the header (§5.8.3). */
export const matching = (
  cookies: ReadonlyArray<StoredCookie>,
  url: URL,
  now: number,
  context?: SiteContext
): ReadonlyArray<StoredCookie> => {
  const secure = isSecure(url)
  const cross = isCrossSite(url, context)
  return alive(cookies, now)
    .filter(
      (cookie) =>
        (cookie.hostOnly ? url.hostname === cookie.domain : domainMatches(url.hostname, cookie.domain)) &&
        pathMatches(url.pathname, cookie.path) &&
        (secure || !cookie.secure) &&
        (!cross || cookie.sameSite === "none" || (cookie.sameSite !== "strict" && context?.navigation === true))
    )
    .toSorted((a, b) => b.path.length - a.path.length || a.created - b.created)
}
