/**
 * The cookies of a jar in memory: every method changes them in one step and says what has changed.
 *
 * @since 0.1.0
 */
import { cookieId, matching, siteOfHost, store } from "./CookieRules.ts"
import type { CookieLimits, SiteContext, StoredCookie } from "./CookieRules.ts"

/** New or changed cookies, and removed cookies. */
export interface CookieChanges {
  readonly added: ReadonlyArray<StoredCookie>
  readonly removed: ReadonlyArray<StoredCookie>
}

/** All cookies of one jar. */
export class CookieMemory {
  private cookies: ReadonlyArray<StoredCookie>
  private readonly limits: CookieLimits

  constructor(cookies: ReadonlyArray<StoredCookie>, limits: CookieLimits) {
    this.cookies = cookies
    this.limits = limits
  }

  store(url: URL, lines: ReadonlyArray<string>, now: number, context?: SiteContext): CookieChanges {
    return this.become(store(this.cookies, url, lines, now, this.limits, context))
  }

  cookiesFor(url: URL, now: number, context?: SiteContext): ReadonlyArray<StoredCookie> {
    const found = matching(this.cookies, url, now, context)
    if (found.length > 0) {
      const sent = new Set(found)
      this.cookies = this.cookies.map((cookie) => (sent.has(cookie) ? { ...cookie, used: now } : cookie))
    }
    return found
  }

  alive(now: number): ReadonlyArray<StoredCookie> {
    return this.cookies.filter(({ expires }) => expires === undefined || expires > now)
  }

  clear(): CookieChanges {
    return this.become([])
  }

  /** Takes over what a store holds for a site, save the cookies that only this jar has. */
  adopt(site: string, stored: ReadonlyArray<StoredCookie>, isOwn: (cookie: StoredCookie) => boolean): void {
    const present = new Map(this.cookies.map((cookie) => [cookieId(cookie), cookie]))
    const own = this.cookies.filter((cookie) => siteOfHost(cookie.domain) !== site || isOwn(cookie))
    const ids = new Set(own.map(cookieId))
    const taken = stored
      .filter((cookie) => !ids.has(cookieId(cookie)))
      .map((cookie) => ({ ...cookie, used: Math.max(cookie.used, present.get(cookieId(cookie))?.used ?? 0) }))
    this.cookies = [...own, ...taken]
  }

  private become(next: ReadonlyArray<StoredCookie>): CookieChanges {
    const before = new Set(this.cookies)
    const after = new Set(next)
    const ids = new Set(next.map(cookieId))
    const added = next.filter((cookie) => !before.has(cookie))
    const removed = this.cookies.filter((cookie) => !after.has(cookie) && !ids.has(cookieId(cookie)))
    this.cookies = next
    return { added, removed }
  }
}
