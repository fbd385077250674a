/**
 * Keeps the requests of each client within a rate, by Effect's `RateLimiter`, and says in its headers how much is left.
 *
 * **Example** (A hundred requests a minute for each client)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { RateLimiter } from "effect/persistence"
 * import { Pipeline } from "fairlead/server"
 * import { rateLimit } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("api")
 *   .before(rateLimit({ limit: 100, window: "1 minute" }))
 *   .handle(HttpServerResponse.text("hello"))
 *   .respond()
 * const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)) // what the app needs
 * ```
 *
 * **Rules**
 *
 * 1. A request above the rate fails with `Reject` 429. Its response has `Retry-After` (RFC 9110 §10.2.3), in seconds and rounded up.
 * 2. Every response of a limited request has `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): those of errors and defects too. Several limits are listed in
 *    one field, by name. The client handler `rateLimit` with `learn` obeys them.
 * 3. The default key is the client's address; addresses of one IPv6 network of `ipv6Prefix` bits count together, and an IPv4 address within IPv6 counts as itself. Requests without an address
 *    count together.
 * 4. Keys beyond `maxKeys` share one limit, so that clients do not fill the store.
 * 5. When the store fails, or does not answer within `timeout`, the request fails with `Reject` 503. With `onStoreError: "allow"` it goes on. Each failure is logged at Warn.
 *
 * **Order**
 *
 * A before, after `trustedProxy`, before authentication where its key is the address, after it where its key is the user.
 *
 * **Works with**
 *
 * One process with `RateLimiter.layerStoreMemory`; many with `RateLimiter.layerStoreRedis`, where all nodes share the limits.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as RateLimiter from "effect/persistence/RateLimiter"

import { readAddress, readingsOf } from "../../core/heads/AddressRange.ts"
import { formatPolicy, formatState } from "../../core/heads/RateLimitFields.ts"
import { LimiterKeys, limiterPrefix } from "../../core/Keyed.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import { withinOrLeave } from "../../core/TimeBound.ts"
import type { Ambient, Request, Response } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { stored } from "../MiddlewareRequest.ts"

/**
 * Options of `rateLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RateLimitOptions<K extends string | Effect.Effect<string, unknown, unknown> = string> {
  /** How many tokens there are in a window. */
  readonly limit: number
  /** How long a window is. */
  readonly window: Duration.Input
  /** `fixed-window` adds all tokens at its begin, `token-bucket` one after another. Default: `token-bucket`. */
  readonly algorithm?: "fixed-window" | "token-bucket" | undefined
  /** What counts together: a text, or an Effect of one, such as the id of the user. Default: the client's address. */
  readonly key?: ((request: Request) => K) | undefined
  /** How many tokens a request takes. Default: 1. */
  readonly tokens?: ((request: Request) => number) | undefined
  /** The bits of an IPv6 address that count together; a provider hands out whole networks of this size. Default: 64. */
  readonly ipv6Prefix?: number | undefined
  /** How many keys are counted separately within a window; further ones share one count. Default: 10,000. */
  readonly maxKeys?: number | undefined
  /** Whether a request is rejected with 503, or goes on, when the store fails. Default: `fail`. */
  readonly onStoreError?: "allow" | "fail" | undefined
  /** How long the store may take. Default: 1 second. */
  readonly timeout?: Duration.Input | undefined
  /** The name of the middleware, of its policy in the headers, and in store keys. Default: `rateLimit`. */
  readonly name?: string | undefined
}

/** The key of a client: its IPv4 address, or the network of its IPv6 address. */
const clientKey = (ipv6Prefix: number) => {
  return ({ remoteAddress }: Request): string => {
    const address = readAddress(Option.getOrElse(remoteAddress, () => ""))
    if (address === undefined) return "unknown"
    // The IPv4 address within an IPv6 address is the last reading.
    const client = readingsOf(address).at(-1) ?? address
    return NetAddress.isIpv6Address(client)
      ? IpNetwork.format(IpNetwork.fromAddressUnsafe(client, ipv6Prefix))
      : NetAddress.formatIp(client)
  }
}

const tooSlow = { _tag: "TooSlow" } as const

const seconds = (duration: Duration.Duration): number => Math.max(0, Math.ceil(Duration.toSeconds(duration)))

const withField = (response: Response, name: string, value: string): Response => {
  const present = response.headers[name]
  return HttpServerResponse.setHeader(response, name, present === undefined ? value : `${present}, ${value}`)
}

/**
 * Keeps the requests of each client within a rate.
 *
 * @category middleware
 * @since 0.1.0
 */
export const rateLimit = <K extends string | Effect.Effect<string, unknown, unknown> = string>(
  options: RateLimitOptions<K>
): Middleware.Before<
  never,
  Reject | Effect.Error<K>,
  RateLimiter.RateLimiter | Exclude<Effect.Services<K>, Ambient>
> => {
  const name = nameOr("rateLimit", options.name)
  const check = checkOptions(name)
  const limit = check.integer("limit", options.limit)
  const window = check.duration("window", options.window)
  const algorithm = check.oneOf("algorithm", options.algorithm ?? "token-bucket", ["fixed-window", "token-bucket"])
  const onStoreError = check.oneOf("onStoreError", options.onStoreError ?? "fail", ["allow", "fail"])
  const maxKeys = check.maximum("maxKeys", options.maxKeys ?? 10_000)
  const timeout = check.duration("timeout", options.timeout ?? "1 second")
  const ipv6Prefix = check.between("ipv6Prefix", check.integer("ipv6Prefix", options.ipv6Prefix ?? 64), 1, 128)
  const keyOf: (request: Request) => string | Effect.Effect<string, unknown, unknown> =
    options.key ?? clientKey(ipv6Prefix)
  const { tokens = () => 1 } = options
  const policy = formatPolicy({ name, quota: limit, window: seconds(window) })
  const tokenTime = Duration.divideUnsafe(window, limit)

  /** Adds the fields to the response, whoever makes it. */
  const announce = (remaining: number, reset: Duration.Duration) =>
    HttpEffect.appendPreResponseHandler((_, response) => {
      const state = formatState({ name, remaining: Math.max(0, Math.floor(remaining)), reset: seconds(reset) })
      return Effect.succeed(withField(withField(response, "ratelimit-policy", policy), "ratelimit", state))
    })

  const unavailable = (cause: unknown) =>
    Effect.andThen(
      Effect.logWarning(`"${name}": the store of the rate limiter fails`, cause),
      onStoreError === "allow"
        ? Effect.void
        : Effect.fail(new Reject({ reason: "rate limit unavailable", status: 503 }))
    )

  const take = (key: string, request: Request) =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.RateLimiter
      const { remaining, resetAfter } = yield* withinOrLeave(
        limiter.consume({ algorithm, limit, window, key, tokens: tokens(request), onExceeded: "fail" }),
        { millis: Duration.toMillis(timeout), onTimeout: () => tooSlow }
      )
      // An empty bucket has its next token long before it is full.
      yield* announce(remaining, remaining < 1 && algorithm === "token-bucket" ? tokenTime : resetAfter)
    }).pipe(
      Effect.catchTag("TooSlow", () => unavailable(`no answer within ${Duration.format(timeout)}`)),
      Effect.catchTag("RateLimiterError", ({ reason }) => {
        if (reason._tag !== "RateLimitExceeded") return unavailable(reason)
        const { retryAfter } = reason
        const details = { retry_after_ms: Math.ceil(Duration.toMillis(retryAfter)) }
        return Effect.andThen(
          announce(0, retryAfter),
          Effect.fail(new Reject({ reason: "rate limited", status: 429, details }))
        )
      })
    )

  return stored(limiterPrefix({ composite: "", name, limit, window }), (site) => {
    const keys = new LimiterKeys({ composite: site.composite, name, limit, window, maxKeys })
    return Middleware.before(name, (request) =>
      Effect.gen(function* () {
        const key = keyOf(request)
        const text = typeof key === "string" ? key : yield* key
        yield* take(keys.of(text, yield* Clock.currentTimeMillis), request)
      })
    )
  }) as never
}
