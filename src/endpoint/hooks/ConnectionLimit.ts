/**
 * Bounds how many connections there are: in all, by direction, by peer, by place, by protocol.
 *
 * **Example** (At most three from one peer, and room for friends)
 *
 * ```ts
 * import { EndpointId, HookChain } from "fairlead/endpoint"
 * import { connectionLimit } from "fairlead/endpoint/hooks"
 *
 * const friends = new Set([EndpointId.EndpointId.make("aa".repeat(32))])
 * const chain = HookChain.make("peers").use(
 *   connectionLimit({ maxConnections: 500, maxPerPeer: 3, maxPerAddress: 20, exempt: friends })
 * )
 * ```
 *
 * Rules:
 *
 * 1. A connection counts from the end of its handshake until it has ended, whoever dialled, also when a later hook rejects it. One too many is closed with 429.
 * 2. A peer in its handshake counts as pending until it is admitted or not; one too many is refused. So is a peer from a full place, before its handshake.
 * 3. A place is an IPv4 address or an IPv6 network of 64 bits (`maxPerAddress`), an IPv4 network of 24 bits or an IPv6 network of 48 (`maxPerNetwork`). Dialled
 *    connections do not count by place.
 * 4. Peers in `exempt` are admitted whatever the count, count in no limit and never make room. A change of the set also holds for open connections. A full place refuses them
 *    too, because their ids are not known yet.
 * 5. With `priority`, a connection beyond a limit takes the place of the open one with the least priority, if that is less than its own; that one is closed with 429
 *    "made room".
 *
 * Order: after the lists, before hooks that cost more.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as Held from "../../core/Held.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import { format } from "../Alpn.ts"
import type { Alpn } from "../Alpn.ts"
import { make as closeCode } from "../CloseCode.ts"
import type { ConnectionInfo } from "../EndpointConnection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { EndpointId } from "../EndpointId.ts"
import { prefixOf } from "./Addresses.ts"

/**
 * The bounds of one protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtocolLimit {
  readonly alpn: Alpn
  /** The most connections of the protocol. */
  readonly maxConnections: number
  /** The most connections of the protocol with one peer. Default: no bound. */
  readonly maxPerPeer?: number | undefined
}

/**
 * Options of `connectionLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionLimitOptions {
  /** Its name. Default: `connectionLimit`. */
  readonly name?: string
  /** The most connections. Default: 10,000. */
  readonly maxConnections?: number
  /** The most connections with one peer. Default: 100. */
  readonly maxPerPeer?: number
  /** The most peers in their handshake. Default: 1,000. */
  readonly maxPending?: number
  /** The most connections that were dialled. Default: no bound. */
  readonly maxDialed?: number
  /** The most connections that were accepted. Default: no bound. */
  readonly maxAccepted?: number
  /** The most connections from one IPv4 address, or one IPv6 network of 64 bits. Default: no bound. */
  readonly maxPerAddress?: number
  /** The most connections from one IPv4 network of 24 bits, or one IPv6 network of 48. Default: no bound. */
  readonly maxPerNetwork?: number
  /** The most connections of a protocol. Default: no bound. */
  readonly protocols?: ReadonlyArray<ProtocolLimit>
  /** Uncounted peers. The `Set` may be changed while the endpoint runs. Default: none. */
  readonly exempt?: ReadonlySet<EndpointId>
  /** How much a connection is worth when there are too many. Default: all the same. */
  readonly priority?: (connection: ConnectionInfo) => number
}

const addressBits = { ipv4: 32, ipv6: 64 }
const networkBits = { ipv4: 24, ipv6: 48 }

/** The counts by key, without those at zero. */
class Counts {
  private readonly counts = new Map<string, number>()

  of(key: string): number {
    return this.counts.get(key) ?? 0
  }

  change(keys: ReadonlyArray<string>, by: 1 | -1): void {
    for (const key of keys) {
      const count = this.of(key) + by
      if (count === 0) this.counts.delete(key)
      else this.counts.set(key, count)
    }
  }
}

/** A limit that a connection counts in: its key, how many there may be, and the reason of a rejection. */
type Limit = readonly [key: string, most: number, reason: string]

/**
 * Bounds connections.
 *
 * @category hooks
 * @since 0.1.0
 */
export const connectionLimit = (options: ConnectionLimitOptions = {}): EndpointHooks.EndpointHooks => {
  const { exempt, maxConnections = 10_000, maxPending = 1000, maxPerPeer = 100, priority, protocols = [] } = options
  const { maxAccepted = Infinity, maxDialed = Infinity, maxPerAddress = Infinity, maxPerNetwork = Infinity } = options
  const name = nameOr("connectionLimit", options.name)
  const check = checkOptions(name)
  const all = { maxConnections, maxPerPeer, maxPending, maxDialed, maxAccepted, maxPerAddress, maxPerNetwork }
  for (const [option, value] of Object.entries(all)) check.maximum(option, value, 0)
  for (const protocol of protocols) {
    check.maximum("protocols", protocol.maxConnections, 0)
    check.maximum("protocols", protocol.maxPerPeer ?? Infinity, 0)
  }
  const perProtocol = new Map(protocols.map((protocol) => [format(protocol.alpn), protocol]))
  const byPlace = maxPerAddress !== Infinity || maxPerNetwork !== Infinity

  const build = () => {
    const open = new Map<ConnectionInfo, ReadonlyArray<string>>()
    /** The open connections of exempt peers. */
    const uncounted = new Map<ConnectionInfo, ReadonlyArray<string>>()
    const counts = new Counts()
    let pending = 0

    const placesOf = (address: string): ReadonlyArray<Limit> =>
      byPlace
        ? [
            [`address ${prefixOf(address, addressBits)}`, maxPerAddress, "too many connections from this address"],
            [`network ${prefixOf(address, networkBits)}`, maxPerNetwork, "too many connections from this network"]
          ]
        : []

    const limitsOf = ({ alpn, remoteAddress, remoteId, side }: ConnectionInfo): ReadonlyArray<Limit> => {
      const limits: Array<Limit> = [
        ["all", maxConnections, "too many connections"],
        [`peer ${remoteId}`, maxPerPeer, "too many connections of this peer"],
        [side, side === "dialer" ? maxDialed : maxAccepted, "too many connections"]
      ]
      if (side === "acceptor" && byPlace) limits.push(...placesOf(remoteAddress))
      const protocol = perProtocol.size === 0 ? undefined : format(alpn)
      const bounds = protocol === undefined ? undefined : perProtocol.get(protocol)
      if (bounds !== undefined) {
        const { maxConnections: most, maxPerPeer: mostOfPeer = Infinity } = bounds
        limits.push(
          [`protocol ${protocol}`, most, "too many connections of this protocol"],
          [`peer ${remoteId} protocol ${protocol}`, mostOfPeer, "too many connections of this peer with this protocol"]
        )
      }
      return limits
    }

    const count = (connection: ConnectionInfo, keys: ReadonlyArray<string>): void => {
      open.set(connection, keys)
      counts.change(keys, 1)
    }

    const release = (connection: ConnectionInfo): void => {
      if (uncounted.delete(connection)) return
      const keys = open.get(connection)
      if (keys === undefined) return
      open.delete(connection)
      counts.change(keys, -1)
    }

    const isExempt = ({ remoteId }: ConnectionInfo): boolean => exempt?.has(remoteId) === true

    /** Counts the open connections of peers that are exempt no more. */
    const recount = (): void => {
      for (const [connection, keys] of uncounted) {
        if (isExempt(connection)) continue
        uncounted.delete(connection)
        count(connection, keys)
      }
    }

    /** The first limit that is reached, without the open connections of peers that have become exempt. */
    const firstReached = (limits: ReadonlyArray<Limit>): Limit | undefined => {
      const find = () => limits.find(([key, most]) => counts.of(key) >= most)
      if (exempt === undefined || find() === undefined) return find()
      for (const [connection, keys] of open) {
        if (!isExempt(connection)) continue
        release(connection)
        uncounted.set(connection, keys)
      }
      return find()
    }

    /** The open connection with the least priority, below another's, of those that count in a limit. */
    const leastWorth = (than: ConnectionInfo, key: string): ConnectionInfo | undefined => {
      if (priority === undefined) return undefined
      let [least, worth]: [ConnectionInfo | undefined, number] = [undefined, priority(than)]
      for (const [connection, keys] of open) {
        const its = priority(connection)
        if (its < worth && keys.includes(key)) [least, worth] = [connection, its]
      }
      return least
    }

    return {
      beforeAccept: ({ address }: EndpointHooks.Remote) =>
        Effect.match(
          Held.scoped(
            () => {
              if (pending >= maxPending || firstReached(placesOf(address)) !== undefined) return Exit.fail("full")
              pending++
              return Exit.void
            },
            () => {
              pending--
            }
          ),
          { onFailure: () => "refuse" as const, onSuccess: () => "accept" as const }
        ),
      afterHandshake: (connection: ConnectionInfo) => {
        const limits = limitsOf(connection)
        const keys = limits.map(([key]) => key)
        const take = Held.scoped(
          () => {
            const pruned = new Set<ConnectionInfo>()
            if (isExempt(connection)) {
              uncounted.set(connection, keys)
              return Exit.succeed(pruned)
            }
            recount()
            if (firstReached(limits) === undefined) {
              count(connection, keys)
              return Exit.succeed(pruned)
            }
            for (const [key, most, reason] of limits) {
              if (counts.of(key) < most) continue
              const least = leastWorth(connection, key)
              if (least === undefined) return Exit.fail(new Reject({ reason, status: 429 }))
              pruned.add(least)
            }
            for (const least of pruned) release(least)
            count(connection, keys)
            return Exit.succeed(pruned)
          },
          () => release(connection)
        )
        const admit = Effect.flatMap(take, (pruned) =>
          Effect.forEach(pruned, ({ close }) => close(closeCode(429), "made room"), { discard: true })
        )
        return priority === undefined ? Effect.asVoid(take) : Effect.uninterruptible(admit)
      }
    }
  }
  return EndpointHooks.make(name, build)
}
