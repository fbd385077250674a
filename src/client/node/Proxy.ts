/**
 * Which proxy the requests of an origin go through, and the error of a proxy that does not connect.
 *
 * @since 0.1.0
 */
import * as Match from "effect/Match"
import * as Schema from "effect/Schema"

import { checkOptions } from "../../core/Options.ts"

/**
 * The proxy of all requests, or of the requests to a URL: `undefined` connects directly. The schemes are `http`, `https`, `socks5` (names are resolved here) and `socks5h` (names
 * are resolved by the proxy); user and password in the URL are its credentials.
 *
 * @category models
 * @since 0.1.0
 */
export type ProxyOption = string | ((url: URL) => string | undefined)

/**
 * A proxy did not connect: it wants credentials (`AuthenticationRequired`), it answered CONNECT with another status (`ConnectRejected`), it answered with an error code of
 * SOCKS (`SocksRejected`, RFC 1928 §6), or its answer is no answer of such a proxy (`InvalidReply`). It is the cause of an `HttpClientError`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProxyError extends Schema.TaggedError<ProxyError>()("ProxyError", {
  reason: Schema.Union([
    Schema.TaggedStruct("AuthenticationRequired", {}),
    Schema.TaggedStruct("ConnectRejected", { status: Schema.Int }),
    Schema.TaggedStruct("SocksRejected", { code: Schema.Int }),
    Schema.TaggedStruct("InvalidReply", {})
  ]),
  /** The proxy, without its credentials. */
  proxy: Schema.String,
  /** Host and port that it was to connect to. */
  target: Schema.String
}) {
  override get message(): string {
    return `The proxy ${this.proxy} did not connect to ${this.target}: ${adviceFor(this.reason)}`
  }
}

const adviceFor = Match.typeTags<ProxyError["reason"], string>()({
  AuthenticationRequired: () => "it wants other credentials: put user and password into the URL of `proxy`",
  ConnectRejected: ({ status }) => `it answered with status ${status}: see whether it allows this host and port`,
  SocksRejected: ({ code }) => `it answered with the SOCKS code ${code}: see whether it allows this host and port`,
  InvalidReply: () => "its answer is not that of such a proxy: check the scheme of `proxy`"
})

const schemes = new Set(["http:", "https:", "socks5:", "socks5h:"])

/** Reads the URL of a proxy; throws `InvalidOption` for another scheme. */
export const readProxy = (text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !schemes.has(url.protocol) || url.hostname === "") {
    // Never the text itself: it may hold a password.
    throw checkOptions("NodeTransport").invalid(
      "proxy",
      'a proxy is no URL of a known scheme: write one like "http://proxy.example:3128" or "socks5h://127.0.0.1:1080"'
    )
  }
  return url
}

/** The proxy as it may be shown. */
export const shownProxy = ({ host, protocol }: URL): string => `${protocol}//${host}`

const standardPorts: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" }

/**
 * The proxies of the environment: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.
 *
 * An entry of `NO_PROXY` is a host, optionally with a port; one that begins with a dot or an asterisk matches all names that end so, and `*` matches all. In a CGI
 * program `HTTP_PROXY` is ignored, since a request's header can set it.
 *
 * **Example** (The proxies of the environment)
 *
 * ```ts
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const transport = NodeTransport.layer({ proxy: NodeTransport.proxyFromEnvironment() })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const proxyFromEnvironment = (
  env: Readonly<Record<string, string | undefined>> = process.env
): ((url: URL) => string | undefined) => {
  const read = (name: string): string =>
    (env[name] ?? (name === "http_proxy" && "REQUEST_METHOD" in env ? "" : env[name.toUpperCase()]) ?? "").trim()
  const exceptions = read("no_proxy")
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
  return (url) => {
    const scheme = url.protocol.slice(0, -1)
    const text = read(`${scheme}_proxy`) || read("all_proxy")
    if (text === "" || exceptions.some((entry) => isException(entry, url))) return undefined
    return text.includes("://") ? text : `http://${text}`
  }
}

const isException = (entry: string, url: URL): boolean => {
  if (entry === "*") return true
  const [, host = entry, port] = /^(.+):(\d+)$/.exec(entry) ?? []
  if (port !== undefined && port !== (url.port === "" ? standardPorts[url.protocol] : url.port)) return false
  const name = url.hostname.replace(/^\[|\]$/g, "")
  const wanted = host.replace(/^\[|\]$/g, "")
  return /^[.*]/.test(wanted) ? name.endsWith(wanted.replace(/^\*/, "")) : name === wanted
}
