/**
 * Keeps requests within a rate, by Effect's `RateLimiter`, so that the limit is shared by all who share its store: one process, or many over Redis.
 *
 * 1. Each attempt takes its tokens before it goes on: a retry and a hop count too. What another handler answers outside of this one takes none.
 * 2. An attempt that is too early waits, or with `onExceeded: "fail"` fails with `RateLimiterError`, whose reason says when to come again. What an attempt that is
 *    interrupted while it waits has taken is not given back.
 * 3. Each origin has a limit of its own, unless a `key` says what counts together. Keys beyond `maxKeys` share one, so that a crawler does not fill the store.
 * 4. A 429 is not sent again here: `retry` does that, a bounded number of times, and waits as long as `Retry-After` says.
 *
 * Order: inside of retry, redirect and caches, outside of what signs; inside of `timeouts` with a total, which bounds the waiting. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"

import * as ClientHandler from "../ClientHandler.ts"
import { originOf } from "./Origins.ts"

/**
 * Options of `rateLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many tokens there are in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** `fixed-window` gives all tokens at its begin, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket"
  /** What happens to an attempt that is too early. Default: `delay`. */
  readonly onExceeded?: "delay" | "fail"
  /** What counts together. Default: the origin. */
  readonly key?: (request: ClientHandler.Request) => string
  /** How many tokens a request takes. Default: 1. */
  readonly tokens?: (request: ClientHandler.Request) => number
  /** How many keys are told apart. Default: 1000. */
  readonly maxKeys?: number
}

/**
 * Keeps requests within a rate.
 *
 * **Example** (Ten requests a second to each origin)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 * import { ClientChain } from "fairlead/client"
 * import { rateLimit, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api").use(retry()).use(rateLimit({ limit: 10, window: "1 second" }))
 * const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)) // what the chain needs
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const rateLimit = ({
  algorithm = "token-bucket",
  key = originOf,
  limit,
  maxKeys = 1000,
  onExceeded = "delay",
  tokens = () => 1,
  window
}: Options): ClientHandler.ClientHandler<RateLimiter.RateLimiterError, RateLimiter.RateLimiter> => {
  const keys = new Set<string>()
  const bounded = (key: string): string => {
    if (keys.size < maxKeys) keys.add(key)
    return keys.has(key) ? `fairlead:${key}` : "fairlead"
  }
  return ClientHandler.make("rate-limit", {
    run: Effect.fnUntraced(function* ({ request }) {
      const limiter = yield* RateLimiter.RateLimiter
      const { delay } = yield* limiter.consume({
        algorithm,
        onExceeded,
        window,
        limit,
        key: bounded(key(request)),
        tokens: tokens(request)
      })
      if (Duration.toMillis(delay) > 0) yield* Effect.sleep(delay)
    })
  })
}
