/**
 * The cookies that a testing kit keeps between requests, as a browser does. Internal to the testing kits.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"

/** Keeps cookies. */
export interface CookieJar {
  /** The kept cookies, in the order in which they were first set. */
  readonly cookies: Effect.Effect<ReadonlyArray<Cookies.Cookie>>
  /** Sends a request with its cookies, and keeps those that the response sets. */
  readonly around: <A extends { readonly headers: Headers }>(
    request: globalThis.Request,
    exchange: Effect.Effect<A>
  ) => Effect.Effect<A>
}

/** An empty jar. */
export const makeJar = (): CookieJar => {
  let kept: ReadonlyArray<Cookies.Cookie> = []
  return {
    cookies: Effect.sync(() => kept),
    around: (request, exchange) =>
      Effect.gen(function* () {
        const header = Cookies.toRequestCookieHeader(kept, request.url, yield* Clock.currentTimeMillis)
        if (header !== undefined && !request.headers.has("cookie")) request.headers.set("cookie", header)
        const response = yield* exchange
        const now = yield* Clock.currentTimeMillis
        // One by one: a response may set cookies of one name for several paths.
        for (const set of response.headers.getSetCookie()) {
          kept = Cookies.mergeIntoArray(kept, request.url, Cookies.fromSetCookie(set), now)
        }
        return response
      })
  }
}
