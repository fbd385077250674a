/**
 * Keeps the messages, and the joins, of clients within a rate, by Effect's `RateLimiter`.
 *
 * 1. A message or a join above the rate is refused: `{"reason":"rate limited","retry_after_ms":ms}`. A message without a ref gets no answer. Nothing waits here, since a waiting
 *    message would hold up its topic.
 * 2. Without a `key` each socket has a separate limit, kept with the socket. With one, messages with the same key share a limit: over all sockets, and over
 *    all nodes whose `RateLimiter` shares a store. Keys beyond `maxKeys` share one, so that clients do not fill the store.
 * 3. Where the store of the limiter fails, everything is rejected with `{"reason":"rate limit unavailable"}`, unless `onStoreError` is `allow`; each failure is logged at Warn.
 * 4. Leaves and heartbeats are not limited, nor are messages to unjoined topics, which cost nothing. A too large or invalid frame closes the socket anyway.
 *
 * Order: after the handler that identifies the client, before expensive handlers.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"

import type { BuildSite } from "../../core/BuildSite.ts"
import { cast } from "../../core/Composite.ts"
import { LimiterKeys } from "../../core/Keyed.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type * as ChannelHandler from "../ChannelHandler.ts"
import type { ChannelSocket, ConnectRequest } from "../ChannelSocket.ts"
import { handlerOf } from "../HandlerValue.ts"

type Socket = ChannelSocket["Service"]

/**
 * Options of `rateLimit` and `joinRateLimit` without a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimitOptions {
  /** How many messages or joins there may be in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** `fixed-window` adds all tokens at its begin, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket"
  /** How many tokens a message or a join takes. Default: 1. */
  readonly tokens?: number
  /** Its name in the Probe, in logs and in store keys. Two with one name and the same limits in one server throw. Default: the function's name. */
  readonly name?: string
}

/**
 * Options of `rateLimit` and `joinRateLimit` with a key; `M` is the limited message.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimitKeyOptions<in M> extends RateLimitOptions {
  /** Messages with one key share a limit, such as the user's id. */
  readonly key: (message: M, socket: Socket) => string
  /** How many keys are counted separately. Default: 10,000. */
  readonly maxKeys?: number
  /** What happens when the limiter's store fails: the message is rejected, or goes on. Default: `fail`. */
  readonly onStoreError?: "fail" | "allow"
}

type Take<M> = (message: M, socket: Socket) => Effect.Effect<void, Reject, RateLimiter.RateLimiter>

const rejected = (retryAfter: Duration.Duration) =>
  new Reject({
    reason: "rate limited",
    status: 429,
    details: { retry_after_ms: Math.ceil(Duration.toMillis(retryAfter)) }
  })

const unavailable = new Reject({ reason: "rate limit unavailable", status: 503 })

/** A limiter whose store goes with the socket: fresh, since the layers of a program share what they build. */
const own = Effect.provide(RateLimiter.make, Layer.fresh(RateLimiter.layerStoreMemory))

/** The taker of each build of a server, and the limits of its store key. */
const takers = <M>(defaultName: string, options: RateLimitOptions | RateLimitKeyOptions<M>) => {
  const name = nameOr(defaultName, options.name)
  const check = checkOptions(name)
  const { key, maxKeys = 10_000, onStoreError = "fail" }: Partial<RateLimitKeyOptions<M>> = options
  const limit = check.integer("limit", options.limit)
  const window = check.duration("window", options.window)
  const tokens = check.integer("tokens", options.tokens ?? 1)
  const algorithm = check.oneOf("algorithm", options.algorithm ?? "token-bucket", ["fixed-window", "token-bucket"])
  check.maximum("maxKeys", maxKeys)
  check.oneOf("onStoreError", onStoreError, ["fail", "allow"])
  const consume = (limiter: RateLimiter.RateLimiter, key: string) =>
    limiter.consume({ algorithm, limit, window, tokens, key, onExceeded: "fail" }).pipe(
      Effect.asVoid,
      Effect.catch(({ reason }) => {
        if (reason._tag === "RateLimitExceeded") return Effect.fail(rejected(reason.retryAfter))
        const answer = onStoreError === "allow" ? Effect.void : Effect.fail(unavailable)
        return Effect.andThen(Effect.logWarning(`"${name}": the rate limiter's store fails`, reason), answer)
      })
    )
  const takerOf = ({ composite, name }: BuildSite): Take<M> => {
    if (key === undefined) {
      const limiters = new WeakMap<ConnectRequest, RateLimiter.RateLimiter>()
      return (_, { request }) =>
        Effect.suspend(() => {
          const limiter = limiters.get(request)
          if (limiter !== undefined) return consume(limiter, name)
          return Effect.flatMap(own, (made) => {
            // Another topic may have been faster.
            const present = limiters.get(request) ?? made
            limiters.set(request, present)
            return consume(present, name)
          })
        })
    }
    const keys = new LimiterKeys({ composite, name, limit, window, maxKeys })
    return (message, socket) =>
      Effect.flatMap(Effect.zip(RateLimiter.RateLimiter, Clock.currentTimeMillis), ([limiter, now]) =>
        consume(limiter, keys.of(key(message, socket), now))
      )
  }
  return { name, takerOf, storeKey: `${limit}/${Duration.toMillis(window)}` }
}

/**
 * Keeps the messages of clients within a rate.
 *
 * **Example** (Ten messages a second for each socket, a hundred for each user)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 * import { ChannelServer } from "fairlead/channel"
 * import { rateLimit } from "fairlead/channel/handlers"
 *
 * const server = ChannelServer.make("realtime")
 *   .use(rateLimit({ limit: 10, window: "1 second" }))
 *   .use(rateLimit({ limit: 100, window: "1 second", key: (_, { id }) => id ?? "anonymous" }))
 * const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)) // what the key needs
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const rateLimit: {
  (
    options: RateLimitKeyOptions<ChannelHandler.IncomingMessage>
  ): ChannelHandler.ChannelHandler<never, RateLimiter.RateLimiter>
  (options: RateLimitOptions): ChannelHandler.ChannelHandler
} = (
  options: RateLimitOptions | RateLimitKeyOptions<ChannelHandler.IncomingMessage>
): ChannelHandler.ChannelHandler => {
  const { name, storeKey, takerOf } = takers("rateLimit", options)
  return cast(handlerOf(name, (site) => ({ incoming: takerOf(site) }), storeKey))
}

/**
 * Keeps the joins of clients within a rate.
 *
 * **Example** (Twenty joins a minute for each socket)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { joinRateLimit } from "fairlead/channel/handlers"
 *
 * const server = ChannelServer.make("realtime").use(joinRateLimit({ limit: 20, window: "1 minute" }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const joinRateLimit: {
  (
    options: RateLimitKeyOptions<ChannelHandler.JoinMessage>
  ): ChannelHandler.ChannelHandler<never, RateLimiter.RateLimiter>
  (options: RateLimitOptions): ChannelHandler.ChannelHandler
} = (options: RateLimitOptions | RateLimitKeyOptions<ChannelHandler.JoinMessage>): ChannelHandler.ChannelHandler => {
  const { name, storeKey, takerOf } = takers("joinRateLimit", options)
  return cast(handlerOf(name, (site) => ({ join: takerOf(site) }), storeKey))
}
