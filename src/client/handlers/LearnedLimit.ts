/**
 * What a server said of its rate limit, and how long the next call has to wait for it. Internal to the client part.
 *
 * 1. The smallest remaining quota of `RateLimit` counts; each call that is sent takes one of it, before the response says so.
 * 2. When nothing is left, every call of the key waits until the reset. Then it has the part of the quota that the wait can have restored, by `RateLimit-Policy`; without a policy,
 *    one call goes first, and its response says what there is.
 * 3. A 429 or 503 with `Retry-After` is a pause for all calls of the key.
 * 4. No wait is longer than a minute: the fields come from outside.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { parseEarlierDraft, parsePolicies, parseStates } from "../../core/heads/RateLimitFields.ts"
import type { RateLimitState } from "../../core/heads/RateLimitFields.ts"
import { retryAfter } from "../../core/heads/RetryAfter.ts"

type Headers = Readonly<Record<string, string | undefined>>

/** The longest wait, in milliseconds. */
export const longestPause = 60_000

/** The limit of one key, as far as it is known. Times are milliseconds of the `Clock`. */
export class LearnedLimit {
  /** `undefined` before the server said anything. */
  private remaining: number | undefined = undefined
  private resetAt = 0
  /** How long the last wait for a reset was. */
  private resetIn = 0
  private quota: number | undefined = undefined
  private windowMillis: number | undefined = undefined
  private pausedUntil = 0
  /** The first response after a reset says what there is, whatever was assumed. */
  private isFresh = false
  private changed = Deferred.makeUnsafe<void>()

  /** Takes one call, and returns how long it has to wait first: 0 when it may go now. */
  take(now: number): number {
    const pause = this.pausedUntil - now
    if (pause > 0) return pause
    if (this.remaining === undefined) return 0
    if (this.resetAt <= now) this.reset(now)
    if (this.remaining <= 0) return this.resetAt - now
    this.remaining--
    return 0
  }

  /** Takes one call, and waits until it may go. */
  readonly await: Effect.Effect<void> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const wait = this.take(now)
    if (wait <= 0) return Effect.void
    // A response may say earlier that there is more.
    const sooner = Effect.timeoutOption(Deferred.await(this.changed), wait)
    return Effect.andThen(sooner, this.await)
  })

  /** Learns from a response. */
  learn(status: number, headers: Headers, now: number): void {
    const wait = status === 429 || status === 503 ? retryAfter(headers["retry-after"], now) : undefined
    if (wait !== undefined) this.pausedUntil = Math.max(this.pausedUntil, now + Math.min(wait, longestPause))
    const state = tightest(headers)
    if (state !== undefined) this.update(state, headers, now)
    if (wait === undefined && state === undefined) return
    const { changed } = this
    this.changed = Deferred.makeUnsafe()
    Deferred.doneUnsafe(changed, Exit.void)
  }

  private update(state: RateLimitState, headers: Headers, now: number): void {
    const policies = parsePolicies(headers["ratelimit-policy"] ?? "")
    const policy = policies.find(({ name }) => name === state.name) ?? policies[0]
    this.quota = policy?.quota
    this.windowMillis = policy?.window === undefined ? undefined : policy.window * 1000
    const isKnown = this.remaining !== undefined && !this.isFresh && this.resetAt > now
    this.remaining = isKnown ? Math.min(this.remaining!, state.remaining) : state.remaining
    this.isFresh = false
    this.resetIn = Math.min((state.reset ?? 1) * 1000, longestPause)
    this.resetAt = now + this.resetIn
  }

  private reset(now: number): void {
    const { quota, resetIn, windowMillis } = this
    const restored =
      quota === undefined || windowMillis === undefined || windowMillis === 0
        ? 1
        : Math.max(1, Math.floor((quota * resetIn) / windowMillis))
    // A quota of 0 admits one call too, or nothing would ever learn that there is more.
    this.remaining = Math.max(1, Math.min(quota ?? 1, restored))
    this.resetIn = Math.min(windowMillis ?? 1000, longestPause)
    this.resetAt = now + this.resetIn
    this.isFresh = true
  }
}

/** The limit that is nearest to its end. */
const tightest = (headers: Headers): RateLimitState | undefined => {
  const states = parseStates(headers["ratelimit"] ?? "")
  const all = states.length > 0 ? states : [parseEarlierDraft(headers)]
  return all.reduce<RateLimitState | undefined>((least, state) => {
    if (least === undefined || state === undefined) return least ?? state
    if (state.remaining !== least.remaining) return state.remaining < least.remaining ? state : least
    return (state.reset ?? 0) > (least.reset ?? 0) ? state : least
  }, undefined)
}
