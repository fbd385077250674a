/**
 * Lets in, and dials, only whom the lists let: by the proven id, or by the address ahead of the handshake.
 *
 * 1. Who is on `deny` is rejected, whatever `allow` says. Where there is `allow`, everybody else is rejected too.
 * 2. `idList` rejects with 403 "not allowed", dials as well as connections that are accepted. A `Set` may be changed while the endpoint runs: it holds for new connections.
 * 3. `addressList` refuses ahead of the handshake, at next to no cost. An IPv4 address within IPv6 is looked up as both. What is no IP address is on no list.
 *    An address is no identity: it says where somebody is, not who.
 *
 * Place: first, ahead of what costs more.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"

import * as EndpointHooks from "../EndpointHooks.ts"
import { Reject } from "../Errors.ts"
import type { EndpointId } from "../Identity.ts"
import { addressOf } from "./Addresses.ts"

/**
 * Options of `idList`.
 *
 * @category models
 * @since 0.1.0
 */
export interface IdListOptions {
  /** Whom alone to let in. Default: everybody. */
  readonly allow?: ReadonlySet<EndpointId>
  /** Whom not to let in. Default: nobody. */
  readonly deny?: ReadonlySet<EndpointId>
}

/**
 * Lets peers in by their ids.
 *
 * **Example** (Friends only)
 *
 * ```ts
 * import { Identity } from "fairlead/endpoint"
 * import { idList } from "fairlead/endpoint/hooks"
 *
 * const friends = new Set([Identity.EndpointId.make("aa".repeat(32))])
 * const friendsOnly = idList({ allow: friends })
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const idList = ({ allow, deny }: IdListOptions): EndpointHooks.EndpointHooks => {
  const decide = (id: EndpointId): Effect.Effect<void, Reject> =>
    deny?.has(id) === true || allow?.has(id) === false
      ? Effect.fail(new Reject({ reason: "not allowed" }))
      : Effect.void
  return EndpointHooks.make("id-list", {
    beforeConnect: ({ id }) => decide(id),
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
  /** From where alone to let in, such as `10.0.0.0/8` or `2001:db8::1`. Default: from everywhere. */
  readonly allow?: ReadonlyArray<string>
  /** From where not to let in. Default: from nowhere. */
  readonly deny?: ReadonlyArray<string>
}

/** Both readings of IPv4 within IPv6. */
const readingsOf = (text: string): ReadonlyArray<NetAddress.IpAddress> => {
  const address = addressOf(text)
  if (address === undefined) return []
  const inside = NetAddress.isIpv6Address(address) ? NetAddress.fromIpv4Mapped(address) : Option.none()
  return Option.isSome(inside) ? [address, inside.value] : [address]
}

/**
 * Lets peers in by their addresses. Throws when a range is none.
 *
 * **Example** (The own network only)
 *
 * ```ts
 * import { addressList } from "fairlead/endpoint/hooks"
 *
 * const ownNetwork = addressList({ allow: ["10.0.0.0/8", "fd00::/8"], deny: ["10.0.0.13"] })
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const addressList = ({ allow, deny = [] }: AddressListOptions): EndpointHooks.EndpointHooks => {
  const networks = (ranges: ReadonlyArray<string>): ReadonlyArray<IpNetwork.IpNetwork> =>
    ranges.map((range) =>
      IpNetwork.fromStringUnsafe(range.includes("/") ? range : `${range}/${range.includes(":") ? 128 : 32}`)
    )
  const [allowed, denied] = [allow && networks(allow), networks(deny)]
  return EndpointHooks.make("address-list", {
    beforeAccept({ address }) {
      const addresses = readingsOf(address)
      const isIn = (ranges: ReadonlyArray<IpNetwork.IpNetwork>): boolean =>
        ranges.some((range) => addresses.some((one) => IpNetwork.contains(range, one)))
      return isIn(denied) || (allowed !== undefined && !isIn(allowed)) ? "refuse" : "accept"
    }
  })
}
