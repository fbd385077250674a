/**
 * The rules of RFC 6265bis as pure functions: parsing a `Set-Cookie` line, matching domains and paths, choosing what to store and what to send.
 *
 * 1. *Parsing* (§5.6): lines with control characters and pairs over 4096 octets are dropped, attributes over 1024 octets are left out, life ends after 400 days.
 * 2. *Storing* (§5.7): a `Domain` must cover the host and be no public suffix; `Secure` comes only from a secure origin, and nothing from another overwrites it;
 *    `__Secure-` and `__Host-` mean what they say, in any case; `SameSite=None` needs `Secure`.
 * 3. *Sending* (§5.8.3): what matches host, path, security and site; longer paths first, then older cookies.
 *
 * `localhost`, its subdomains and loopback addresses count as secure, as in browsers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { getDomain, getPublicSuffix } from "tldts"

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

interface Parsed {
  readonly name: string
  readonly value: string
  readonly attributes: ReadonlyMap<string, string>
}

const trim = (text: string): string => text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "")

const encoder = new TextEncoder()
const octets = (text: string): number => encoder.encode(text).length

const cut = (text: string, at: string): readonly [string, string | undefined] => {
  const index = text.indexOf(at)
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}

/** A line of `Set-Cookie`, or nothing when it must be ignored (§5.6). The last of several attributes counts. */
export const parseSetCookie = (line: string): Parsed | undefined => {
  // oxlint-disable-next-line no-control-regex -- §5.6 step 1: control characters, but not the tab
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) return undefined
  const [pair = "", ...rest] = line.split(";")
  const [left, right] = cut(pair, "=")
  const name = right === undefined ? "" : trim(left)
  const value = trim(right ?? left)
  if (name === "" && value === "") return undefined
  if (octets(name) + octets(value) > 4096) return undefined
  const attributes = new Map<string, string>()
  for (const part of rest) {
    const [key, text = ""] = cut(part, "=")
    const known = trim(key).toLowerCase()
    const given = trim(text)
    if (octets(given) > 1024 || ignored(known, given)) continue
    attributes.set(known, given)
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

const isAddress = (host: string): boolean => host.startsWith("[") || /^\d+(?:\.\d+){3}$/.test(host)

/** Whether cookies of the URL's origin may be `Secure`. */
const isSecure = ({ hostname, protocol }: URL): boolean =>
  protocol === "https:" ||
  protocol === "wss:" ||
  hostname === "localhost" ||
  hostname.endsWith(".localhost") ||
  hostname === "[::1]" ||
  /^127(?:\.\d+){3}$/.test(hostname)

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

const isPublicSuffix = (domain: string): boolean => getPublicSuffix(domain, suffixes) === domain

const siteOf = ({ hostname, protocol }: URL): string =>
  `${protocol.replace(/^ws/, "http")}//${getDomain(hostname, suffixes) ?? hostname}`

/** Whether a request to the URL goes across sites (§5.2). */
const isCrossSite = (url: URL, context: SiteContext | undefined): boolean =>
  context !== undefined && siteOf(url) !== siteOf(context.site)

const isSame = (a: StoredCookie, b: StoredCookie): boolean =>
  a.name === b.name && a.domain === b.domain && a.hostOnly === b.hostOnly && a.path === b.path

const expiryOf = ({ attributes }: Parsed, now: number): number | undefined => {
  const maxAge = attributes.get("max-age")
  if (maxAge !== undefined) {
    const seconds = Number(maxAge)
    return seconds <= 0 ? 0 : Math.min(now + seconds * 1000, now + longest)
  }
  const date = attributes.get("expires")
  return date === undefined ? undefined : Math.min(parseCookieDate(date) ?? now, now + longest)
}

const sameSiteOf = ({ attributes }: Parsed): StoredCookie["sameSite"] => {
  const value = attributes.get("samesite")?.toLowerCase()
  return value === "none" || value === "lax" || value === "strict" ? value : "default"
}

/** The domain of a cookie and whether it is for that host only; nothing when the cookie must be ignored (§5.7 steps 7 to 10). */
const scopeOf = (
  { attributes }: Parsed,
  host: string
): { readonly domain: string; readonly hostOnly: boolean } | undefined => {
  const asked = (attributes.get("domain") ?? "").replace(/^\./, "").toLowerCase()
  if (!/^[\x20-\x7e]*$/.test(asked)) return undefined
  if (asked === "") return { domain: host, hostOnly: true }
  if (isPublicSuffix(asked)) return asked === host ? { domain: host, hostOnly: true } : undefined
  return domainMatches(host, asked) ? { domain: asked, hostOnly: false } : undefined
}

const prefixHolds = (cookie: StoredCookie, { attributes }: Parsed): boolean => {
  // A nameless cookie must not look like one with a prefix when it is sent.
  const label = (cookie.name === "" ? cookie.value : cookie.name).toLowerCase()
  if (!label.startsWith("__secure-") && !label.startsWith("__host-")) return true
  if (cookie.name === "" || !cookie.secure) return false
  return label.startsWith("__secure-") || (cookie.hostOnly && attributes.has("path") && cookie.path === "/")
}

/** The cookie that a line sets for the URL, or nothing when it must be ignored (§5.7). The expiry is in the past for one that is taken back. */
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

// §5.7: "leave secure cookies alone". A plain origin cannot overwrite, nor shadow, what a secure one set.
const guards = (held: StoredCookie, cookie: StoredCookie): boolean =>
  held.secure &&
  held.name === cookie.name &&
  (domainMatches(held.domain, cookie.domain) || domainMatches(cookie.domain, held.domain)) &&
  pathMatches(cookie.path, held.path)

/** Bounds of a jar. */
export interface Limits {
  readonly perDomain: number
  readonly total: number
}

/** The cookies after the lines were stored, ended ones gone, within the limits: the least recently used leave first, plain ones ahead of secure ones. */
export const store = (
  cookies: ReadonlyArray<StoredCookie>,
  url: URL,
  lines: ReadonlyArray<string>,
  now: number,
  limits: Limits,
  context?: SiteContext
): ReadonlyArray<StoredCookie> => {
  let kept = alive(cookies, now)
  for (const line of lines) {
    const cookie = cookieFrom(url, line, now, kept, context)
    if (cookie === undefined) continue
    const before = kept.find((held) => isSame(held, cookie))
    const next = before === undefined ? cookie : { ...cookie, created: before.created }
    kept = alive([...kept.filter((held) => held !== before), next], now)
    kept = bounded(kept, (held) => held.domain === cookie.domain, limits.perDomain)
    kept = bounded(kept, () => true, limits.total)
  }
  return kept
}

const alive = (cookies: ReadonlyArray<StoredCookie>, now: number): ReadonlyArray<StoredCookie> =>
  cookies.filter(({ expires }) => expires === undefined || expires > now)

const bounded = (
  cookies: ReadonlyArray<StoredCookie>,
  counts: (cookie: StoredCookie) => boolean,
  limit: number
): ReadonlyArray<StoredCookie> => {
  const counted = cookies.filter(counts)
  if (counted.length <= limit) return cookies
  const leaving = new Set(
    counted.toSorted((a, b) => Number(a.secure) - Number(b.secure) || a.used - b.used).slice(0, counted.length - limit)
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
