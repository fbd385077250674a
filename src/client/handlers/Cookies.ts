/**
 * Cookies by RFC 6265bis: sends what the jar has for each request, and keeps what each response sets.
 *
 * 1. *run* sets the `Cookie` header from the `CookieJar`. Cookies that the caller put there stay in front, and beat those of the jar by name.
 * 2. *afterResponse* stores every `Set-Cookie` line, of error responses too, under the URL that answered. Responses of handlers declared earlier set nothing.
 * 3. A follow-up passes here again: a cookie that a redirect sets goes with the next hop, and one of another origin does not.
 *
 * Order: inside of redirect, retry and auth, which follow up; outside of cache and of handlers that sign requests.
 *
 * Where it works: any `HttpClient`. With fetch, let it not follow redirects by itself (`RequestInit` with `redirect: "manual"`): the cookies of hops that it makes
 * are never seen. In a browser the page's own jar does all this, and scripts see neither header.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"

import { trimBlanks } from "../../core/heads/FieldValues.ts"
import { nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import * as RawHeaders from "../RawHeaders.ts"
import { CookieJar } from "./CookieJar.ts"
import type { SiteContext, StoredCookie } from "./CookieRules.ts"
import { urlOf } from "./RequestUrl.ts"

/**
 * Options of `cookies`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CookiesOptions {
  /** The handler's name. Default: `cookies`. */
  readonly name?: string
  /** On whose behalf the request is made, for `SameSite`. Default: on its own site's, so that every `SameSite` matches. */
  readonly siteContext?: (request: ClientHandler.Request) => SiteContext | undefined
}

/** The value of the `Cookie` header: the caller's cookies, then those of the jar under other names. `undefined` without any cookie. */
export const cookieHeader = (given: string | undefined, found: ReadonlyArray<StoredCookie>): string | undefined => {
  const own = (given ?? "")
    .split(";")
    .map(trimBlanks)
    .filter((pair) => pair !== "")
  const names = new Set(own.map((pair) => (pair.includes("=") ? trimBlanks(pair.slice(0, pair.indexOf("="))) : "")))
  const pairs = found
    .filter(({ name }) => !names.has(name))
    .map(({ name, value }) => (name === "" ? value : `${name}=${value}`))
  return own.length + pairs.length === 0 ? undefined : [...own, ...pairs].join("; ")
}

/**
 * Sends and keeps cookies.
 *
 * **Example** (A client with a jar)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { ClientChain } from "fairlead/client"
 * import { CookieJar, cookies } from "fairlead/client/handlers"
 *
 * const HttpClientLive = ClientChain.layer(ClientChain.make("api").use(cookies())).pipe(Layer.provide(CookieJar.layer()))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const cookies = ({ name, siteContext }: CookiesOptions = {}): ClientHandler.ClientHandler<never, CookieJar> =>
  ClientHandler.make(nameOr("cookies", name), {
    run: ({ request }) => {
      const url = urlOf(request)
      // The transport fails by itself for an invalid URL.
      if (url === undefined) return Effect.succeed(entered)
      return Effect.flatMap(CookieJar, (jar) =>
        Effect.map(jar.cookiesFor(url, siteContext?.(request)), (found) => {
          if (found.length === 0 && request.headers["cookie"] === undefined) return entered
          const header = cookieHeader(request.headers["cookie"], found)
          return header === undefined
            ? entered
            : ClientHandler.proceedWith(true, HttpClientRequest.setHeader(request, "cookie", header))
        })
      )
    },
    afterResponse: (outcome, { request }, state) => {
      if (outcome._tag === "Failure" || state._tag === "None") return Effect.void
      const lines = RawHeaders.setCookies(outcome.response)
      if (lines.length === 0) return Effect.void
      const url = answeredBy(outcome.response)
      if (url === undefined) return Effect.void
      return Effect.flatMap(CookieJar, (jar) => jar.store(url, lines, siteContext?.(request)))
    }
  })

const entered = ClientHandler.proceedWith(true)

const answeredBy = (response: ClientHandler.Response): URL | undefined =>
  response.url === "" ? urlOf(response.request) : new URL(response.url)
