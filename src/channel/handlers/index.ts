/**
 * Ready-made channel handlers, one a file.
 *
 * @since 0.1.0
 */
export { authentication } from "./Authentication.ts"
export type { AuthenticationOptions, CredentialSource } from "./Authentication.ts"
export { joinGuard, joinRule } from "./JoinGuard.ts"
export type { GuardedJoin, JoinRule, JoinGuardOptions } from "./JoinGuard.ts"
export { log } from "./Log.ts"
export type { LogOptions } from "./Log.ts"
export { metrics } from "./Metrics.ts"
export type { MetricsOptions } from "./Metrics.ts"
export { payloadLimit } from "./PayloadLimit.ts"
export type { PayloadLimitOptions, PayloadRule } from "./PayloadLimit.ts"
export { joinRateLimit, rateLimit } from "./RateLimit.ts"
export type { RateLimitKeyOptions, RateLimitOptions } from "./RateLimit.ts"
