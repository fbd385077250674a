/**
 * Keeps the messages, and the joins, of clients within a rate, by Effect's `RateLimiter`.
 *
 * 1. A message or a join that is too early is refused: `{"reason":"rate limited","retry_after":ms}`. A message without a ref gets no answer. Nothing waits here, since what
 *    waits would hold up its topic.
 * 2. Without a `key` each socket has a limit of its own, kept with the socket. With one, what has the same key counts together: over all sockets, and over
 *    all nodes whose `RateLimiter` shares a store. Keys beyond `maxKeys` share one, so that clients do not fill the store.
 * 3. Where the store of the limiter fails, everything is refused with `{"reason":"rate limit unavailable"}`, unless `onStoreError` is `allow`; each failure is logged at Warn.
 * 4. Leaves and heartbeats are not limited, nor are messages to topics that are not joined, which cost nothing. A frame that is too large or no message closes the socket anyway.
 *
 * Order: behind what identifies the client, ahead of what costs something.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"

import * as ChannelHandler from "../ChannelHandler.ts"
import type { ChannelSocket, Connect } from "../ChannelSocket.ts"

type Socket = ChannelSocket["Service"]

/**
 * Options of `rateLimit` and `joinRate` without a key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many messages or joins there may be in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** `fixed-window` gives all tokens at its begin, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket"
}

/**
 * Options of `rateLimit` and `joinRate` with a key; `M` is what is limited.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyOptions<in M> extends Options {
  /** What counts together, such as the user's id. */
  readonly key: (message: M, socket: Socket) => string
  /** How many keys are told apart. Default: 10,000. */
  readonly maxKeys?: number
  /** What happens when the limiter's store fails. Default: `refuse`. */
  readonly onStoreError?: "refuse" | "allow"
}

type Take<M> = (message: M, socket: Socket) => Effect.Effect<void, ChannelHandler.Refused, RateLimiter.RateLimiter>

const refused = (retryAfter: Duration.Duration) =>
  new ChannelHandler.Refused({
    reason: "rate limited",
    details: { retry_after: Math.ceil(Duration.toMillis(retryAfter)) }
  })

/** A limiter whose store goes with the socket. */
const own = Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory)

const taker = <M>(name: string, options: Options | KeyOptions<M>): Take<M> => {
  const { algorithm = "token-bucket", limit, window } = options
  const { key, maxKeys = 10_000, onStoreError = "refuse" }: Partial<KeyOptions<M>> = options
  const consume = (limiter: RateLimiter.RateLimiter, key: string) =>
    limiter.consume({ algorithm, limit, window, key, onExceeded: "fail" }).pipe(
      Effect.asVoid,
      Effect.catch(({ reason }) => {
        if (reason._tag === "RateLimitExceeded") return Effect.fail(refused(reason.retryAfter))
        const answer =
          onStoreError === "allow"
            ? Effect.void
            : Effect.fail(new ChannelHandler.Refused({ reason: "rate limit unavailable" }))
        return Effect.andThen(Effect.logWarning(`"${name}": the rate limiter's store fails`, reason), answer)
      })
    )
  if (key === undefined) {
    const limiters = new WeakMap<Connect, RateLimiter.RateLimiter>()
    return (_, { connect }) =>
      Effect.suspend(() => {
        const limiter = limiters.get(connect)
        if (limiter !== undefined) return consume(limiter, name)
        return Effect.flatMap(own, (made) => {
          // Another topic may have been faster.
          const present = limiters.get(connect) ?? made
          limiters.set(connect, present)
          return consume(present, name)
        })
      })
  }
  const keys = new Set<string>()
  const bounded = (key: string): string => {
    if (keys.size < maxKeys) keys.add(key)
    return keys.has(key) ? `fairlead:${name}:${key}` : `fairlead:${name}`
  }
  return (message, socket) =>
    Effect.flatMap(RateLimiter.RateLimiter, (limiter) => consume(limiter, bounded(key(message, socket))))
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
  (options: KeyOptions<ChannelHandler.Received>): ChannelHandler.ChannelHandler<never, RateLimiter.RateLimiter>
  (options: Options): ChannelHandler.ChannelHandler
} = (options: Options | KeyOptions<ChannelHandler.Received>): ChannelHandler.ChannelHandler =>
  ChannelHandler.make("rate-limit", { incoming: taker("rate-limit", options) }) as ChannelHandler.ChannelHandler

/**
 * Keeps the joins of clients within a rate.
 *
 * **Example** (Twenty joins a minute for each socket)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { joinRate } from "fairlead/channel/handlers"
 *
 * const server = ChannelServer.make("realtime").use(joinRate({ limit: 20, window: "1 minute" }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const joinRate: {
  (options: KeyOptions<ChannelHandler.Joining>): ChannelHandler.ChannelHandler<never, RateLimiter.RateLimiter>
  (options: Options): ChannelHandler.ChannelHandler
} = (options: Options | KeyOptions<ChannelHandler.Joining>): ChannelHandler.ChannelHandler =>
  ChannelHandler.make("join-rate", { join: taker("join-rate", options) }) as ChannelHandler.ChannelHandler
