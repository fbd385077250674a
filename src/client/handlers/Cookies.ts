/**
 * Cookies by RFC 6265bis: sends what the jar has for each request, and keeps what each response sets.
 *
 * 1. *run* sets the `Cookie` header from the `CookieJar`. Cookies that the caller put there stay in front, and beat those of the jar by name.
 * 2. *afterResponse* stores every `Set-Cookie` line, of error responses too, under the URL that answered. What a handler declared earlier answers sets nothing.
 * 3. A follow-up passes here again: a cookie that a redirect sets goes with the next hop, and one of another origin does not.
 *
 * Order: inside of redirect, retry and auth, which follow up; outside of cache and of what signs requests.
 *
 * Where it works: any `HttpClient`. With fetch, let it not follow redirects by itself (`RequestInit` with `redirect: "manual"`): the cookies of hops that it makes
 * are never seen. In a browser the page's own jar does all this, and scripts see neither header.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"

import * as ClientHandler from "../ClientHandler.ts"
import { setCookieLines } from "../RawHeaders.ts"
import { CookieJar } from "./CookieJar.ts"
import type { SiteContext, StoredCookie } from "./CookieRules.ts"

/**
 * Options of `cookies`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** On whose behalf the request is made, for `SameSite`. Default: on its own site's, so that every `SameSite` matches. */
  readonly context?: (request: ClientHandler.Request) => SiteContext | undefined
}

/** The value of the `Cookie` header: the caller's cookies, then those of the jar under other names. Nothing when there are none. */
export const cookieHeader = (given: string | undefined, found: ReadonlyArray<StoredCookie>): string | undefined => {
  const own = (given ?? "").split(";").flatMap((pair) => (pair.trim() === "" ? [] : [pair.trim()]))
  const names = new Set(own.map((pair) => (pair.includes("=") ? pair.slice(0, pair.indexOf("=")).trim() : "")))
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
export const cookies = ({ context }: Options = {}): ClientHandler.ClientHandler<never, CookieJar> =>
  ClientHandler.make("cookies", {
    run: ({ request }) => {
      const url = HttpClientRequest.toUrl(request)
      // The transport fails by itself for a URL that is none.
      if (Option.isNone(url)) return Effect.succeed(ClientHandler.proceedWith(true))
      return Effect.gen(function* () {
        const jar = yield* CookieJar
        const found = yield* jar.cookiesFor(url.value, context?.(request))
        const header = cookieHeader(request.headers["cookie"], found)
        return header === undefined
          ? ClientHandler.proceedWith(true)
          : ClientHandler.proceedWith(true, HttpClientRequest.setHeader(request, "cookie", header))
      })
    },
    afterResponse: ({ request }, outcome, entered) => {
      if (outcome._tag === "Failure" || entered._tag === "None") return Effect.void
      const lines = setCookieLines(outcome.response)
      const url = answeredBy(outcome.response)
      if (lines.length === 0 || url === undefined) return Effect.void
      return Effect.flatMap(CookieJar, (jar) => jar.store(url, lines, context?.(request)))
    }
  })

const answeredBy = (response: ClientHandler.Response): URL | undefined =>
  response.url === "" ? Option.getOrUndefined(HttpClientRequest.toUrl(response.request)) : new URL(response.url)
