/**
 * Connecting, with every address checked before a packet goes there.
 *
 * 1. A name is resolved once for each connection, and the addresses that are checked are those that are connected to: a name that resolves to another address a
 *    moment later gains nothing (DNS rebinding).
 * 2. One refused address among several refuses the name.
 * 3. A literal address is checked too, which no lookup would see; and so is the address that the socket says it is connected to.
 *
 * @since 0.1.0
 */
import * as dns from "node:dns"
import * as net from "node:net"
import type { LookupFunction } from "node:net"

import * as Undici from "@effect/platform-node/Undici"

import type { Policy } from "../handlers/SsrfGuard.ts"

/** What a connector is made of. */
export interface Options {
  readonly guard: Policy | undefined
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly lookup: LookupFunction | undefined
  readonly tls: Undici.buildConnector.BuildOptions
}

/** A lookup whose answers have passed the policy. */
const guardedLookup =
  (guard: Policy, lookup: LookupFunction): LookupFunction =>
  (host, options, callback) => {
    lookup(host, options, (error, address, family) => {
      if (error !== null) return callback(error, address, family)
      const found = typeof address === "string" ? [address] : address.map(({ address }) => address)
      const blocked = found.map((text) => guard.address(text, host)).find((reason) => reason !== undefined)
      if (blocked !== undefined) return callback(blocked, "", 0)
      return callback(null, address, family)
    })
  }

/** A connector for undici. */
export const guardedConnector = (options: Options): Undici.buildConnector.connector => {
  const { connectTimeout, guard, tls } = options
  const lookup = options.lookup ?? dns.lookup
  const connect = Undici.buildConnector({
    ...tls,
    timeout: connectTimeout,
    lookup: guard === undefined ? lookup : guardedLookup(guard, lookup)
  })
  if (guard === undefined) return connect
  return (target, callback) => {
    const literal = target.hostname.replace(/^\[(.*)\]$/, "$1")
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
