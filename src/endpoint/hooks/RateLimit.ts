/**
 * Bounds how often peers come, by Effect's `RateLimiter`, so that the limit is shared by all who share its store.
 *
 * 1. By `address` it refuses ahead of the handshake, at the least cost; the port does not count. By `id` it closes with 429 when the peer is known.
 * 2. Keys beyond `maxKeys` share one, so that a flood of addresses does not fill the store.
 * 3. Where the store fails, nobody comes in.
 *
 * Place: behind the lists. It does not bound dials: those are the application's own.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as RateLimiter from "effect/persistence/RateLimiter"

import * as EndpointHooks from "../EndpointHooks.ts"
import { Reject } from "../Errors.ts"
import { closeCode } from "../Identity.ts"
import { addressOf } from "./Addresses.ts"

/**
 * Options of `rateLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many may come in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** What counts together. Default: `address`. */
  readonly by?: "address" | "id"
  /** `fixed-window` lets all come at its begin, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket"
  /** How many keys are told apart. Default: 10,000. */
  readonly maxKeys?: number
}

/** Ports do not count; what is no IP address counts as it is. */
const keyOf = (text: string): string => {
  const address = addressOf(text)
  return address === undefined ? text : NetAddress.formatIp(address)
}

/**
 * Bounds how often peers come.
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
 * @category hooks
 * @since 0.1.0
 */
export const rateLimit = ({
  algorithm = "token-bucket",
  by = "address",
  limit,
  maxKeys = 10_000,
  window
}: Options): EndpointHooks.EndpointHooks<RateLimiter.RateLimiter> => {
  const keys = new Set<string>()
  const take = (key: string) => {
    if (keys.size < maxKeys) keys.add(key)
    return Effect.flatMap(RateLimiter.RateLimiter, (limiter) =>
      limiter.consume({
        algorithm,
        limit,
        window,
        onExceeded: "fail",
        key: keys.has(key) ? `fairlead/endpoint:${key}` : "fairlead/endpoint"
      })
    )
  }
  if (by === "address") {
    return EndpointHooks.make("rate-limit", {
      beforeAccept: ({ address }) =>
        Effect.match(take(keyOf(address)), {
          onSuccess: () => "accept" as const,
          onFailure: () => "refuse" as const
        })
    })
  }
  return EndpointHooks.make("rate-limit", {
    afterHandshake: ({ remoteId, side }) =>
      side === "dialer"
        ? Effect.void
        : take(remoteId).pipe(
            Effect.mapError((cause) => new Reject({ code: closeCode(429), reason: "too often", cause })),
            Effect.asVoid
          )
  })
}
