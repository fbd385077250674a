/**
 * How many tokens one address may get: Harbour makes anybody a member who asks, so that this alone keeps a client from filling the data with members.
 */
import { Duration, Effect, Option, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { RateLimiter } from "effect/persistence"

import { limits } from "./Domain.ts"

/** The address has got its tokens: the next comes later. */
class TooManyTokens extends Schema.TaggedError<TooManyTokens>()("TooManyTokens", { seconds: Schema.Int }) {
  readonly status = 429
  override get message() {
    return `This address has got its ${limits.tokens} tokens of this minute. Ask again in ${this.seconds} s.`
  }
}

/** Takes one of the address's tokens of this minute. */
export const take = Effect.gen(function* () {
  const { remoteAddress } = yield* HttpServerRequest.HttpServerRequest
  const limiter = yield* RateLimiter.RateLimiter
  yield* limiter.consume({
    key: Option.match(remoteAddress, { onNone: () => "unknown", onSome: String }),
    limit: limits.tokens,
    window: "1 minute",
    algorithm: "fixed-window",
    onExceeded: "fail"
  })
}).pipe(
  Effect.catchTag("RateLimiterError", ({ reason }) =>
    reason._tag === "RateLimitExceeded"
      ? Effect.fail(new TooManyTokens({ seconds: Math.max(1, Math.ceil(Duration.toSeconds(reason.retryAfter))) }))
      : Effect.die(reason)
  )
)
