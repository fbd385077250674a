/**
 * Follows redirects by RFC 9110 §15.4, each hop as a follow-up, so that it passes every handler again: cookies, signing, address checks.
 *
 * **Example** (Following by hand over fetch)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { ClientChain } from "fairlead/client"
 * import { redirect, RedirectError } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("web").use(redirect({ maxRedirects: 5, sensitiveHeaders: ["x-tenant"] }))
 *
 * const Transport = FetchHttpClient.layer.pipe(
 *   Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
 * )
 * ```
 *
 * Rules:
 *
 * 1. 301, 302, 303, 307 and 308 with a `Location` are followed; 300 only where the options say so; 304, 305 and 306 never.
 * 2. 301 and 302 turn POST into GET; 303 turns everything but HEAD into GET; 307 and 308 keep method and body. With the method goes the body, and every
 *    `content-*` header with it. A kept body that cannot be sent twice fails with `FollowUpError`.
 * 3. Across origins `host`, `cookie`, every header whose name is a secret's, and the `sensitiveHeaders` are dropped; `keepHeaders` stay. With `strict` only
 *    `keepHeaders` and the headers of the body cross. User information in a URL is always dropped. Dropped headers do not come back when a later hop returns.
 * 4. A target without a fragment inherits that of the request (RFC 9110 §10.2.2). The query is sent as `Location` has it.
 * 5. `RedirectError` for too many hops; for a loop (the same method, URL and cookies were redirected before); from https to http; to a scheme other than http and
 *    https; to a forbidden origin; for a body that must not cross origins; and for an invalid `Location`, or two with different values.
 *
 * Order: inside a cache and a `total` of `timeouts`, outside the rest; handlers that sign or authorize come after it.
 *
 * Works with: any `HttpClient` that does not follow redirects itself: the node transports; `fetch` with `FetchHttpClient.RequestInit` of `{ redirect: "manual" }`, except
 * in browsers, which hide where a redirect leads. A transport that has followed by itself, past every handler, fails with `RedirectError` too.
 *
 * Limits: 10 hops. `maxRedirects` alone bounds them: hops do not count against the chain's `maxFollowUps`.
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

import { singleValue, utf8Text } from "../../core/heads/FieldValues.ts"
import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import { secretNames } from "../../core/heads/SecretNames.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { fieldLines, sourceUrl } from "../HeaderLines.ts"
import { originSet } from "./Origins.ts"
import { urlOf } from "./RequestUrl.ts"

/**
 * Options of `redirect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedirectOptions {
  /** The handler's name. Default: `redirect`. */
  readonly name?: string
  /** How many hops one call may take. Default: 10. */
  readonly maxRedirects?: number
  /** Whether 300 with a `Location` is followed, as 302 is. Default: false. */
  readonly followMultipleChoices?: boolean
  /** Whether a redirect may lead from https to http. Default: false. */
  readonly allowDowngrade?: boolean
  /** The origins that a redirect may lead to, in addition to the one that it comes from. Default: all. */
  readonly allowedOrigins?: ReadonlyArray<string>
  /** Headers that another origin must not see, in addition to the built-in names. Default: none. */
  readonly sensitiveHeaders?: ReadonlyArray<string>
  /** Headers that go to another origin although their names are those of secrets; with `strict`, the only ones that go. Default: none. */
  readonly keepHeaders?: ReadonlyArray<string>
  /** Whether only `keepHeaders` go to another origin. Default: false. */
  readonly strict?: boolean
  /** Whether a body that a redirect keeps (307, 308) is sent to another origin, or the redirect fails. Default: `send`. */
  readonly crossOriginBody?: "send" | "fail"
}

const Reason = Schema.Union([
  Schema.TaggedStruct("TooManyRedirects", { maxRedirects: Schema.Number }),
  Schema.TaggedStruct("RedirectLoop", {}),
  Schema.TaggedStruct("DowngradeForbidden", {}),
  Schema.TaggedStruct("UnsupportedScheme", {}),
  Schema.TaggedStruct("OriginForbidden", {}),
  Schema.TaggedStruct("CrossOriginBody", {}),
  Schema.TaggedStruct("InvalidLocation", {}),
  Schema.TaggedStruct("FollowedByTransport", {})
])

const advice = {
  TooManyRedirects: "more hops than allowed: raise `maxRedirects` if that many are meant",
  RedirectLoop: "the same request was redirected before: the server leads in a circle",
  DowngradeForbidden: "it leads from https to http: set `allowDowngrade` if that is meant",
  UnsupportedScheme: "it leads to a scheme other than http and https",
  OriginForbidden: "its origin is not among `allowedOrigins`: add it if that is meant",
  CrossOriginBody: "the request's body would go to another origin: set `crossOriginBody` to `send` if that is meant",
  InvalidLocation: "its Location is no URL, or there are several different ones",
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
  reason: Reason,
  /** The status of the redirect. */
  status: Schema.Int,
  /** The URL that redirected. */
  from: Schema.String,
  /** Where it leads. */
  to: Schema.String
}) {
  override get message(): string {
    return `Redirect ${this.status} from ${this.from} to ${this.to} is not followed: ${advice[this.reason._tag]}`
  }
}

/** The redirects of one logical request. */
interface Trail {
  readonly hops: number
  readonly seen: ReadonlySet<string>
}

/** One redirect, as far as the decision needs it. */
interface Hop {
  readonly status: number
  /** The lines of `Location`. */
  readonly locations: ReadonlyArray<string>
  /** The request as it was sent, and its URL. */
  readonly sent: ClientHandler.Request
  readonly from: URL
  /** The request as no handler had changed it: the next one is made of it. */
  readonly original: ClientHandler.Request
}

interface Settings {
  readonly maxRedirects: number
  readonly followMultipleChoices: boolean
  readonly allowDowngrade: boolean
  readonly allowedOrigins: ReadonlySet<string> | undefined
  readonly crossOriginBody: "send" | "fail"
  /** Whether a header goes to another origin. */
  readonly crosses: (name: string) => boolean
}

const settingsOf = (check: OptionChecks, options: RedirectOptions): Settings => {
  const kept = new Set(options.keepHeaders?.map((name) => name.toLowerCase()))
  const isSecret = secretNames({ add: options.sensitiveHeaders ?? [], keep: options.keepHeaders ?? [] })
  const { strict = false } = options
  return {
    maxRedirects: check.integer("maxRedirects", options.maxRedirects ?? 10, 0),
    followMultipleChoices: options.followMultipleChoices ?? false,
    allowDowngrade: options.allowDowngrade ?? false,
    allowedOrigins:
      options.allowedOrigins === undefined ? undefined : originSet(check, "allowedOrigins", options.allowedOrigins),
    crossOriginBody: check.oneOf("crossOriginBody", options.crossOriginBody ?? "send", ["send", "fail"]),
    crosses: (name) => {
      if (name === "host") return false
      return strict ? kept.has(name) || ofBody.test(name) : !isSecret(name, "header")
    }
  }
}

/** Where a redirect leads, or why it is not followed. */
const decide = (hop: Hop, trail: Trail, settings: Settings): ClientHandler.Request | RedirectError => {
  const { from, original, status } = hop
  const refuse = (_tag: Exclude<RedirectError["reason"]["_tag"], "TooManyRedirects">, to: string): RedirectError =>
    new RedirectError({ reason: { _tag }, status, from: redactUrl(from.href), to: redactUrl(to) })
  const location = oneLocation(hop.locations)
  const to = location === undefined ? undefined : resolve(location, from)
  if (to === undefined) return refuse("InvalidLocation", hop.locations.join(", "))
  if (to.protocol !== "http:" && to.protocol !== "https:") return refuse("UnsupportedScheme", to.href)
  if (from.protocol === "https:" && to.protocol === "http:" && !settings.allowDowngrade) {
    return refuse("DowngradeForbidden", to.href)
  }
  const isCrossOrigin = from.origin !== to.origin
  if (isCrossOrigin && settings.allowedOrigins?.has(to.origin) === false) return refuse("OriginForbidden", to.href)
  if (trail.seen.has(keyOf(hop))) return refuse("RedirectLoop", to.href)
  const { maxRedirects } = settings
  if (trail.hops >= maxRedirects) {
    const reason = { _tag: "TooManyRedirects", maxRedirects } as const
    return new RedirectError({ reason, status, from: redactUrl(from.href), to: redactUrl(to.href) })
  }
  const method = methodAfter(status, original.method)
  const changed = method !== original.method
  if (isCrossOrigin && !changed && original.body._tag !== "Empty" && settings.crossOriginBody === "fail") {
    return refuse("CrossOriginBody", to.href)
  }
  const hash = to.hash === "" ? from.hash : to.hash
  to.username = to.password = to.hash = ""
  return HttpClientRequest.makeWith(
    method,
    to.href,
    UrlParams.empty,
    hash === "" ? Option.none() : Option.some(hash.slice(1)),
    headersFor(original.headers, changed, isCrossOrigin ? settings.crosses : () => true),
    changed ? HttpBody.empty : original.body
  )
}

const methodAfter = (status: number, method: ClientHandler.Request["method"]): ClientHandler.Request["method"] => {
  if (status === 303) return method === "HEAD" ? "HEAD" : "GET"
  return status < 303 && method === "POST" ? "GET" : method
}

const ofBody = /^(?:content-.*|transfer-encoding|expect|trailer)$/

const headersFor = (
  headers: Headers.Headers,
  changed: boolean,
  crosses: (name: string) => boolean
): Headers.Headers => {
  const gone = Object.keys(headers).filter((name) => !crosses(name) || (changed && ofBody.test(name)))
  return Headers.removeMany(headers, gone)
}

// Cookies are part of the key: a server that sets one and sends back to the same URL does not loop.
const keyOf = ({ from, sent }: Hop): string =>
  JSON.stringify([sent.method, withoutHash(from), sent.headers["cookie"] ?? ""])

const withoutHash = ({ hash, href }: URL): string =>
  hash === "" && !href.endsWith("#") ? href : href.replace(/#.*$/, "")

const resolve = (location: string, from: URL): URL | undefined => {
  try {
    return new URL(location, from)
  } catch {
    return undefined
  }
}

/** The one target of all `Location` lines. fetch joins several lines by a comma and a blank, which no URL contains. */
const oneLocation = (lines: ReadonlyArray<string>): string | undefined => {
  const joined = lines.length === 1 ? lines[0]!.split(", ") : lines
  const isJoined = joined.length > 1 && joined.every((part) => /^(?:\/|[a-z][a-z\d+.-]*:)/i.test(part))
  const value = singleValue(isJoined ? joined : lines)
  return value === undefined ? undefined : utf8Text(value)
}

const isRedirect = (status: number, { followMultipleChoices }: Settings): boolean =>
  [301, 302, 303, 307, 308].includes(status) || (status === 300 && followMultipleChoices)

// `response.url` is where the transport got to. In a browser, an unfollowed redirect has status 0.
const followedByTransport = (response: ClientHandler.Response, from: URL): boolean => {
  if (response.status === 0) return true
  // A response made by hand came from nowhere: Effect then makes a URL of the request.
  if (sourceUrl(response) === "") return false
  const { url } = response
  return url !== "" && url !== withoutHash(from)
}

/**
 * Follows redirects.
 *
 * @category handlers
 * @since 0.1.0
 */
export const redirect = (
  options: RedirectOptions = {}
): ClientHandler.ClientHandler<RedirectError | ClientHandler.FollowUpError> => {
  const name = nameOr("redirect", options.name)
  const settings = settingsOf(checkOptions(name), options)
  const trails = ClientHandler.cell<Trail>(name, () => ({ hops: 0, seen: new Set() }))
  return ClientHandler.make(name, {
    afterResponse: (outcome, exchange) => {
      if (outcome._tag === "Failure") return undefined
      const { response } = outcome
      const sent = response.request
      const from = urlOf(sent)
      if (from === undefined) return undefined
      const { status } = response
      if (followedByTransport(response, from)) {
        const reason = { _tag: "FollowedByTransport" } as const
        return Exit.fail(new RedirectError({ reason, status, from: redactUrl(from.href), to: redactUrl(response.url) }))
      }
      // 201 has a Location too, and leads nowhere by it.
      if (response.headers["location"] === undefined || !isRedirect(status, settings)) return undefined
      const trail = exchange.get(trails)
      const hop: Hop = { status, locations: fieldLines(response, "location"), sent, from, original: exchange.original }
      const next = decide(hop, trail, settings)
      if (next instanceof RedirectError) return Exit.fail(next)
      exchange.set(trails, { hops: trail.hops + 1, seen: new Set(trail.seen).add(keyOf(hop)) })
      return ClientHandler.followUp(next, `redirect ${status}`, { isBounded: true })
    }
  })
}
