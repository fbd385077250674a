/**
 * Which range of the Internet an address is in: public or not, by the registries of IANA (RFC 6890 and its successors).
 *
 * 1. IPv4 is public outside of the special ranges; IPv6 only inside of `2000::/3`, outside of the special ranges there.
 * 2. An IPv4 address within IPv6 counts as itself where packets go to it: mapped (`::ffff:0:0/96`) and NAT64 (`64:ff9b::/96`). 6to4, Teredo and local NAT64 are
 *    never public: they are tunnels to somewhere else.
 *
 * @since 0.1.0
 */
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

import { bareAddress } from "./Hosts.ts"

/**
 * The range of an address. Only `public` is on the open Internet; `invalid` is no address at all.
 *
 * @category models
 * @since 0.1.0
 */
export type AddressRange =
  | "public"
  | "unspecified"
  | "loopback"
  | "private"
  | "shared"
  | "link-local"
  | "multicast"
  | "broadcast"
  | "documentation"
  | "benchmarking"
  | "reserved"
  | "tunnel"
  | "invalid"

type Table = ReadonlyArray<readonly [IpNetwork.IpNetwork, AddressRange]>

const table = (ranges: Partial<Record<AddressRange, ReadonlyArray<string>>>): Table =>
  Object.entries(ranges).flatMap(([range, networks]) =>
    networks.map((network) => [IpNetwork.fromStringUnsafe(network), range as AddressRange] as const)
  )

const special4 = table({
  broadcast: ["255.255.255.255/32"],
  unspecified: ["0.0.0.0/8"],
  loopback: ["127.0.0.0/8"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  shared: ["100.64.0.0/10"],
  "link-local": ["169.254.0.0/16"],
  documentation: ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"],
  benchmarking: ["198.18.0.0/15"],
  tunnel: ["192.88.99.0/24"],
  multicast: ["224.0.0.0/4"],
  reserved: ["192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", "240.0.0.0/4"]
})

const special6 = table({
  unspecified: ["::/128"],
  loopback: ["::1/128"],
  private: ["fc00::/7", "fec0::/10"],
  "link-local": ["fe80::/10"],
  multicast: ["ff00::/8"],
  documentation: ["2001:db8::/32", "3fff::/20"],
  benchmarking: ["2001:2::/48"],
  tunnel: ["2001::/32", "2002::/16", "64:ff9b:1::/48"],
  reserved: ["2001::/23", "2620:4f:8000::/48", "5f00::/16", "100::/64"]
})

const nat64 = IpNetwork.fromStringUnsafe("64:ff9b::/96")
const global6 = IpNetwork.fromStringUnsafe("2000::/3")

const sixToFour = IpNetwork.fromStringUnsafe("2002::/16")

const ipv4At = (address: NetAddress.Ipv6Address, start: number): NetAddress.Ipv4Address =>
  NetAddress.ipv4FromBytesUnsafe(Uint8Array.from(NetAddress.ipv6ToOctets(address).slice(start, start + 4)))

const embedded = (address: NetAddress.Ipv6Address): NetAddress.Ipv4Address | undefined =>
  IpNetwork.contains(nat64, address) ? ipv4At(address, 12) : Option.getOrUndefined(NetAddress.fromIpv4Mapped(address))

/** The IPv4 address that packets to an IPv6 address go to by NAT64 (RFC 6052) or by 6to4 (RFC 3056). */
const insideOf = (address: NetAddress.Ipv6Address): NetAddress.Ipv4Address | undefined =>
  embedded(address) ?? (IpNetwork.contains(sixToFour, address) ? ipv4At(address, 2) : undefined)

/** All that an address can mean: itself, and the IPv4 address within it. A mapped address (RFC 4291) is the IPv4 address alone. */
export const readingsOf = (address: NetAddress.IpAddress): ReadonlyArray<NetAddress.IpAddress> => {
  const canonical = NetAddress.toCanonical(address)
  if (!NetAddress.isIpv6Address(canonical)) return [canonical]
  const inside = insideOf(canonical)
  return inside === undefined ? [canonical] : [canonical, inside]
}

const specialIn = (ranges: Table, address: NetAddress.IpAddress): AddressRange | undefined =>
  ranges.find(([network]) => IpNetwork.contains(network, address))?.[1]

const rangeOf = (address: NetAddress.IpAddress): AddressRange => {
  if (NetAddress.isIpv4Address(address)) return specialIn(special4, address) ?? "public"
  const inside = embedded(address)
  if (inside !== undefined) return rangeOf(inside)
  return specialIn(special6, address) ?? (IpNetwork.contains(global6, address) ? "public" : "reserved")
}

/** An address as text, in brackets or with a zone too. */
export const readAddress = (text: string): NetAddress.IpAddress | undefined =>
  Result.getOrUndefined(NetAddress.ipFromString(bareAddress(text)))

/**
 * The range of an address in a text.
 *
 * **Example** (A metadata service)
 *
 * ```ts
 * import { addressRange } from "fairlead/client/handlers"
 *
 * addressRange("169.254.169.254") // "link-local"
 * addressRange("::ffff:10.0.0.1") // "private"
 * addressRange("2606:4700::1111") // "public"
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const addressRange = (text: string): AddressRange => {
  const address = readAddress(text)
  return address === undefined ? "invalid" : rangeOf(address)
}

/**
 * The network of a text: a range such as `10.0.0.0/8`, or one address. `undefined` for any other text. A range of mapped addresses, such as `::ffff:10.0.0.0/104`, is
 * returned as the range of the IPv4 addresses, which finds both forms of an address.
 */
export const readNetwork = (text: string): IpNetwork.IpNetwork | undefined => {
  const network = IpNetwork.fromString(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`)
  return Option.getOrUndefined(Option.map(Result.getSuccess(network), withoutMapping))
}

/** The bits of `::ffff:0:0/96` before the IPv4 address. */
const mappedBits = 96

const withoutMapping = (network: IpNetwork.IpNetwork): IpNetwork.IpNetwork => {
  const { address, prefixLength } = network
  if (!NetAddress.isIpv6Address(address) || prefixLength < mappedBits) return network
  return Option.match(NetAddress.fromIpv4Mapped(address), {
    onNone: () => network,
    onSome: (inside) => IpNetwork.makeUnsafe(inside, prefixLength - mappedBits)
  })
}

/** Whether an address is in one of the networks, in any of its readings. */
export const isWithin = (networks: ReadonlyArray<IpNetwork.IpNetwork>, text: string): boolean => {
  const address = readAddress(text)
  if (address === undefined) return false
  const readings = readingsOf(address)
  return networks.some((network) => readings.some((reading) => IpNetwork.contains(network, reading)))
}
