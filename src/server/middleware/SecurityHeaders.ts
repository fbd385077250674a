/**
 * Sets the headers by which browsers protect the users of a site, on every response.
 *
 * **Example** (The defaults, with images from elsewhere)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { securityHeaders } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("site")
 *   .sending(securityHeaders({ contentSecurityPolicy: { directives: { "img-src": ["'self'", "https://images.example"] } } }))
 *   .handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. Every response has the headers: errors, the router's 404 and the server's bare 500 too. A header that the response has stays as it is.
 * 2. The defaults are those of Helmet 8.
 * 3. `Strict-Transport-Security` is set over TLS only (RFC 6797 §7.2): on a TLS socket, or where a trusted proxy received the request over TLS.
 * 4. `'nonce'` in a policy becomes the nonce of the request, which `cspNonce` returns to the handler.
 * 5. A 304 has no policy with a nonce: the browser keeps the policy that came with the stored body.
 *
 * **Order**
 *
 * The first sending stage, so that it runs last and sees the headers of all others.
 *
 * **Gotchas**
 *
 * A stored page has the nonce of the request that it was made for: do not let a shared cache store it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import * as Middleware from "../Middleware.ts"
import { setMissingHeaders } from "../MissingHeaders.ts"
import { schemeOf } from "../RequestScheme.ts"
import type { ContentSecurityPolicy } from "./ContentSecurityPolicy.ts"
import { nonceOf } from "./CspNonce.ts"
import { policyText } from "./PolicyText.ts"

/**
 * The policies of `Referrer-Policy`.
 *
 * @category models
 * @since 0.1.0
 */
export type ReferrerPolicy =
  | "no-referrer"
  | "no-referrer-when-downgrade"
  | "origin"
  | "origin-when-cross-origin"
  | "same-origin"
  | "strict-origin"
  | "strict-origin-when-cross-origin"
  | "unsafe-url"

/**
 * How long, and for which hosts, browsers use TLS only (RFC 6797).
 *
 * @category models
 * @since 0.1.0
 */
export interface StrictTransportSecurity {
  /** How long a browser remembers it. Default: 365 days. */
  readonly maxAge?: Duration.Input | undefined
  /** Whether it holds for all subdomains. Default: true. */
  readonly includeSubDomains?: boolean | undefined
  /** Whether browsers may ship the host in their preload lists. It needs `includeSubDomains` and 365 days. Default: false. */
  readonly preload?: boolean | undefined
}

/**
 * Options of `securityHeaders`. `false` leaves a header out.
 *
 * @category models
 * @since 0.1.0
 */
export interface SecurityHeadersOptions {
  /** `Content-Security-Policy`. Default: Helmet's, from `'self'` alone. */
  readonly contentSecurityPolicy?: ContentSecurityPolicy | false | undefined
  /** `Content-Security-Policy-Report-Only`: a policy that browsers report and do not enforce. Default: none. */
  readonly contentSecurityPolicyReportOnly?: ContentSecurityPolicy | false | undefined
  /** `Cross-Origin-Embedder-Policy`. Default: none, since it blocks resources of others that do not opt in. */
  readonly crossOriginEmbedderPolicy?: "require-corp" | "credentialless" | "unsafe-none" | false | undefined
  /** `Cross-Origin-Opener-Policy`. Default: `same-origin`. */
  readonly crossOriginOpenerPolicy?:
    | "same-origin"
    | "same-origin-allow-popups"
    | "noopener-allow-popups"
    | "unsafe-none"
    | false
    | undefined
  /** `Cross-Origin-Resource-Policy`. Default: `same-origin`. */
  readonly crossOriginResourcePolicy?: "same-origin" | "same-site" | "cross-origin" | false | undefined
  /** `Origin-Agent-Cluster`. Default: true. */
  readonly originAgentCluster?: boolean | undefined
  /** `Permissions-Policy`: the origins that may use each feature, `self` and `*` among them; an empty list forbids it. Default: none. */
  readonly permissionsPolicy?: Readonly<Record<string, ReadonlyArray<string>>> | false | undefined
  /** `Referrer-Policy`; of several, a browser uses the last that it knows. Default: `no-referrer`. */
  readonly referrerPolicy?: ReferrerPolicy | ReadonlyArray<ReferrerPolicy> | false | undefined
  /** `Reporting-Endpoints`: the URLs that the directive `report-to` names. Default: none. */
  readonly reportingEndpoints?: Readonly<Record<string, string>> | false | undefined
  /** `Strict-Transport-Security`, over TLS only. Default: 365 days, with subdomains. */
  readonly strictTransportSecurity?: StrictTransportSecurity | false | undefined
  /** `X-Content-Type-Options`: `nosniff`. Default: true. */
  readonly xContentTypeOptions?: boolean | undefined
  /** `X-DNS-Prefetch-Control`. Default: `off`. */
  readonly xDnsPrefetchControl?: "off" | "on" | false | undefined
  /** `X-Download-Options`: `noopen`. Default: true. */
  readonly xDownloadOptions?: boolean | undefined
  /** `X-Frame-Options`. Default: `SAMEORIGIN`. */
  readonly xFrameOptions?: "DENY" | "SAMEORIGIN" | false | undefined
  /** `X-Permitted-Cross-Domain-Policies`. Default: `none`. */
  readonly xPermittedCrossDomainPolicies?: "none" | "master-only" | "by-content-type" | "all" | false | undefined
  /** `X-XSS-Protection`: `0`, which switches a harmful filter of old browsers off. Default: true. */
  readonly xXssProtection?: boolean | undefined
  /** The name of the middleware. Default: `securityHeaders`. */
  readonly name?: string | undefined
}

/**
 * Sets security headers on every response that does not have them.
 *
 * @category middleware
 * @since 0.1.0
 */
export const securityHeaders = (options: SecurityHeadersOptions = {}): Middleware.Sending => {
  const name = nameOr("securityHeaders", options.name)
  const check = checkOptions(name)
  const { contentSecurityPolicy = {}, contentSecurityPolicyReportOnly = false } = options
  const policies = [
    ["contentSecurityPolicy", "content-security-policy", contentSecurityPolicy],
    ["contentSecurityPolicyReportOnly", "content-security-policy-report-only", contentSecurityPolicyReportOnly]
  ] as const
  const texts = policies.flatMap(([option, header, policy]) =>
    policy === false ? [] : [{ header, ...policyText(check, option, policy) }]
  )
  const plain = {
    ...fixedHeaders(check, options),
    ...Object.fromEntries(texts.filter(({ usesNonce }) => !usesNonce).map(({ header, text }) => [header, text("")]))
  }
  const transport = transportSecurity(check, options.strictTransportSecurity ?? {})
  const overTls = transport === undefined ? plain : { ...plain, "strict-transport-security": transport }
  const withNonce = texts.filter(({ usesNonce }) => usesNonce)
  return Middleware.sending(name, (response, request) => {
    const headers = transport !== undefined && schemeOf(request) === "https" ? overTls : plain
    if (withNonce.length === 0 || response.status === 304) return setMissingHeaders(response, headers)
    const nonce = nonceOf(request)
    const own = Object.fromEntries(withNonce.map(({ header, text }) => [header, text(nonce)]))
    return setMissingHeaders(response, { ...headers, ...own })
  })
}

const openerPolicies = ["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"] as const
const referrerPolicies = [
  "no-referrer",
  "no-referrer-when-downgrade",
  "origin",
  "origin-when-cross-origin",
  "same-origin",
  "strict-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url"
] as const
const crossDomainPolicies = ["none", "master-only", "by-content-type", "all"] as const

/** The constant headers. */
const fixedHeaders = (check: OptionChecks, options: SecurityHeadersOptions): Record<string, string> => {
  const headers: Record<string, string> = {}
  const add = (header: string, value: string | false): void => {
    if (value !== false) headers[header] = value
  }
  const chosen = <A extends string>(
    option: keyof SecurityHeadersOptions,
    value: A | false,
    allowed: ReadonlyArray<A>
  ): A | false => check.oneOf<A | false>(option, value, [...allowed, false])
  const flag = (option: keyof SecurityHeadersOptions, value: boolean, text: string): string | false =>
    check.oneOf(option, value, [true, false]) && text
  const {
    crossOriginEmbedderPolicy: embedder = false,
    crossOriginOpenerPolicy: opener = "same-origin",
    crossOriginResourcePolicy: resource = "same-origin",
    originAgentCluster = true,
    referrerPolicy = "no-referrer",
    xContentTypeOptions = true,
    xDnsPrefetchControl = "off",
    xDownloadOptions = true,
    xFrameOptions = "SAMEORIGIN",
    xPermittedCrossDomainPolicies = "none",
    xXssProtection = true
  } = options
  const embedders = ["require-corp", "credentialless", "unsafe-none"] as const
  add("cross-origin-embedder-policy", chosen("crossOriginEmbedderPolicy", embedder, embedders))
  add("cross-origin-opener-policy", chosen("crossOriginOpenerPolicy", opener, openerPolicies))
  const resources = ["same-origin", "same-site", "cross-origin"] as const
  add("cross-origin-resource-policy", chosen("crossOriginResourcePolicy", resource, resources))
  add("origin-agent-cluster", flag("originAgentCluster", originAgentCluster, "?1"))
  add("permissions-policy", permissions(check, options.permissionsPolicy))
  const referrers = typeof referrerPolicy === "object" ? referrerPolicy : [referrerPolicy]
  add("referrer-policy", referrers.map((one) => chosen("referrerPolicy", one, referrerPolicies)).join(", "))
  if (referrerPolicy === false) delete headers["referrer-policy"]
  add("reporting-endpoints", endpoints(check, options.reportingEndpoints))
  add("x-content-type-options", flag("xContentTypeOptions", xContentTypeOptions, "nosniff"))
  add("x-dns-prefetch-control", chosen("xDnsPrefetchControl", xDnsPrefetchControl, ["off", "on"]))
  add("x-download-options", flag("xDownloadOptions", xDownloadOptions, "noopen"))
  add("x-frame-options", chosen("xFrameOptions", xFrameOptions, ["DENY", "SAMEORIGIN"]))
  const crossDomain = chosen("xPermittedCrossDomainPolicies", xPermittedCrossDomainPolicies, crossDomainPolicies)
  add("x-permitted-cross-domain-policies", crossDomain)
  add("x-xss-protection", flag("xXssProtection", xXssProtection, "0"))
  return headers
}

// RFC 9651 §3.1.2: the key of a dictionary.
const key = /^[a-z*][a-z\d_.*-]*$/

const origin = /^[a-z][a-z\d+.-]*:\/\/[^\s"'\\,;()/?#]+$/i

/** `camera=(), geolocation=(self "https://maps.example")`. */
const permissions = (check: OptionChecks, policy: SecurityHeadersOptions["permissionsPolicy"] = false) => {
  if (policy === false) return false
  const entries = Object.entries(policy)
  if (entries.length === 0) throw check.invalid("permissionsPolicy", "the policy has no feature: name one")
  return entries
    .map(([feature, allowed]) => {
      if (!key.test(feature)) {
        throw check.invalid("permissionsPolicy", `${JSON.stringify(feature)} is no feature: use one such as camera`)
      }
      const items = allowed.map((item) => {
        if (item === "*" || item === "self" || item === "src") return item
        if (origin.test(item) && /^[\x21-\x7e]+$/.test(item)) return `"${item}"`
        throw check.invalid("permissionsPolicy", `${JSON.stringify(item)} is not allowed: use self, * or an origin`)
      })
      return `${feature}=${items.includes("*") ? "*" : `(${items.join(" ")})`}`
    })
    .join(", ")
}

/** `default="https://reports.example/csp"`. */
const endpoints = (check: OptionChecks, urls: SecurityHeadersOptions["reportingEndpoints"] = false) => {
  if (urls === false) return false
  return Object.entries(urls)
    .map(([name, url]) => {
      if (key.test(name) && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(url) && (url.startsWith("/") || URL.canParse(url))) {
        return `${name}="${url}"`
      }
      throw check.invalid("reportingEndpoints", `${JSON.stringify(url)} of ${JSON.stringify(name)} is no URL`)
    })
    .join(", ")
}

const year = Duration.days(365)

const transportSecurity = (
  check: OptionChecks,
  options: NonNullable<SecurityHeadersOptions["strictTransportSecurity"]>
): string | undefined => {
  if (options === false) return undefined
  const { includeSubDomains = true, maxAge = year, preload = false } = options
  // No time at all makes browsers forget the host (RFC 6797 §6.1.1).
  const age = check.duration("strictTransportSecurity", maxAge, { zero: true })
  if (preload && (!includeSubDomains || Duration.isLessThan(age, year))) {
    throw check.invalid("strictTransportSecurity", "preload needs includeSubDomains and a maxAge of 365 days or more")
  }
  const seconds = Math.floor(Duration.toSeconds(age))
  return [
    `max-age=${seconds}`,
    ...(includeSubDomains ? ["includeSubDomains"] : []),
    ...(preload ? ["preload"] : [])
  ].join("; ")
}
