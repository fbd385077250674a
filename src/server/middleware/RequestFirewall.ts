/**
 * Refuses requests that two readers may read in two ways: paths with encoded separators, dot segments and empty segments, unknown methods, too many headers.
 *
 * **Example** (First of all stages)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { requestFirewall } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .before(requestFirewall({ methods: ["GET", "HEAD", "POST"] }))
 *   .handle(HttpServerResponse.text("hello"))
 *   .respond()
 * ```
 *
 * **Rules**
 *
 * 1. A method outside of `methods` fails with `Reject` 501 (RFC 9110 §15.6.2). More header lines than `maxHeaders` fail with `Reject` 431 (RFC 6585 §5).
 * 2. A path fails with `Reject` 400 where it has an encoded `/`, `;` or `%`, a backslash, a segment `.` or `..` in any encoding, an empty segment (`//`), an encoded letter or digit, a control
 *    character such as `%00`, a malformed encoding, octets outside of UTF-8, or a character that must be encoded.
 * 3. So a path that passes has one reading: a prefix that one stage compares with the raw path is the prefix that the router finds in the decoded one, and no part of it is
 *    another origin where it becomes a `Location`.
 * 4. Both the target that came and the URL that earlier stages made of it are checked. The query is not.
 *
 * **Order**
 *
 * A before, the first: outside of every stage and router that looks at the path. On a web runtime the platform has resolved dot segments and backslashes before.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"

/**
 * A rule for paths that an application may switch off.
 *
 * @category models
 * @since 0.1.0
 */
export type PathRule =
  | "encoded-slash"
  | "backslash"
  | "encoded-semicolon"
  | "encoded-percent"
  | "empty-segment"
  | "needless-encoding"

/**
 * Options of `requestFirewall`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestFirewallOptions {
  /** The methods of this server, in upper case. Default: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS and QUERY. */
  readonly methods?: ReadonlyArray<string> | undefined
  /** How many header lines a request may have. Default: 100. */
  readonly maxHeaders?: number | undefined
  /** Rules that do not apply, for paths that need them. Default: none. */
  readonly allow?: ReadonlyArray<PathRule> | undefined
  /** The name of the middleware. Default: `requestFirewall`. */
  readonly name?: string | undefined
}

const standardMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]

const patterns: Readonly<Record<PathRule, RegExp>> = {
  "encoded-slash": /%2f/i,
  backslash: /\\|%5c/i,
  "encoded-semicolon": /%3b/i,
  "encoded-percent": /%25/,
  "empty-segment": /\/\//,
  // RFC 3986 §2.3: letters, digits, `-`, `.` and `_`. Old clients encode `~`.
  "needless-encoding": /%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f)/i
}

// RFC 3986 §3.3, and the characters that browsers leave as they are.
const unencoded = /[^\w\-.~!$&'()*+,;=:@%/[\]|\\]/

const control = /\p{Cc}/u

/** The rule that the path breaks. */
const faultOf = (path: string, rules: ReadonlyArray<readonly [string, RegExp]>): string | undefined => {
  if (path === "*") return undefined
  if (!path.startsWith("/")) return "relative-path"
  if (unencoded.test(path)) return "unencoded-character"
  const broken = rules.find(([, pattern]) => pattern.test(path))
  if (broken !== undefined) return broken[0]
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return "malformed-encoding"
  }
  if (control.test(decoded)) return "control-character"
  // A parameter after a semicolon is no part of the name: `/..;/` is a dot segment to some readers.
  return decoded.split(/[/\\]/).some((segment) => /^\.{1,2}(?:;|$)/.test(segment)) ? "dot-segment" : undefined
}

interface Source {
  /** The target as it came; an absolute URL on a web runtime. */
  readonly url?: unknown
  /** Names and values in turn, as Node keeps the lines of a head. */
  readonly rawHeaders?: ReadonlyArray<string>
}

/** The path of a target, without the origin of an absolute one. A fragment belongs to no request, and stays in the path. */
const pathOf = (target: string): string => {
  const path = target.replace(/\?.*$/s, "")
  const origin = /^https?:\/\/[^/?#\\]*/i.exec(path)
  return origin === null ? path : path.slice(origin[0].length) || "/"
}

const headerCount = ({ headers, source }: Request): number => {
  const { rawHeaders } = source as Source
  return rawHeaders === undefined ? Object.keys(headers).length : rawHeaders.length / 2
}

/**
 * Refuses ambiguous requests.
 *
 * @category middleware
 * @since 0.1.0
 */
export const requestFirewall = (options: RequestFirewallOptions = {}): Middleware.Before<never, Reject> => {
  const name = nameOr("requestFirewall", options.name)
  const check = checkOptions(name)
  const methods = new Set(options.methods ?? standardMethods)
  const maxHeaders = check.integer("maxHeaders", options.maxHeaders ?? 100)
  const allowed = options.allow ?? []
  for (const rule of allowed) check.oneOf("allow", rule, Object.keys(patterns) as ReadonlyArray<PathRule>)
  if (methods.size === 0) throw check.invalid("methods", "it is empty: list the methods of this server")
  for (const method of methods) {
    if (!/^[A-Z][A-Z-]*$/.test(method)) {
      throw check.invalid("methods", `"${method}" is no method: use upper case, such as "GET"`)
    }
  }
  const rules = Object.entries(patterns).filter(([rule]) => !allowed.includes(rule as PathRule))
  const rejected = (status: number, reason: string) => Effect.fail(new Reject({ status, reason }))

  return Middleware.before(name, (request) => {
    if (!methods.has(request.method)) return rejected(501, "unknown method")
    if (headerCount(request) > maxHeaders) return rejected(431, "too many headers")
    const { url: sent } = request.source as Source
    const targets = typeof sent === "string" && sent !== request.url ? [sent, request.url] : [request.url]
    for (const target of targets) {
      const fault = faultOf(pathOf(target), rules)
      if (fault !== undefined) return rejected(400, `bad path: ${fault}`)
    }
    return Effect.void
  })
}
