/**
 * Admits, and dials, only peers that the lists allow: by the proven id, or by the address before the handshake.
 *
 * **Example** (Friends only, from the own network)
 *
 * ```ts
 * import { EndpointId, HookChain } from "fairlead/endpoint"
 * import { addressList, idList } from "fairlead/endpoint/hooks"
 *
 * const friends = new Set([EndpointId.EndpointId.make("aa".repeat(32))])
 * const chain = HookChain.make("peers")
 *   .use(addressList({ allow: ["10.0.0.0/8", "fd00::/8"], deny: ["10.0.0.13"] }))
 *   .use(idList({ allow: friends }))
 * ```
 *
 * Rules:
 *
 * 1. Who is on `deny` is rejected, whatever `allow` says. Where there is `allow`, everybody else is rejected too.
 * 2. `idList` rejects with 403 "not allowed", dials as well as accepted connections.
 * 3. `addressList` refuses before the handshake, at next to no cost. A dial is rejected when one of the addresses that it may go to is not allowed. An IPv4 address
 *    within IPv6 (NAT64, 6to4) is looked up as both; a mapped address or range is that of IPv4.
 * 4. An address that cannot be read is rejected, unless `otherwise` allows it: the URL of a relay is such an address, and who comes through a relay has no other.
 * 5. A `Set` may be changed while the endpoint runs: it holds for new connections. An unreadable range throws `InvalidOption` in the factory; one added later
 *    allows nobody, and as part of `deny` rejects everybody.
 *
 * Order: first, before hooks that cost more.
 *
 * Gotchas: an address is no identity: it says where somebody is, not who.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import type * as NetAddress from "effect/net/NetAddress"

import { readNetwork } from "../../core/heads/AddressRange.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { EndpointId } from "../EndpointId.ts"
import { readingsOf } from "./Addresses.ts"

const notAllowed = () => Effect.fail(new Reject({ reason: "not allowed" }))

/**
 * Options of `idList`.
 *
 * @category models
 * @since 0.1.0
 */
export interface IdListOptions {
  /** Its name. Default: `idList`. */
  readonly name?: string
  /** Only these ids are admitted. Default: all. */
  readonly allow?: ReadonlySet<EndpointId>
  /** These ids are not admitted. Default: none. */
  readonly deny?: ReadonlySet<EndpointId>
}

/**
 * Admits peers by their ids.
 *
 * @category hooks
 * @since 0.1.0
 */
export const idList = (options: IdListOptions): EndpointHooks.EndpointHooks => {
  const { allow, deny } = options
  const decide = (id: EndpointId): Effect.Effect<void, Reject> =>
    deny?.has(id) === true || allow?.has(id) === false ? notAllowed() : Effect.void
  return EndpointHooks.make(nameOr("idList", options.name), {
    beforeConnect: ({ addr }) => decide(addr.id),
    afterHandshake: ({ remoteId, side }) => (side === "acceptor" ? decide(remoteId) : Effect.void)
  })
}

/**
 * Options of `addressList`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AddressListOptions {
  /** Its name. Default: `addressList`. */
  readonly name?: string
  /** Only these ranges are admitted, such as `10.0.0.0/8` or `2001:db8::1`. Default: all. */
  readonly allow?: Iterable<string>
  /** These ranges are not admitted. Default: none. */
  readonly deny?: Iterable<string>
  /** The decision on an unreadable address. Default: `reject`. */
  readonly otherwise?: "allow" | "reject"
}

/** Ranges, each parsed once. */
class Ranges {
  private readonly texts: Iterable<string>
  private readonly read = new Map<string, IpNetwork.IpNetwork | undefined>()

  constructor(texts: Iterable<string>) {
    this.texts = texts
  }

  /** Whether an address is in one of them; `unreadable` is the answer of an unreadable range. */
  has(addresses: ReadonlyArray<NetAddress.IpAddress>, unreadable: boolean): boolean {
    for (const text of this.texts) {
      const network = this.networkOf(text)
      if (network === undefined) {
        if (unreadable) return true
      } else if (addresses.some((address) => IpNetwork.contains(network, address))) return true
    }
    return false
  }

  get firstUnreadable(): string | undefined {
    for (const text of this.texts) if (this.networkOf(text) === undefined) return text
    return undefined
  }

  private networkOf(text: string): IpNetwork.IpNetwork | undefined {
    if (!this.read.has(text)) this.read.set(text, readNetwork(text))
    return this.read.get(text)
  }
}

/**
 * Admits peers by their addresses.
 *
 * @category hooks
 * @since 0.1.0
 */
export const addressList = (options: AddressListOptions): EndpointHooks.EndpointHooks => {
  const { otherwise = "reject" } = options
  const name = nameOr("addressList", options.name)
  const check = checkOptions(name)
  check.oneOf("otherwise", otherwise, ["allow", "reject"])
  const allow = options.allow === undefined ? undefined : new Ranges(options.allow)
  const deny = new Ranges(options.deny ?? [])
  for (const [option, ranges] of [["allow", allow] as const, ["deny", deny] as const]) {
    const text = ranges?.firstUnreadable
    if (text !== undefined) throw check.invalid(option, `"${text}" is no range: use an IP address or a CIDR range`)
  }

  const isAllowed = (address: string): boolean => {
    const addresses = readingsOf(address)
    if (addresses.length === 0) return otherwise === "allow"
    return !deny.has(addresses, true) && (allow === undefined || allow.has(addresses, false))
  }
  return EndpointHooks.make(name, {
    beforeConnect: ({ addr }) => (addr.addrs.every(isAllowed) ? Effect.void : notAllowed()),
    beforeAccept: ({ address }) => (isAllowed(address) ? "accept" : "refuse")
  })
}
