/**
 * Ready-made channel handlers, one a file.
 *
 * @since 0.1.0
 */
export { authentication } from "./Authentication.ts"
export type { Options as AuthenticationOptions, Source as CredentialSource } from "./Authentication.ts"
export { joinGuard, joinRule } from "./JoinGuard.ts"
export type { Join as GuardedJoin, JoinRule, Options as JoinGuardOptions } from "./JoinGuard.ts"
export { log } from "./Log.ts"
export type { Options as LogOptions } from "./Log.ts"
export { metrics } from "./Metrics.ts"
export type { Options as MetricsOptions } from "./Metrics.ts"
export { payloadLimit } from "./PayloadLimit.ts"
export type { Options as PayloadLimitOptions, Rule as PayloadRule } from "./PayloadLimit.ts"
export { joinRate, rateLimit } from "./RateLimit.ts"
export type { KeyOptions as RateLimitKeyOptions, Options as RateLimitOptions } from "./RateLimit.ts"
