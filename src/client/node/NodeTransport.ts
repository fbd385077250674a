/**
 * A transport over undici. It controls the parts that a handler above an `HttpClient` cannot see.
 *
 * **Example** (A guarded transport)
 *
 * ```ts
 * import { ssrfPolicy } from "fairlead/client/handlers"
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const transport = NodeTransport.layer({ ssrfPolicy: ssrfPolicy(), connectTimeout: "3 seconds" })
 * ```
 *
 * Rules:
 *
 * 1. *Guarded connections*: with an `ssrfPolicy`, each address that a name resolves to is checked where the connection is made; `blockedBy` finds the reason in the
 *    failure.
 * 2. *Connect time-out*: `connectTimeout` covers the lookup, the proxy, the connection and TLS.
 * 3. *Raw headers*: `RawHeaders.of` returns the pairs as they came, `informationalResponses` the 1xx responses before the final one. A head larger than `maxHeaderBytes`
 *    fails with `HeadersTooLarge`.
 * 4. *A fresh connection on request*, by `freshConnection`: over HTTP/1.1, and closed after the response.
 * 5. *Proxies*, by HTTP CONNECT and SOCKS5; *unix sockets*; *client certificates by origin*. Rules 1 to 4 hold over all of them. With an `ssrfPolicy` a proxy is asked for
 *    the checked address and never for a name.
 * 6. *HTTP/1.1 only*, unless `tls: { allowH2: true }`: a body without `Content-Length` that an HTTP/2 server cuts by RST_STREAM with CANCEL or NO_ERROR ends like a
 *    complete body.
 *
 * Redirects are not followed: the `redirect` handler does that, past every guard. Works with: Node.
 *
 * @since 0.1.0
 */
import type { LookupFunction } from "node:net"

import type * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"

import { loadPeer } from "../../core/OptionalPeer.ts"
import { checkOptions } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import { isCausedBy } from "../handlers/Causes.ts"
import { originSet } from "../handlers/Origins.ts"
import { SsrfError } from "../handlers/SsrfPolicy.ts"
import type { SsrfPolicy } from "../handlers/SsrfPolicy.ts"
import type { OriginSettings } from "./Connector.ts"
import { readProxy } from "./Proxy.ts"
import type { ProxyOption } from "./Proxy.ts"
import type { TlsOptions } from "./TlsOptions.ts"
import type { TransportSettings } from "./UndiciTransport.ts"

export { nodeCodings as codings } from "../handlers/node/NodeCodings.ts"
export { freshConnection } from "./FreshConnection.ts"
export { HeadersTooLarge } from "./HeadersTooLarge.ts"
export { ProxyError, proxyFromEnvironment } from "./Proxy.ts"
export type { ProxyOption } from "./Proxy.ts"
export { informationalResponses } from "./ResponseHead.ts"
export type { InformationalResponse } from "./ResponseHead.ts"
export type { TlsOptions } from "./TlsOptions.ts"

/**
 * Options of the transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions {
  /** The addresses that may be connected to; pass the same policy to `ssrfGuard`. Default: all. */
  readonly ssrfPolicy?: SsrfPolicy
  /** How long a connection may take to be there; undici's clock for it is coarse, and may be up to a second late. Default: 10 seconds. */
  readonly connectTimeout?: Duration.Input
  /** How many connections one origin may have. Default: as many as are needed. */
  readonly maxConnectionsPerOrigin?: number
  /** How long an unused connection stays open. Default: 4 seconds. */
  readonly keepAliveTimeout?: Duration.Input
  /** How large the head of a response may be, over HTTP/1.1. Default: 16 KiB, 16384. */
  readonly maxHeaderBytes?: ByteSize.Input
  /** Resolves names. Default: `dns.lookup`. */
  readonly lookup?: LookupFunction
  /** Settings of TLS: `ca`, `cert`, `key`, `servername`, `rejectUnauthorized`, `allowH2`. Default: those of Node, without HTTP/2. */
  readonly tls?: TlsOptions
  /** The proxy of all requests, or of the requests to a URL; `proxyFromEnvironment()` reads those of the environment. Default: none. */
  readonly proxy?: ProxyOption
  /** The unix sockets of origins, such as `{ "http://docker.local": "/var/run/docker.sock" }`. Their requests use no proxy, and `ssrfPolicy` does not apply. Default: none. */
  readonly unixSockets?: Readonly<Record<string, string>>
  /** Settings of TLS for single origins, such as a client certificate: `{ "https://api.example.com": { cert, key } }`. Default: none. */
  readonly certificates?: Readonly<Record<string, TlsOptions>>
}

const settingsOf = (options: LayerOptions): TransportSettings => {
  const check = checkOptions("NodeTransport")
  const { lookup, maxConnectionsPerOrigin, maxHeaderBytes, proxy, ssrfPolicy, tls = {} } = options
  // One proxy for all requests is checked at once.
  if (typeof proxy === "string") readProxy(proxy)
  return {
    guard: ssrfPolicy,
    connectTimeout: Duration.toMillis(check.duration("connectTimeout", options.connectTimeout ?? "10 seconds")),
    keepAliveTimeout: Duration.toMillis(check.duration("keepAliveTimeout", options.keepAliveTimeout ?? "4 seconds")),
    maxConnectionsPerOrigin:
      maxConnectionsPerOrigin === undefined
        ? undefined
        : check.integer("maxConnectionsPerOrigin", maxConnectionsPerOrigin),
    maxHeaderBytes: maxHeaderBytes === undefined ? 16 * 1024 : check.bytes("maxHeaderBytes", maxHeaderBytes),
    lookup,
    tls,
    proxy,
    origins: originsOf(check, options)
  }
}

const originsOf = (
  check: OptionChecks,
  { certificates = {}, unixSockets = {} }: LayerOptions
): ReadonlyMap<string, OriginSettings> => {
  const settings = new Map<string, OriginSettings>()
  const add = (option: string, origin: string, more: OriginSettings): void => {
    for (const key of originSet(check, option, [origin])) settings.set(key, { ...settings.get(key), ...more })
  }
  for (const [origin, socketPath] of Object.entries(unixSockets)) add("unixSockets", origin, { socketPath })
  for (const [origin, tls] of Object.entries(certificates)) add("certificates", origin, { tls })
  return settings
}

/**
 * An `HttpClient` over undici.
 *
 * **Example** (Fetching what users link to)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { redirect, ssrfGuard, ssrfPolicy } from "fairlead/client/handlers"
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const policy = ssrfPolicy()
 * const client = ClientChain.make("links").use(redirect()).use(ssrfGuard({ policy }))
 * const transport = NodeTransport.layer({ ssrfPolicy: policy, connectTimeout: "3 seconds" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: LayerOptions = {}): Layer.Layer<HttpClient.HttpClient> => {
  const settings = settingsOf(options)
  const transport = loadPeer(() => import("./UndiciTransport.ts"), {
    entry: "fairlead/client/node",
    install: "@effect/platform-node@4.1"
  })
  return Layer.unwrap(Effect.map(transport, ({ undiciLayer }) => undiciLayer(settings)))
}

/**
 * Why the guard refused the connection of a failed request, when it did.
 *
 * @category accessors
 * @since 0.1.0
 */
export const blockedBy = (error: unknown): SsrfError | undefined => {
  const cause = HttpClientError.isHttpClientError(error) ? error.reason.cause : undefined
  return cause instanceof SsrfError ? cause : undefined
}

/**
 * Whether a request failed because its connection was not there in time.
 *
 * @category accessors
 * @since 0.1.0
 */
export const isConnectTimeout = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error) &&
  isCausedBy(error.reason.cause, ({ code }) => code === "UND_ERR_CONNECT_TIMEOUT")
