/**
 * Reads IP addresses in the words of transports: with or without a port, in brackets, with a zone. Internal to the ready-made hooks.
 *
 * @since 0.1.0
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

import { readingsOf as readingsOfAddress } from "../../core/heads/AddressRange.ts"

const bracketed = /^\[([\da-f:.]+)(?:%[^\]]*)?\](?::\d{1,5})?$/i
const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/
const zoned = /^([\da-f:.]+)%.*$/i

/** The IP address of a text, if it has one. */
const addressOf = (text: string): NetAddress.IpAddress | undefined => {
  const [, bare = text] = bracketed.exec(text) ?? withPort.exec(text) ?? zoned.exec(text) ?? []
  return Result.getOrUndefined(NetAddress.ipFromString(bare))
}

/** All that a text can mean: the address itself, and the IPv4 address within it. None where it is no IP address. */
export const readingsOf = (text: string): ReadonlyArray<NetAddress.IpAddress> => {
  const address = addressOf(text)
  return address === undefined ? [] : readingsOfAddress(address)
}

/** The place of an address: its network, by the number of bits. Any other text than an IP address is a place by itself. */
export const prefixOf = (text: string, bits: { readonly ipv4: number; readonly ipv6: number }): string => {
  const readings = readingsOf(text)
  const address = readings.at(-1)
  if (address === undefined) return text
  const count = NetAddress.isIpv4Address(address) ? bits.ipv4 : bits.ipv6
  return IpNetwork.format(IpNetwork.fromStringUnsafe(`${NetAddress.formatIp(maskedTo(address, count))}/${count}`))
}

const maskedTo = (address: NetAddress.IpAddress, bits: number): NetAddress.IpAddress => {
  const masked = (parts: ReadonlyArray<number>, width: number) =>
    parts.map((part, index) => {
      const kept = Math.min(width, Math.max(0, bits - index * width))
      return part & ~(2 ** (width - kept) - 1)
    })
  if (NetAddress.isIpv4Address(address)) {
    return NetAddress.ipv4FromBytesUnsafe(Uint8Array.from(masked(NetAddress.ipv4ToOctets(address), 8)))
  }
  const bytes = masked(NetAddress.ipv6ToSegments(address), 16).flatMap((segment) => [segment >> 8, segment & 255])
  return NetAddress.ipv6FromBytesUnsafe(Uint8Array.from(bytes))
}
