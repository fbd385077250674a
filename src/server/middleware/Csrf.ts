/**
 * Rejects requests that another site makes a browser send with the user's cookies (cross-site request forgery).
 *
 * **Example** (Forms of this site only)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { csrf } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .before(csrf({ allowedOrigins: ["https://example.com"] }))
 *   .handle(HttpServerResponse.text("hello"))
 *   .respond()
 * ```
 *
 * **Rules**
 *
 * 1. GET, HEAD and OPTIONS pass, as they change nothing, save the GET of a WebSocket: a browser opens it across sites, with cookies.
 * 2. `Sec-Fetch-Site` decides where it is present, since no page can set it: `same-origin` and `none` pass. `same-site` and `cross-site` pass only with an `Origin` in `allowedOrigins`.
 * 3. Without it `Origin` decides: it must be in `allowedOrigins` or, where that is left out, name the host of the request. `null` never passes.
 * 4. A request with neither passes: no browser of the last years sent it, and clients that are no browsers carry no ambient cookies.
 * 5. The content type does not matter: a page can send `text/plain`, and an empty type too.
 * 6. Other requests fail with `Reject` 403.
 *
 * **Order**
 *
 * A before, after `hostPolicy`, which vouches for the host, and before everything that acts. It needs no token and no session.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { readAuthority } from "../../core/heads/Hosts.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"

/**
 * Options of `csrf`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CsrfOptions {
  /** The origins whose pages may send requests, such as `https://example.com`: your own, and those that you trust. Default: the host of each request. */
  readonly allowedOrigins?: ReadonlyArray<string> | undefined
  /** The name of the middleware. Default: `csrf`. */
  readonly name?: string | undefined
}

const safe = new Set(["GET", "HEAD", "OPTIONS"])

const isSafe = ({ headers, method }: Request): boolean =>
  safe.has(method) && !/(?:^|,)\s*websocket\s*(?:,|$)/i.test(headers["upgrade"] ?? "")

/** The origin in its one spelling; `undefined` for `null` and for any other text. */
const canonicalOrigin = (text: string): string | undefined => {
  if (text.length > 300 || !/^[a-z][a-z\d+.-]*:\/\/[^/?#@\s]+$/i.test(text) || !URL.canParse(text)) return undefined
  const { host, protocol } = new URL(text)
  return `${protocol}//${host}`
}

/** Whether the origin names the host of the request, with any scheme: TLS may end at a proxy. */
const isOwn = (origin: string, { headers }: Request): boolean => {
  const host = readAuthority(headers["host"] ?? "")
  const { hostname, port, protocol } = new URL(origin)
  const standard = protocol === "https:" ? 443 : 80
  const named = readAuthority(hostname)
  if (host === undefined || named === undefined || host.host !== named.host) return false
  return (host.port ?? standard) === (port === "" ? standard : Number(port))
}

/**
 * Rejects forged requests of other sites.
 *
 * @category middleware
 * @since 0.1.0
 */
export const csrf = (options: CsrfOptions = {}): Middleware.Before<never, Reject> => {
  const name = nameOr("csrf", options.name)
  const check = checkOptions(name)
  const allowed =
    options.allowedOrigins === undefined
      ? undefined
      : new Set(
          options.allowedOrigins.map((text) => {
            const origin = canonicalOrigin(text)
            if (origin !== undefined) return origin
            throw check.invalid("allowedOrigins", `"${text}" is no origin: use "https://example.com"`)
          })
        )
  const passes = (request: Request): boolean => {
    const { headers } = request
    const site = headers["sec-fetch-site"]
    if (site === "same-origin" || site === "none") return true
    const text = headers["origin"]
    if (text === undefined) return site === undefined
    const origin = canonicalOrigin(text)
    if (origin === undefined) return false
    if (allowed?.has(origin) === true) return true
    return site === undefined && allowed === undefined && isOwn(origin, request)
  }
  return Middleware.before(name, (request) =>
    isSafe(request) || passes(request) ? Effect.void : Effect.fail(new Reject({ reason: "cross-site request" }))
  )
}
