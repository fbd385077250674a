/**
 * The chain of proxies that a request came through: `Forwarded` (RFC 7239) and the `X-Forwarded-*` fields, as data. Every function takes time linear in the text.
 *
 * @since 0.1.0
 */
import * as NetAddress from "effect/net/NetAddress"

import { readAddress } from "./AddressRange.ts"
import { trimBlanks } from "./FieldValues.ts"

/** What one proxy said of the side that it got the request from. */
export interface ForwardedHop {
  readonly for: string | undefined
  readonly proto: string | undefined
  readonly host: string | undefined
}

const pair =
  /[ \t]*([!#$%&'*+.^_`|~\dA-Za-z-]+)=(?:"([^"\\]*(?:\\[^][^"\\]*)*)"|([!#$%&'*+.^_`|~\dA-Za-z-]+))[ \t]*(;|,|$)/y
const emptyPair = /[ \t]*(;|,)/y

/** The hops of a `Forwarded` field, from the client to the nearest proxy; `undefined` when it does not follow RFC 7239 §4. */
export const parseForwarded = (field: string): ReadonlyArray<ForwardedHop> | undefined => {
  const hops: Array<ForwardedHop> = []
  let hop = new Map<string, string>()
  let at = 0
  const end = (): void => {
    if (hop.size > 0) hops.push({ for: hop.get("for"), proto: hop.get("proto"), host: hop.get("host") })
    hop = new Map()
  }
  while (at < field.length) {
    emptyPair.lastIndex = at
    const empty = emptyPair.exec(field)
    if (empty !== null) {
      at = emptyPair.lastIndex
      if (empty[1] === ",") end()
      continue
    }
    pair.lastIndex = at
    const found = pair.exec(field)
    if (found === null) return trimBlanks(field.slice(at)) === "" ? ended(hops, end) : undefined
    const name = found[1]!.toLowerCase()
    // No parameter may occur twice in one element.
    if (hop.has(name)) return undefined
    hop.set(name, found[2]?.replaceAll(/\\([^])/g, "$1") ?? found[3]!)
    at = pair.lastIndex
    if (found[4] === ",") end()
  }
  return ended(hops, end)
}

const ended = (hops: ReadonlyArray<ForwardedHop>, end: () => void): ReadonlyArray<ForwardedHop> => {
  end()
  return hops
}

/** The elements of an `X-Forwarded-*` list, empty ones included: one for each proxy. */
export const forwardedList = (field: string | undefined): ReadonlyArray<string> =>
  field === undefined ? [] : field.split(",").map(trimBlanks)

/**
 * The address of a node (RFC 7239 §6): an IPv4 address, or an IPv6 address in brackets or not, with or without a port, in its canonical spelling. `unknown`, an obfuscated
 * name and any other text are no address.
 */
export const nodeAddress = (node: string): string | undefined => {
  if (node.includes("%")) return undefined
  const close = node.indexOf("]")
  const host = node.startsWith("[")
    ? isPort(node.slice(close + 1)) && close > 0
      ? node.slice(1, close)
      : ""
    : node.includes(".") && node.split(":").length === 2
      ? node.slice(0, node.indexOf(":"))
      : node
  if (host !== node && !node.startsWith("[") && !isPort(node.slice(host.length))) return undefined
  return canonicalAddress(host)
}

const isPort = (text: string): boolean => text === "" || /^:(?:\d{1,5}|_[\w.-]+)$/.test(text)

/** An address in its canonical spelling; an IPv4 address within IPv6 is written as IPv4. */
export const canonicalAddress = (text: string): string | undefined => {
  const address = text === "" || text.startsWith("[") ? undefined : readAddress(text)
  return address === undefined ? undefined : NetAddress.formatIp(NetAddress.toCanonical(address))
}
