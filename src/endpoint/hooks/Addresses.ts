/**
 * Reads IP addresses in the words of transports: with or without a port, in brackets, with a zone. Internal to the ready-made hooks.
 *
 * @since 0.1.0
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

const bracketed = /^\[([\da-f:.]+)(?:%[^\]]*)?\](?::\d{1,5})?$/i
const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/
const zoned = /^([\da-f:.]+)%.*$/i

/** The IP address of a text, if it has one. */
const addressOf = (text: string): NetAddress.IpAddress | undefined => {
  const [, bare = text] = bracketed.exec(text) ?? withPort.exec(text) ?? zoned.exec(text) ?? []
  return Result.getOrUndefined(NetAddress.ipFromString(bare))
}

const nat64 = IpNetwork.fromStringUnsafe("64:ff9b::/96")
const sixToFour = IpNetwork.fromStringUnsafe("2002::/16")

/** The IPv4 address that packets to an IPv6 address go to: mapped (RFC 4291), by NAT64 (RFC 6052) or by 6to4 (RFC 3056). */
const insideOf = (address: NetAddress.IpAddress): NetAddress.IpAddress | undefined => {
  if (!NetAddress.isIpv6Address(address)) return undefined
  const mapped = Option.getOrUndefined(NetAddress.fromIpv4Mapped(address))
  if (mapped !== undefined) return mapped
  const segments = NetAddress.ipv6ToSegments(address)
  const v4 = (high: number, low: number) =>
    NetAddress.ipv4FromBytesUnsafe(Uint8Array.of(high >> 8, high & 255, low >> 8, low & 255))
  if (IpNetwork.contains(nat64, address)) return v4(segments[6], segments[7])
  return IpNetwork.contains(sixToFour, address) ? v4(segments[1], segments[2]) : undefined
}

/** All that a text can mean: the address itself, and the IPv4 address within it. None where it is no IP address. */
export const readingsOf = (text: string): ReadonlyArray<NetAddress.IpAddress> => {
  const address = addressOf(text)
  if (address === undefined) return []
  const inside = insideOf(address)
  return inside === undefined ? [address] : [address, inside]
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
