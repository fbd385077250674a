/**
 * Reads the client's address, scheme and host from the headers that your own proxies set, and from nobody else's.
 *
 * **Example** (Behind a load balancer in a private network)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { HttpServerRequest, HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { trustedProxy } from "fairlead/server/middleware"
 *
 * const whoAmI = Effect.map(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
 *   HttpServerResponse.text(Option.getOrElse(remoteAddress, () => "unknown"))
 * )
 *
 * const app = Pipeline.make("app").outer(trustedProxy({ trust: ["10.0.0.0/8", "::1"] })).handle(whoAmI)
 * ```
 *
 * **Rules**
 *
 * 1. The chain is read from right to left, from the peer of the connection on, for as long as each address is trusted. The first untrusted address is the client's.
 * 2. Only one family of fields is read, `X-Forwarded-*` or `Forwarded` (RFC 7239): a proxy that sets one leaves the other as the client wrote it.
 * 3. From an untrusted peer nothing is read, and both families of fields are removed from the request.
 * 4. An entry that is no address (`unknown`, an obfuscated name) ends the chain: the client's address is then that of the last trusted proxy.
 * 5. Addresses are canonical: IPv6 in its shortest form, an IPv4 address within IPv6 as IPv4, without a port.
 * 6. The scheme and, with `host`, the host are those of the proxy that the client talked to. A list shorter than the chain counts from its first element.
 *
 * **Order**
 *
 * The first outer: rate limits, address lists and host policies read what it found. In an application use the fairing of the same name, so that access logs do too.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"

import { isWithin } from "../../core/heads/AddressRange.ts"
import { canonicalAddress, forwardedList, nodeAddress, parseForwarded } from "../../core/heads/Forwarded.ts"
import type { ForwardedHop } from "../../core/heads/Forwarded.ts"
import { readAuthority } from "../../core/heads/Hosts.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import type { ModifyOptions } from "../RequestView.ts"
import * as RequestView from "../RequestView.ts"
import { noteTrusted } from "../TrustedRequests.ts"
import { networksOf } from "./Networks.ts"

/**
 * Options of `trustedProxy`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TrustedProxyOptions {
  /** The addresses and networks of your proxies, such as `10.0.0.0/8` or `::1`. */
  readonly trust: ReadonlyArray<string>
  /** The family of fields that your proxies set. Default: `x-forwarded`. */
  readonly fields?: "x-forwarded" | "forwarded" | undefined
  /** Whether the host is read too, and set as the request's `Host`. Default: false. */
  readonly host?: boolean | undefined
  /** The name of the middleware. Default: `trustedProxy`. */
  readonly name?: string | undefined
}

const all = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip"]

/** The hops of the fields, from the client to the nearest proxy; their lists are aligned at the right end. */
const hopsOf = (headers: Headers.Headers, fields: "x-forwarded" | "forwarded"): ReadonlyArray<ForwardedHop> => {
  if (fields === "forwarded") return parseForwarded(headers["forwarded"] ?? "") ?? []
  const nodes = forwardedList(headers["x-forwarded-for"])
  const protos = forwardedList(headers["x-forwarded-proto"])
  const hosts = forwardedList(headers["x-forwarded-host"])
  const length = nodes.length
  return nodes.map((node, index) => ({
    for: node,
    proto: alignedRight(protos, length, index),
    host: alignedRight(hosts, length, index)
  }))
}

const alignedRight = (list: ReadonlyArray<string>, length: number, index: number): string | undefined =>
  list[Math.max(0, list.length - (length - index))]

/**
 * Returns the request with the values of the trusted proxies. Internal: the fairing does the same.
 *
 * @internal
 */
export const readerOf = (options: TrustedProxyOptions): ((request: Request) => Request) => {
  const name = nameOr("trustedProxy", options.name)
  const check = checkOptions(name)
  const networks = networksOf(check, "trust", options.trust)
  if (networks.length === 0) throw check.invalid("trust", "it is empty: list the networks of your proxies")
  const fields = check.oneOf("fields", options.fields ?? "x-forwarded", ["x-forwarded", "forwarded"])
  const readsHost = options.host ?? false
  const isTrusted = (address: string): boolean => isWithin(networks, address)

  return (request) => {
    const { headers } = request
    const peer = canonicalAddress(Option.getOrElse(request.peerAddress, () => ""))
    if (peer === undefined || !isTrusted(peer)) {
      return all.some((field) => field in headers)
        ? RequestView.modify(request, { headers: Headers.removeMany(headers, all) })
        : request
    }
    let address = peer
    let origin: ForwardedHop | undefined
    for (const hop of hopsOf(headers, fields).toReversed()) {
      origin = hop
      const previous = hop.for === undefined ? undefined : nodeAddress(hop.for)
      if (previous === undefined) break
      address = previous
      if (!isTrusted(previous)) break
    }
    const view = RequestView.modify(request, {
      remoteAddress: Option.some(address),
      peerAddress: request.peerAddress,
      ...schemeOf(origin),
      ...(readsHost ? hostOf(origin, headers) : {})
    })
    return noteTrusted(view)
  }
}

const schemeOf = (hop: ForwardedHop | undefined): ModifyOptions => {
  const protocol = hop?.proto?.toLowerCase()
  return protocol === "http" || protocol === "https" ? { protocol } : {}
}

const hostOf = (hop: ForwardedHop | undefined, headers: Headers.Headers): ModifyOptions =>
  hop?.host === undefined || readAuthority(hop.host) === undefined
    ? {}
    : { headers: Headers.set(headers, "host", hop.host) }

/**
 * Reads the client's address and scheme from trusted proxies.
 *
 * @category middleware
 * @since 0.1.0
 */
export const trustedProxy = (options: TrustedProxyOptions): Middleware.Outer<never> => {
  const read = readerOf(options)
  return Middleware.outer(nameOr("trustedProxy", options.name), (app) =>
    Effect.updateService(app, HttpServerRequest.HttpServerRequest, read)
  )
}
