/**
 * Whether a page of some origin may open a socket. Internal to the channel part.
 *
 * A request without an `Origin` does not come from a page of a browser, and is accepted.
 *
 * @since 0.1.0
 */
import { checkOptions } from "../core/Options.ts"

/**
 * The origins that may connect.
 *
 * - `{ host }`, which is recommended: the page's host is this one, whatever its scheme and port, as Phoenix's `check_origin: true`. Several hosts are a list.
 * - `host`: the page's host is that of the request. DNS rebinding passes this check: name the host.
 * - `same`: scheme, host and port are those of the request; the same weakness.
 * - `any`; a list of origins; or a function.
 *
 * An entry of a list may leave out the scheme, and then has any port that it does not name (`//example.com`); `https://example.com` has that of its scheme.
 * `//*.example.com` matches the host and all its subdomains.
 *
 * @category models
 * @since 0.1.0
 */
export type Origin =
  | { readonly host: string | ReadonlyArray<string> }
  | "host"
  | "same"
  | "any"
  | ReadonlyArray<string>
  | ((origin: string) => boolean)

const ports: Readonly<Record<string, string>> = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443" }

const entry = /^(?:([a-z][a-z\d+.-]*):)?\/\/(\*\.)?([^/:@*?#\\[\]]+|\[[^\]]+\])(?::(\d+))?\/?$/i

/** Reads an entry of a list. Throws for a mistake in it, which is one in the program. */
const rule = (text: string): ((url: URL) => boolean) => {
  const [, scheme, wildcard, host, port] = entry.exec(text) ?? []
  // A name is compared as browsers send it: in lower case, in ASCII.
  const name = host === undefined ? undefined : parsed(`http://${host}`)?.hostname
  if (name === undefined) {
    throw checkOptions("ChannelServer").invalid(
      "allowedOrigins",
      `"${text}" is no origin: write https://example.com, //example.com, or //*.example.com`
    )
  }
  const wanted = port ?? ports[`${scheme?.toLowerCase()}:`]
  return ({ hostname, port: given, protocol }) =>
    (scheme === undefined || protocol === `${scheme.toLowerCase()}:`) &&
    (wanted === undefined || (given === "" ? ports[protocol] : given) === wanted) &&
    (hostname === name || (wildcard !== undefined && hostname.endsWith(`.${name}`)))
}

const entriesOf = (origins: ReadonlyArray<string> | { readonly host: string | ReadonlyArray<string> }) =>
  "host" in origins
    ? [origins.host].flat().map((host) => (/[/:@]/.test(host) && !host.startsWith("[") ? host : `//${host}`))
    : origins

const parsed = (origin: string): URL | undefined => (URL.canParse(origin) ? new URL(origin) : undefined)

/** Makes the check of an `Origin` header; `authority` is the request's `Host`, and `secure` whether it came over TLS. */
export const check = (
  origins: Origin
): ((origin: string | undefined, authority: string | undefined, secure: boolean) => boolean) => {
  if (origins === "any") return () => true
  if (typeof origins === "function") return (origin) => origin === undefined || origins(origin)
  if (typeof origins !== "string") {
    const rules = entriesOf(origins).map(rule)
    return (origin) => {
      if (origin === undefined) return true
      const url = parsed(origin)
      return url !== undefined && rules.some((matches) => matches(url))
    }
  }
  return (origin, authority, secure) => {
    if (origin === undefined) return true
    const page = parsed(origin)
    const own = parsed(`${secure ? "https" : "http"}://${authority ?? ""}`)
    if (page === undefined || own === undefined) return false
    return origins === "host" ? page.hostname === own.hostname : page.origin === own.origin
  }
}
