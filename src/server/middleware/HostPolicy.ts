/**
 * Admits only requests for the hosts that this server is: against DNS rebinding, poisoned links and poisoned caches.
 *
 * **Example** (One site and its subdomains)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { hostPolicy } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app")
 *   .before(hostPolicy({ hosts: ["example.com", "*.example.com", "localhost:3000"] }))
 *   .handle(HttpServerResponse.text("hello"))
 *   .respond()
 * ```
 *
 * **Rules**
 *
 * 1. A missing or malformed `Host` fails with `Reject` 400 (RFC 9112 §3.2), and so do two different ones: two lines, `Host` and another `:authority` (RFC 9113 §8.3.1), or
 *    `Host` and another host in an absolute target.
 * 2. An unlisted host fails with `Reject` 421 (RFC 9110 §15.5.20).
 * 3. Hosts compare without case and without a final dot; addresses compare in their canonical form.
 * 4. An entry with a port admits that port alone; one without a port admits every port. `*.example.com` admits every name below `example.com`, and not itself.
 *
 * **Order**
 *
 * A before, early; after `trustedProxy` with its option `host`, where a proxy changes `Host`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { readAuthority } from "../../core/heads/Hosts.ts"
import type { Authority } from "../../core/heads/Hosts.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"

/**
 * Options of `hostPolicy`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostPolicyOptions {
  /** The hosts of this server, such as `example.com`, `*.example.com`, `localhost:3000` or `[::1]`. */
  readonly hosts: ReadonlyArray<string>
  /** The name of the middleware. Default: `hostPolicy`. */
  readonly name?: string | undefined
}

type Rule = (authority: Authority) => boolean

const ruleOf = (check: OptionChecks, text: string): Rule => {
  const isBelow = text.startsWith("*.")
  const entry = readAuthority(isBelow ? text.slice(2) : text)
  if (entry === undefined || entry.host.includes("*")) {
    throw check.invalid("hosts", `"${text}" is no host: use "example.com", "*.example.com" or "localhost:3000"`)
  }
  const suffix = `.${entry.host}`
  return ({ host, port }) =>
    (entry.port === undefined || entry.port === port) && (isBelow ? host.endsWith(suffix) : host === entry.host)
}

interface Source {
  /** Names and values in turn, as Node keeps the lines of a head. */
  readonly rawHeaders?: ReadonlyArray<string>
  /** The target as it came: the platform may have taken its host away. */
  readonly url?: string
}

/** Every host that the request names: more than one makes it ambiguous. */
const namedHosts = ({ headers, source, url }: Request): ReadonlyArray<string> => {
  const named = new Set<string>()
  const { rawHeaders, url: sent } = source as Source
  // A request of the web platform always has an absolute URL, whatever its target was.
  const target = rawHeaders === undefined ? url : (sent ?? url)
  const lines = rawHeaders ?? []
  for (let at = 0; at + 1 < lines.length; at += 2) {
    if (/^(?:host|:authority)$/i.test(lines[at]!)) named.add(lines[at + 1]!.toLowerCase())
  }
  const authority = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1]
  if (authority !== undefined) named.add(authority.toLowerCase())
  // A trusted proxy may have put another host in its place.
  if (named.size > 1) return [...named]
  return headers["host"] === undefined ? [...named] : [headers["host"]]
}

/**
 * Admits requests by their host.
 *
 * @category middleware
 * @since 0.1.0
 */
export const hostPolicy = (options: HostPolicyOptions): Middleware.Before<never, Reject> => {
  const name = nameOr("hostPolicy", options.name)
  const check = checkOptions(name)
  const rules = options.hosts.map((host) => ruleOf(check, host))
  if (rules.length === 0) throw check.invalid("hosts", "it is empty: list the hosts of this server")
  return Middleware.before(name, (request) => {
    const [host, ...others] = namedHosts(request)
    const authority = host === undefined || others.length > 0 ? undefined : readAuthority(host)
    if (authority === undefined) return Effect.fail(new Reject({ reason: "bad host", status: 400 }))
    return rules.some((admits) => admits(authority))
      ? Effect.void
      : Effect.fail(new Reject({ reason: "unknown host", status: 421 }))
  })
}
