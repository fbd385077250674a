/**
 * Follows redirects by RFC 9110 §15.4, each hop as a follow-up, so that it passes every handler again: cookies, signing, address checks.
 *
 * 1. 301, 302, 303, 307 and 308 with a `Location` are followed; 300 only where the options say so; 304, 305 and 306 never.
 * 2. 301 and 302 turn POST into GET; 303 turns everything but HEAD into GET; 307 and 308 keep method and body. With the method goes the body, and every
 *    `content-*` header with it. A kept body that cannot be sent twice fails with `FollowUpError`.
 * 3. Across origins `authorization`, `proxy-authorization`, `cookie` and `host` are dropped, and the headers that the options name. User information in a URL
 *    is dropped always. What was dropped does not come back when a later hop returns.
 * 4. A target without a fragment inherits that of the request (RFC 9110 §10.2.2). The query is sent as `Location` has it.
 * 5. `RedirectError` for too many hops, for a loop (the same method, URL and cookies were redirected before: one redirect to itself that sets a cookie is none),
 *    from https to http, to a scheme other than http and https, and for a `Location` that is no URL.
 *
 * Order: behind caching and a total of `timeouts`, before the rest; whatever signs or authorizes goes behind it. Works over any `HttpClient` that does not follow redirects itself: the node
 * transports; `fetch` with `FetchHttpClient.RequestInit` of `{ redirect: "manual" }`, except in browsers, which hide where a redirect leads. A transport that has
 * followed by itself, past every handler, fails with `RedirectError` too. A hop counts against the chain's `maxFollowUps`.
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

import * as ClientHandler from "../ClientHandler.ts"

/**
 * Options of `redirect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many hops one call may take. Default: 10. */
  readonly limit?: number
  /** Whether 300 with a `Location` is followed, as 302 is. Default: false. */
  readonly multipleChoices?: boolean
  /** Whether a redirect may lead from https to http. Default: false. */
  readonly allowDowngrade?: boolean
  /** Headers that another origin must not see, beside those that it never sees. Default: `x-api-key`, `api-key`, `x-auth-token`, `x-csrf-token`. */
  readonly sensitiveHeaders?: ReadonlyArray<string>
}

const messages = {
  Limit: "more hops than allowed: raise `limit` if that many are meant",
  Loop: "the same request was redirected before: the server leads in a circle",
  Downgrade: "it leads from https to http: set `allowDowngrade` if that is meant",
  Scheme: "it leads to a scheme other than http and https",
  InvalidLocation: "its Location is no URL",
  FollowedByTransport:
    'the transport follows redirects itself, past the handlers: provide FetchHttpClient.RequestInit with { redirect: "manual" }'
} as const

/**
 * A redirect is not followed. URLs in it are redacted.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedirectError extends Schema.TaggedError<RedirectError>()("RedirectError", {
  reason: Schema.Literals(["Limit", "Loop", "Downgrade", "Scheme", "InvalidLocation", "FollowedByTransport"]),
  /** The status of the redirect. */
  status: Schema.Int,
  /** What redirected. */
  from: Schema.String,
  /** Where it leads. */
  to: Schema.String
}) {
  override get message(): string {
    return `Redirect ${this.status} from ${this.from} to ${this.to} is not followed: ${messages[this.reason]}`
  }
}

/** What one logical request has been through. */
interface Trail {
  readonly hops: number
  readonly seen: ReadonlySet<string>
}

/** One redirect, as far as the decision needs it. */
interface Hop {
  readonly status: number
  readonly location: string
  /** The request as it was sent, and its URL. */
  readonly sent: ClientHandler.Request
  readonly from: URL
  /** The request as no handler had changed it: the next one is made of it. */
  readonly original: ClientHandler.Request
}

type Settings = Required<Options>

const always = ["authorization", "proxy-authorization", "cookie", "host"]

/** Where a redirect leads, or why it is not followed. */
const decide = (hop: Hop, trail: Trail, settings: Settings): ClientHandler.Request | RedirectError => {
  const { from, original, status } = hop
  const refuse = (reason: RedirectError["reason"], to: string): RedirectError =>
    new RedirectError({ reason, status, from: UrlParams.redactUrl(from.href), to: UrlParams.redactUrl(to) })
  const location = utf8(hop.location)
  const to = resolve(location, from)
  if (to === undefined) return refuse("InvalidLocation", location)
  if (to.protocol !== "http:" && to.protocol !== "https:") return refuse("Scheme", to.href)
  if (from.protocol === "https:" && to.protocol === "http:" && !settings.allowDowngrade) {
    return refuse("Downgrade", to.href)
  }
  if (trail.seen.has(keyOf(hop))) return refuse("Loop", to.href)
  if (trail.hops >= settings.limit) return refuse("Limit", to.href)
  const method = methodAfter(status, original.method)
  const changed = method !== original.method
  const hash = to.hash === "" ? from.hash : to.hash
  to.username = to.password = to.hash = ""
  return HttpClientRequest.makeWith(
    method,
    to.href,
    UrlParams.empty,
    hash === "" ? Option.none() : Option.some(hash.slice(1)),
    headersFor(original.headers, changed, from.origin === to.origin ? [] : [...always, ...settings.sensitiveHeaders]),
    changed ? HttpBody.empty : original.body
  )
}

const methodAfter = (status: number, method: ClientHandler.Request["method"]): ClientHandler.Request["method"] => {
  if (status === 303) return method === "HEAD" ? "HEAD" : "GET"
  return status < 303 && method === "POST" ? "GET" : method
}

const ofBody = /^(?:content-.*|transfer-encoding|expect|trailer)$/

const headersFor = (headers: Headers.Headers, changed: boolean, dropped: ReadonlyArray<string>): Headers.Headers => {
  const names = new Set(dropped.map((name) => name.toLowerCase()))
  const gone = Object.keys(headers).filter((name) => names.has(name) || (changed && ofBody.test(name)))
  return Headers.removeMany(headers, gone)
}

// Cookies are part of the key: a server that sets one and sends back to the same URL does not loop.
const keyOf = ({ from, sent }: Hop): string =>
  JSON.stringify([sent.method, withoutHash(from), sent.headers["cookie"] ?? ""])

const withoutHash = ({ href }: URL): string => href.replace(/#.*$/, "")

const resolve = (location: string, from: URL): URL | undefined => {
  try {
    return new URL(location, from)
  } catch {
    return undefined
  }
}

// Header bytes arrive one to a character, while servers write URLs in UTF-8.
const utf8 = (location: string): string => {
  if (!/[\x80-\xff]/.test(location) || /[^\0-\xff]/.test(location)) return location
  try {
    const bytes = Uint8Array.from(location, (character) => character.charCodeAt(0))
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return location
  }
}

const isRedirect = (status: number, { multipleChoices }: Settings): boolean =>
  [301, 302, 303, 307, 308].includes(status) || (status === 300 && multipleChoices)

// `response.url` is where the transport got to. In a browser, a redirect that is not followed has status 0.
const followedByTransport = (response: ClientHandler.Response, from: URL): boolean =>
  response.status === 0 || (response.url !== "" && response.url !== withoutHash(from))

/**
 * Follows redirects.
 *
 * **Example** (Following by hand over fetch)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { ClientChain } from "fairlead/client"
 * import { redirect, RedirectError } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("web").use(redirect({ limit: 5, sensitiveHeaders: ["x-tenant-key"] }))
 *
 * const Transport = FetchHttpClient.layer.pipe(
 *   Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
 * )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const redirect = (
  options: Options = {}
): ClientHandler.ClientHandler<RedirectError | ClientHandler.FollowUpError> => {
  const settings: Settings = {
    limit: options.limit ?? 10,
    multipleChoices: options.multipleChoices ?? false,
    allowDowngrade: options.allowDowngrade ?? false,
    sensitiveHeaders: options.sensitiveHeaders ?? ["x-api-key", "api-key", "x-auth-token", "x-csrf-token"]
  }
  const trails = ClientHandler.cell<Trail>("redirect", () => ({ hops: 0, seen: new Set() }))
  return ClientHandler.make("redirect", {
    afterResponse: (exchange, outcome) => {
      if (outcome._tag === "Failure") return undefined
      const { response } = outcome
      const sent = response.request
      const from = Option.getOrUndefined(HttpClientRequest.toUrl(sent))
      if (from === undefined) return undefined
      if (followedByTransport(response, from)) {
        const to = UrlParams.redactUrl(response.url)
        const { status } = response
        return Exit.fail(
          new RedirectError({ reason: "FollowedByTransport", status, from: UrlParams.redactUrl(from.href), to })
        )
      }
      const location = response.headers["location"]
      // 201 has a Location too, and leads nowhere by it.
      if (location === undefined || !isRedirect(response.status, settings)) return undefined
      const trail = exchange.get(trails)
      const hop: Hop = { status: response.status, location, sent, from, original: exchange.original }
      const next = decide(hop, trail, settings)
      if (next instanceof RedirectError) return Exit.fail(next)
      exchange.set(trails, { hops: trail.hops + 1, seen: new Set(trail.seen).add(keyOf(hop)) })
      return ClientHandler.followUp(next, `redirect ${response.status}`)
    }
  })
}
