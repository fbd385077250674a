/**
 * Ready-made endpoint hooks, one a file.
 *
 * @since 0.1.0
 */
export { alpnPolicy } from "./AlpnPolicy.ts"
export type { Options as AlpnPolicyOptions, Rule as AlpnRule } from "./AlpnPolicy.ts"
export { circuitBreaker } from "./CircuitBreaker.ts"
export type { Options as CircuitBreakerOptions } from "./CircuitBreaker.ts"
export { connectionLimits, streamLimits } from "./Limits.ts"
export type { ConnectionLimits, StreamLimits } from "./Limits.ts"
export { addressList, idList } from "./Lists.ts"
export type { AddressListOptions, IdListOptions } from "./Lists.ts"
export { metrics } from "./Metrics.ts"
export type { Options as MetricsOptions } from "./Metrics.ts"
export { monitor } from "./Monitor.ts"
export type { ConnectionEvent, Monitor, Options as MonitorOptions } from "./Monitor.ts"
export { preAuthAcceptor, preAuthAlpn, preAuthDialer } from "./PreAuth.ts"
export type { AcceptorOptions, DialerOptions, Options as PreAuthOptions, PreAuthAcceptor } from "./PreAuth.ts"
export { rateLimit } from "./RateLimit.ts"
export type { Options as RateLimitOptions } from "./RateLimit.ts"
