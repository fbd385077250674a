/**
 * Bounds how often peers come, by Effect's `RateLimiter`, so that the limit is shared by all who share its store.
 *
 * **Example** (Ten a minute from one address)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 * import { HookChain } from "fairlead/endpoint"
 * import { rateLimit } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("peers").use(rateLimit({ limit: 10, window: "1 minute" }))
 * const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)) // what the chain needs
 * ```
 *
 * Rules:
 *
 * 1. By `address` it refuses before the handshake, at the least cost. An address counts as its network: the whole of IPv4 (32 bits), 64 bits of IPv6, which one customer
 *    has. The port does not count.
 * 2. By `id` it closes with 429 when the peer is known, and says how long to wait in the rejection's `details`.
 * 3. Each limit of a chain counts by itself, by the chain's name, its own name, its limit and its window.
 * 4. At most `maxKeys` keys are counted separately in a window; a key that was not used for a window makes room for another. Where there is no room new keys share one bucket, so
 *    that a flood of addresses does not fill the store.
 *
 * Order: after the lists. It does not bound dials: those are the application's own.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"

import type { BuildSite } from "../../core/BuildSite.ts"
import { cast } from "../../core/Composite.ts"
import { LimiterKeys } from "../../core/Keyed.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { ConnectionInfo } from "../EndpointConnection.ts"
import type * as EndpointHooks from "../EndpointHooks.ts"
import { hooksOf } from "../HooksValue.ts"
import { prefixOf } from "./Addresses.ts"

/**
 * Options of `rateLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimitOptions {
  /** Its name. Default: `rateLimit`. */
  readonly name?: string
  /** How many may come in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** Connections with the same address or id share a limit. Default: `address`. */
  readonly key?: "address" | "id"
  /** How many tokens each takes. Default: 1. */
  readonly tokens?: number
  /** `fixed-window` admits all at its beginning, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket"
  /** How many bits of an IPv4 address count. Default: 32. */
  readonly ipv4Bits?: number
  /** How many bits of an IPv6 address count. Default: 64. */
  readonly ipv6Bits?: number
  /** How many keys are counted separately. Default: 10,000. */
  readonly maxKeys?: number
  /** The decision on peers when the store fails. Default: `fail`, nobody is admitted. */
  readonly onStoreError?: "allow" | "fail"
}

const rejection = (cause: RateLimiter.RateLimiterError): Reject =>
  cause.reason._tag === "RateLimitExceeded"
    ? new Reject({
        reason: "too often",
        status: 429,
        details: { retry_after_ms: Math.ceil(Duration.toMillis(cause.reason.retryAfter)) },
        cause
      })
    : new Reject({ reason: "the rate limit's store failed", status: 503, cause })

/**
 * Bounds how often peers come.
 *
 * @category hooks
 * @since 0.1.0
 */
export const rateLimit = (options: RateLimitOptions): EndpointHooks.EndpointHooks<RateLimiter.RateLimiter> => {
  const { algorithm = "token-bucket", key = "address", limit, maxKeys = 10_000, onStoreError = "fail" } = options
  const { ipv4Bits = 32, ipv6Bits = 64, tokens = 1 } = options
  const name = nameOr("rateLimit", options.name)
  const check = checkOptions(name)
  check.atLeast("limit", limit, 1)
  check.positive("tokens", tokens)
  check.maximum("maxKeys", maxKeys)
  check.between("ipv4Bits", ipv4Bits, 0, 32)
  check.between("ipv6Bits", ipv6Bits, 0, 128)
  check.oneOf("key", key, ["address", "id"])
  check.oneOf("algorithm", algorithm, ["fixed-window", "token-bucket"])
  check.oneOf("onStoreError", onStoreError, ["allow", "fail"])
  const window = check.duration("window", options.window)
  const bits = { ipv4: ipv4Bits, ipv6: ipv6Bits }

  const build = ({ composite, name: own }: BuildSite) => {
    const keys = new LimiterKeys({ composite, name: own, limit, window, maxKeys })
    const take = (what: string): Effect.Effect<void, Reject, RateLimiter.RateLimiter> =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter.RateLimiter
        const storeKey = keys.of(what, yield* Clock.currentTimeMillis)
        yield* limiter.consume({ algorithm, limit, window, tokens, onExceeded: "fail", key: storeKey })
      }).pipe(
        Effect.catch((cause) =>
          onStoreError === "allow" && cause.reason._tag !== "RateLimitExceeded"
            ? Effect.logWarning(`The store of "${name}" failed: the peer comes in unlimited`, cause)
            : Effect.fail(rejection(cause))
        )
      )
    if (key === "address") {
      return { beforeAccept: ({ address }: EndpointHooks.Remote) => take(prefixOf(address, bits)) }
    }
    return {
      afterHandshake: ({ remoteId, side }: ConnectionInfo) => (side === "dialer" ? Effect.void : take(remoteId))
    }
  }
  return cast(hooksOf(name, build, `${limit}/${Duration.toMillis(window)}`))
}
