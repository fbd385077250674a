/**
 * Keeps requests within a rate, by Effect's `RateLimiter`, so that the limit is shared by all who share its store: one process, or many over Redis.
 *
 * 1. Each attempt takes its tokens before it goes on: a retry and a hop count too. Answers of a handler outside of this one take none.
 * 2. An early attempt waits, or with `onExceeded: "fail"` fails with `RateLimiterError`, whose reason says when to come again. The tokens of an attempt
 *    interrupted during its wait are not returned.
 * 3. Each origin has a separate limit, unless a `key` groups requests otherwise. Keys beyond `maxKeys` share one, so that a crawler does not fill the store.
 * 4. With `learn` it also obeys the server: it reads `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) of each response, spreads calls accordingly, and
 *    shares the pause of a 429 among all calls of the key. Without `limit` the server's limit alone holds, and no `RateLimiter` is needed.
 * 5. A 429 is not sent again here: `retry` does that, a bounded number of times, and waits as long as `Retry-After` says.
 *
 * Order: inside of retry, redirect and caches, outside of handlers that sign; inside of `timeouts` with a total, which bounds the waiting. Works over any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as RateLimiter from "effect/persistence/RateLimiter"

import type { BuildSite } from "../../core/BuildSite.ts"
import { cast } from "../../core/Composite.ts"
import { retryAfter } from "../../core/heads/RetryAfter.ts"
import { Keyed, LimiterKeys, limiterPrefix } from "../../core/Keyed.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import type * as ClientHandler from "../ClientHandler.ts"
import { recipeOf } from "../HandlerRecipe.ts"
import { LearnedLimit, longestPause } from "./LearnedLimit.ts"
import { originOf } from "./Origins.ts"

/**
 * Options of `rateLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimitOptions {
  /** The handler's name; two with equal limits in one chain need two names. Default: `rateLimit`. */
  readonly name?: string
  /** How many tokens there are in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** `fixed-window` adds all tokens at its begin, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket"
  /** What happens to an early attempt. Default: `delay`. */
  readonly onExceeded?: "delay" | "fail"
  /** Requests with one key share a limit. Default: the origin. */
  readonly key?: (request: ClientHandler.Request) => string
  /** How many tokens a request takes. Default: 1. */
  readonly tokens?: (request: ClientHandler.Request) => number
  /** How many keys are counted separately within a window; further ones share one count. Default: 10,000. */
  readonly maxKeys?: number
  /** Whether an attempt is sent, or fails, when the limiter's store fails. Default: `fail`. */
  readonly onStoreError?: "allow" | "fail"
  /** Whether the server's limit is learned from its responses, and obeyed too. Default: false. */
  readonly learn?: boolean | undefined
  /** Whether a 429 or 503 with `Retry-After` makes the other calls of its key wait as long, up to a minute. Default: false. */
  readonly slowOthers?: boolean
}

/**
 * Options of `rateLimit` without a limit of yours: the limit of the server holds.
 *
 * @category models
 * @since 0.1.0
 */
export type LearnedRateLimitOptions = Pick<RateLimitOptions, "name" | "key" | "maxKeys"> & {
  readonly learn: true
  readonly limit?: undefined
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
export const rateLimit: {
  (options: LearnedRateLimitOptions): ClientHandler.ClientHandler
  (options: RateLimitOptions): ClientHandler.ClientHandler<RateLimiter.RateLimiterError, RateLimiter.RateLimiter>
} = (options: RateLimitOptions | LearnedRateLimitOptions) => {
  const name = nameOr("rateLimit", options.name)
  const check = checkOptions(name)
  const { key = originOf, learn = false, maxKeys: given = 10_000 } = options
  const maxKeys = check.maximum("maxKeys", given)
  const own = options.limit === undefined ? undefined : ownLimit(check, options)
  if (own === undefined && !learn) throw check.invalid("limit", "it is missing: use a limit, or learn: true")
  const slowOthers = "slowOthers" in options && options.slowOthers
  const recipe = (site: BuildSite) => {
    const consume = own?.consume(site, maxKeys)
    const pauses = new Keyed<string, number>({ maxKeys })
    const learned = new Keyed<string, LearnedLimit>({ maxKeys })
    return {
      run: ({ request }: ClientHandler.Exchange) =>
        Effect.gen(function* () {
          const name = key(request)
          const pause = slowOthers ? (pauses.get(name) ?? 0) - (yield* Clock.currentTimeMillis) : 0
          if (pause > 0) yield* Effect.sleep(pause)
          if (consume !== undefined) yield* consume(name, request)
          if (learn) yield* learned.getOrSet(name, () => new LearnedLimit()).await
        }),
      afterResponse: (outcome: ClientHandler.Outcome, exchange: ClientHandler.Exchange) => {
        if (!(slowOthers || learn) || outcome._tag === "Failure" || exchange.haltedBy !== undefined) return
        const { headers, status } = outcome.response
        const now = Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()
        if (learn) {
          learned.getOrSet(key(exchange.request), () => new LearnedLimit()).learn(status, headers, now)
          return
        }
        if (status !== 429 && status !== 503) return
        const wait = retryAfter(headers["retry-after"], now)
        if (wait !== undefined) pauses.set(key(exchange.request), now + Math.min(wait, longestPause))
      }
    }
  }
  // Two in one chain that share a name and a limit would count every request twice.
  return cast<ClientHandler.ClientHandler>(recipeOf(name, recipe, own?.storeKey))
}

/** The limit of the options, which counts in the store of the `RateLimiter`. */
const ownLimit = (check: OptionChecks, options: RateLimitOptions) => {
  const { tokens = () => 1 } = options
  const limit = check.integer("limit", options.limit)
  const window = check.duration("window", options.window)
  const algorithm = check.oneOf("algorithm", options.algorithm ?? "token-bucket", ["fixed-window", "token-bucket"])
  const onExceeded = check.oneOf("onExceeded", options.onExceeded ?? "delay", ["delay", "fail"])
  const onStoreError = check.oneOf("onStoreError", options.onStoreError ?? "fail", ["allow", "fail"])
  return {
    storeKey: limiterPrefix({ composite: "", name: check.interceptor, limit, window }),
    consume: (site: BuildSite, maxKeys: number) => {
      const keys = new LimiterKeys({ ...site, limit, window, maxKeys })
      return (name: string, request: ClientHandler.Request) =>
        Effect.gen(function* () {
          const limiter = yield* RateLimiter.RateLimiter
          const consumed = limiter.consume({
            algorithm,
            onExceeded,
            window,
            limit,
            key: keys.of(name, yield* Clock.currentTimeMillis),
            tokens: tokens(request)
          })
          const { delay } = yield* onStoreError === "fail"
            ? consumed
            : Effect.catchIf(consumed, isOfStore, () => Effect.succeed({ delay: Duration.zero }))
          if (Duration.toMillis(delay) > 0) yield* Effect.sleep(delay)
        })
    }
  }
}

const isOfStore = ({ reason }: RateLimiter.RateLimiterError): boolean => reason._tag === "RateLimitStoreError"
