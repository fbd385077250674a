/**
 * Cross-origin resource sharing by the Fetch standard: browsers let the pages of the allowed origins read the responses.
 *
 * **Example** (One origin, with cookies)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { cors } from "fairlead/server/middleware"
 *
 * const api = Pipeline.make("api")
 *   .outer(cors({ allowedOrigins: ["https://app.example"], credentials: true }))
 *   .handle(HttpServerResponse.text("hello"))
 * ```
 *
 * **Rules**
 *
 * 1. A preflight is OPTIONS with `Origin` and `Access-Control-Request-Method` (Fetch §3.2.2). It is answered with 204, and no stage runs. Any other OPTIONS passes.
 * 2. Every response for an allowed origin has the headers, errors too. A refused origin gets no CORS header.
 * 3. `*` is sent only for `allowedOrigins: "*"`, and never with credentials.
 * 4. `Vary: Origin` is on every response whose headers depend on the origin: for refused origins, and without an origin, too. Preflights also vary by the method and the headers that they name.
 * 5. An opaque origin, `null`, is allowed where the list or the function says so, and by `"*"`.
 * 6. Where a response has an `Access-Control-Allow-Origin`, its CORS headers stay as they are.
 *
 * **Order**
 *
 * An outer, outside of authentication and rate limits: a preflight has no credential.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import { isEffect } from "../../core/Effects.ts"
import { tokenList } from "../../core/heads/FieldValues.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import type { Request, Response } from "../HttpTypes.ts"
import type * as Middleware from "../Middleware.ts"
import { outerWith } from "../MiddlewareOuter.ts"
import { addVary } from "../MissingHeaders.ts"

/**
 * The origins whose pages may read the responses: all, some, or those that a function accepts. In a list, `https://*.example.com` is every subdomain, and `null` is
 * every opaque origin.
 *
 * @category models
 * @since 0.1.0
 */
export type AllowedOrigins<R = never> =
  | "*"
  | ReadonlyArray<string>
  | ((origin: string, request: Request) => boolean | Effect.Effect<boolean, never, R>)

/**
 * Options of `cors`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CorsOptions<R = never> {
  /** The origins whose pages may read the responses. Required. */
  readonly allowedOrigins: AllowedOrigins<R>
  /** The methods that a page may use. Default: `GET, HEAD, PUT, PATCH, POST, DELETE`. */
  readonly allowedMethods?: ReadonlyArray<string> | undefined
  /** The request headers that a page may set. Default: those that it asks for. */
  readonly allowedHeaders?: ReadonlyArray<string> | undefined
  /** The response headers that a page may read beyond the safelisted ones. Default: none. */
  readonly exposedHeaders?: ReadonlyArray<string> | undefined
  /** Whether a page may send cookies and other credentials. Default: false. */
  readonly credentials?: boolean | undefined
  /** How long a browser may remember a preflight. Default: not sent, which is 5 seconds by the standard. */
  readonly maxAge?: Duration.Input | undefined
  /** Whether a public page may reach this server in a private network (Private Network Access). Default: false. */
  readonly privateNetwork?: boolean | undefined
  /** The name of the middleware. Default: `cors`. */
  readonly name?: string | undefined
}

/**
 * Lets the pages of other origins read the responses.
 *
 * @category middleware
 * @since 0.1.0
 */
export const cors = <R = never>(options: CorsOptions<R>): Middleware.Outer<never, never, R> => {
  const name = nameOr("cors", options.name)
  const policy = policyOf(checkOptions(name), options)
  const noContent = Exit.succeed(HttpServerResponse.empty({ status: 204 }))
  return outerWith<R>(name, {
    wrap: (app) =>
      Effect.withFiber(({ context }) =>
        isPreflight(Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)) ? noContent : app
      ),
    sending: (response, request) => {
      const varied = addVary(response, variedBy(policy, request))
      const origin = originOf(request)
      if (origin === undefined || response.headers[allowOrigin] !== undefined) return varied
      const allowed = policy.allows(origin, request)
      const answer = (allowed: boolean) => (allowed ? allowing(policy, varied, request, origin) : varied)
      return isEffect(allowed) ? Effect.map(allowed as Effect.Effect<boolean>, answer) : answer(allowed as boolean)
    }
  })
}

const allowOrigin = "access-control-allow-origin"
const requestMethod = "access-control-request-method"
const requestHeaders = "access-control-request-headers"
const requestPrivateNetwork = "access-control-request-private-network"

/** Whether a browser asks before it sends the request itself (Fetch §3.2.2). */
const isPreflight = ({ headers, method }: Request): boolean =>
  method === "OPTIONS" && headers["origin"] !== undefined && headers[requestMethod] !== undefined

// Fetch §3.1: an origin as it is serialized, or "null". A browser sends no other form.
const serializedOrigin = /^(?:null|[a-z][a-z\d+.-]*:\/\/[^\sA-Z/?#@"'<>\\^`{|},*]+)$/

const maxOriginChars = 512

const originOf = ({ headers }: Request): string | undefined => {
  const origin = headers["origin"]
  return origin !== undefined && origin.length <= maxOriginChars && serializedOrigin.test(origin) ? origin : undefined
}

interface Policy {
  readonly allows: (origin: string, request: Request) => unknown
  readonly isPublic: boolean
  readonly credentials: boolean
  readonly methods: string
  /** `undefined`: those that the page asks for. */
  readonly headers: string | undefined
  readonly exposed: string
  readonly maxAge: string | undefined
  readonly privateNetwork: boolean
}

const variedBy = ({ isPublic }: Policy, { method }: Request): ReadonlyArray<string> =>
  // A cache that stores the answer to an OPTIONS must not answer a preflight by it.
  [...(isPublic ? [] : ["Origin"]), ...(method === "OPTIONS" ? preflightVary : [])]

const preflightVary = [
  "Access-Control-Request-Method",
  "Access-Control-Request-Headers",
  "Access-Control-Request-Private-Network"
]

const allowing = (policy: Policy, response: Response, request: Request, origin: string): Response => {
  const headers: Record<string, string> = { [allowOrigin]: policy.isPublic ? "*" : origin }
  if (policy.credentials) headers["access-control-allow-credentials"] = "true"
  if (!isPreflight(request)) {
    if (policy.exposed !== "") headers["access-control-expose-headers"] = policy.exposed
    return HttpServerResponse.setHeaders(response, headers)
  }
  headers["access-control-allow-methods"] = policy.methods
  const asked = policy.headers ?? tokensOf(request.headers[requestHeaders])
  if (asked !== "") headers["access-control-allow-headers"] = asked
  if (policy.maxAge !== undefined) headers["access-control-max-age"] = policy.maxAge
  if (policy.privateNetwork && request.headers[requestPrivateNetwork] === "true") {
    headers["access-control-allow-private-network"] = "true"
  }
  return HttpServerResponse.setHeaders(response, headers)
}

const token = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/

/** The tokens of a list. Nothing else of a request comes back in a response. */
const tokensOf = (list: string | undefined): string =>
  list === undefined
    ? ""
    : tokenList(list)
        .filter((name) => token.test(name))
        .join(", ")

const policyOf = <R>(check: OptionChecks, options: CorsOptions<R>): Policy => {
  const {
    allowedHeaders,
    allowedMethods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"],
    allowedOrigins,
    credentials = false,
    exposedHeaders = [],
    maxAge,
    privateNetwork = false
  } = options
  check.oneOf("credentials", credentials, [true, false])
  check.oneOf("privateNetwork", privateNetwork, [true, false])
  const list = (option: keyof CorsOptions, names: ReadonlyArray<string>): string => {
    for (const name of names) {
      if (typeof name !== "string" || !token.test(name)) {
        throw check.invalid(option, `${JSON.stringify(name)} is not allowed: use a name, such as X-Total`)
      }
      // With credentials the asterisk is a name like any other (Fetch §3.2.4).
      if (name === "*" && credentials) {
        throw check.invalid(option, "* is not allowed with credentials: name each one")
      }
    }
    return names.join(", ")
  }
  if (allowedOrigins === "*" && credentials) {
    throw check.invalid(
      "allowedOrigins",
      "* is not allowed with credentials: name the origins, or accept them by a function"
    )
  }
  const seconds =
    maxAge === undefined ? undefined : Duration.toSeconds(check.duration("maxAge", maxAge, { zero: true }))
  return {
    allows: acceptor(check, allowedOrigins),
    isPublic: allowedOrigins === "*",
    credentials,
    methods: list("allowedMethods", allowedMethods),
    headers: allowedHeaders === undefined ? undefined : list("allowedHeaders", allowedHeaders),
    exposed: list("exposedHeaders", exposedHeaders),
    maxAge: seconds === undefined ? undefined : String(Math.floor(seconds)),
    privateNetwork
  }
}

const acceptor = <R>(check: OptionChecks, allowed: AllowedOrigins<R>): Policy["allows"] => {
  if (allowed === "*") return () => true
  if (typeof allowed === "function") return allowed
  if (!Array.isArray(allowed)) {
    throw check.invalid("allowedOrigins", `${JSON.stringify(allowed)} is not allowed: use "*", a list or a function`)
  }
  const origins = new Set<string>()
  const domains: Array<readonly [scheme: string, domain: string]> = []
  for (const origin of allowed) {
    const [, scheme, rest] = /^([a-z][a-z\d+.-]*:\/\/)\*(\..+)$/.exec(String(origin)) ?? []
    const plain = scheme === undefined || rest === undefined ? String(origin) : `${scheme}any${rest}`
    if (plain !== "null" && !isOrigin(plain)) {
      throw check.invalid(
        "allowedOrigins",
        `${JSON.stringify(origin)} is not allowed: use an origin as a browser writes it, such as https://app.example, in lower case and without a path`
      )
    }
    if (scheme === undefined || rest === undefined) origins.add(plain)
    else domains.push([scheme, rest])
  }
  return (origin) =>
    origins.has(origin) ||
    domains.some(
      ([scheme, domain]) =>
        origin.startsWith(scheme) && origin.endsWith(domain) && origin.length > scheme.length + domain.length
    )
}

/** Whether a browser would write the origin so: a default port, a path or an upper-case letter is never in one. */
const isOrigin = (origin: string): boolean => {
  if (!serializedOrigin.test(origin) || !URL.canParse(origin)) return false
  const { host, origin: canonical, protocol } = new URL(origin)
  // Schemes of apps and extensions have no origin by the URL standard: browsers write scheme and host.
  return canonical === "null" ? `${protocol}//${host}` === origin : canonical === origin
}
