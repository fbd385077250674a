/**
 * Connecting: directly, over a unix socket or through a proxy, with every address checked before a packet goes there.
 *
 * 1. A name is resolved once for each connection, and only the checked addresses are connected to: a name that resolves to another address a
 *    moment later gains nothing (DNS rebinding).
 * 2. One refused address among several refuses the name.
 * 3. A literal address is checked too, which no lookup would see; and so is the address that the socket says it is connected to.
 * 4. With a policy a proxy is asked for the checked address and never for a name, which it would resolve by itself.
 * 5. The connect time-out covers everything: lookup, proxy, tunnel and TLS.
 *
 * @since 0.1.0
 */
import * as dns from "node:dns"
import * as net from "node:net"
import type { LookupFunction, Socket } from "node:net"

import * as Undici from "@effect/platform-node/Undici"

import { bareAddress } from "../../core/heads/Hosts.ts"
import type { SsrfPolicy } from "../handlers/SsrfPolicy.ts"
import { readProxy } from "./Proxy.ts"
import type { ProxyOption } from "./Proxy.ts"
import type { TlsOptions } from "./TlsOptions.ts"
import { tunnel } from "./Tunnel.ts"
import type { TunnelTarget } from "./Tunnel.ts"

/** The settings of a connector. */
export interface ConnectorOptions {
  readonly guard: SsrfPolicy | undefined
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly lookup: LookupFunction | undefined
  readonly tls: TlsOptions
  readonly proxy: ProxyOption | undefined
  /** The settings of single origins. */
  readonly origins: ReadonlyMap<string, OriginSettings>
}

/** The settings of one origin. */
export interface OriginSettings {
  readonly socketPath?: string
  readonly tls?: TlsOptions
}

type Connector = Undici.buildConnector.connector
type ConnectTarget = Parameters<Connector>[0]

/** A lookup whose answers have passed the policy. */
const guardedLookup =
  (guard: SsrfPolicy, lookup: LookupFunction): LookupFunction =>
  (host, options, callback) => {
    lookup(host, options, (error, address, family) => {
      if (error !== null) return callback(error, address, family)
      const found = typeof address === "string" ? [address] : address.map(({ address }) => address)
      const blocked = found.map((text) => guard.address(text, host)).find((reason) => reason !== undefined)
      if (blocked !== undefined) return callback(blocked, "", 0)
      return callback(null, address, family)
    })
  }

const guarded = (connect: Connector, guard: SsrfPolicy): Connector => {
  return (target, callback) => {
    const literal = bareAddress(target.hostname)
    const blocked = net.isIP(literal) === 0 ? undefined : guard.address(literal, target.hostname)
    if (blocked !== undefined) return callback(blocked, null)
    return connect(target, (...answer) => {
      const socket = answer[1]
      const reached = socket?.remoteAddress
      const refused = reached === undefined ? undefined : guard.address(reached, target.hostname)
      if (socket === null || refused === undefined) return callback(...answer)
      socket.destroy()
      return callback(refused, null)
    })
  }
}

const urlOf = ({ host, hostname, port, protocol }: ConnectTarget): URL =>
  new URL(`${protocol}//${host ?? (port === "" ? hostname : `${hostname}:${port}`)}`)

/** A connector for undici. */
export const connectorOf = (options: ConnectorOptions): Connector => {
  const { connectTimeout, guard, origins, proxy } = options
  const plainLookup = options.lookup ?? dns.lookup
  const lookup = guard === undefined ? plainLookup : guardedLookup(guard, plainLookup)
  const build = ({ socketPath, tls }: OriginSettings): Connector =>
    Undici.buildConnector({
      ...options.tls,
      ...tls,
      timeout: connectTimeout,
      lookup,
      ...(socketPath === undefined ? {} : { socketPath })
    })
  const standard = build({})
  const direct = guard === undefined ? standard : guarded(standard, guard)
  const ofOrigins = new Map(
    [...origins].map(([origin, settings]) => {
      const connect = build(settings)
      // The path of a unix socket is the program's own, and no address.
      const isOpen = guard === undefined || settings.socketPath !== undefined
      return [origin, { connect: isOpen ? connect : guarded(connect, guard), secure: connect, settings }] as const
    })
  )
  return (target, callback) => {
    const url = urlOf(target)
    const own = ofOrigins.get(url.origin)
    const chosen = own?.settings.socketPath === undefined ? proxyOf(proxy, url) : undefined
    if (chosen === undefined) return (own?.connect ?? direct)(target, callback)
    return through(chosen, target, { ...options, lookup, plainLookup, secure: own?.secure ?? standard }, callback)
  }
}

const proxyOf = (proxy: ProxyOption | undefined, url: URL): URL | undefined => {
  const text = typeof proxy === "function" ? proxy(url) : proxy
  return text === undefined ? undefined : readProxy(text)
}

interface ProxiedOptions extends Omit<ConnectorOptions, "lookup"> {
  readonly lookup: LookupFunction
  /** Resolves the proxy, whose address is not checked. */
  readonly plainLookup: LookupFunction
  /** Puts TLS around the socket of a tunnel. */
  readonly secure: Connector
}

const through = (
  proxy: URL,
  target: ConnectTarget,
  options: ProxiedOptions,
  callback: Parameters<Connector>[1]
): void => {
  let socket: Socket | undefined
  let isOver = false
  const end = (...answer: Parameters<typeof callback>): void => {
    if (isOver) return void answer[1]?.destroy()
    isOver = true
    clearTimeout(timer)
    if (answer[1] === null) socket?.destroy()
    callback(...answer)
  }
  const timer = setTimeout(() => {
    end(new Undici.errors.ConnectTimeoutError(`Connect Timeout Error (through the proxy ${proxy.host})`), null)
  }, options.connectTimeout)
  const connecting = async (): Promise<Socket> => {
    const asked = await tunnelTarget(proxy, target, options)
    socket = await socketTo(proxy, options)
    if (isOver) socket.destroy()
    const tunnelled = await tunnel(socket, proxy, asked)
    return target.protocol === "https:" ? secured(tunnelled, target, options.secure) : tunnelled.setNoDelay(true)
  }
  connecting().then(
    (connected) => end(null, connected as never),
    (error: unknown) => end(error instanceof Error ? error : new Error(String(error)), null)
  )
}

/** The target of the proxy: the name, or the address where this side resolves and checks it. */
const tunnelTarget = async (
  proxy: URL,
  { hostname, port, protocol }: ConnectTarget,
  { guard, lookup }: ProxiedOptions
): Promise<TunnelTarget> => {
  const literal = bareAddress(hostname)
  const number = port === "" ? (protocol === "https:" ? 443 : 80) : Number(port)
  if (net.isIP(literal) !== 0) {
    const blocked = guard?.address(literal, hostname)
    if (blocked !== undefined) throw blocked
    return { host: literal, port: number }
  }
  if (guard === undefined && proxy.protocol !== "socks5:") return { host: hostname, port: number }
  return { host: await resolved(hostname, lookup), port: number }
}

const resolved = (hostname: string, lookup: LookupFunction): Promise<string> =>
  new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, addresses) => {
      if (error !== null) return reject(error)
      const first = typeof addresses === "string" ? addresses : addresses[0]?.address
      return first === undefined ? reject(new Error(`${hostname} has no address`)) : resolve(first)
    })
  })

const socketTo = (proxy: URL, { plainLookup, tls }: ProxiedOptions): Promise<Socket> => {
  const isSecure = proxy.protocol === "https:"
  const port = proxy.port === "" ? (proxy.protocol.startsWith("socks") ? "1080" : isSecure ? "443" : "80") : proxy.port
  // The proxy is the program's own choice: its address is not checked, and it gets no client certificate.
  const connect = Undici.buildConnector({
    timeout: 0,
    allowH2: false,
    lookup: plainLookup,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: tls.rejectUnauthorized })
  })
  const hostname = bareAddress(proxy.hostname)
  return new Promise((resolve, reject) => {
    connect({ hostname, host: proxy.host, protocol: isSecure ? "https:" : "http:", port }, (error, socket) =>
      socket === null ? reject(error ?? new Error("no connection")) : resolve(socket)
    )
  })
}

const secured = (httpSocket: Socket, target: ConnectTarget, connect: Connector): Promise<Socket> =>
  new Promise((resolve, reject) => {
    connect({ ...target, httpSocket }, (error, socket) =>
      socket === null ? reject(error ?? new Error("no connection")) : resolve(socket)
    )
  })
