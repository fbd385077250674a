/**
 * Ready-made endpoint hooks, one a file.
 *
 * @since 0.1.0
 */
export { alpnPolicy } from "./AlpnPolicy.ts"
export type { AlpnPolicyOptions, AlpnRule, AlpnSubject } from "./AlpnPolicy.ts"
export { circuitBreaker } from "./CircuitBreaker.ts"
export type { CircuitBreakerOptions, DialOutcome } from "./CircuitBreaker.ts"
export { connectionLimit } from "./ConnectionLimit.ts"
export type { ConnectionLimitOptions, ProtocolLimit } from "./ConnectionLimit.ts"
export { addressList, idList } from "./Lists.ts"
export type { AddressListOptions, IdListOptions } from "./Lists.ts"
export { metrics } from "./Metrics.ts"
export type { MetricsOptions } from "./Metrics.ts"
export { monitor } from "./Monitor.ts"
export type { ConnectionEvent, Monitor, MonitorOptions } from "./Monitor.ts"
export { preAuthAcceptor, preAuthAlpn, preAuthDialer } from "./PreAuth.ts"
export type { PreAuthAcceptor, PreAuthAcceptorOptions, PreAuthDialerOptions, PreAuthOptions } from "./PreAuth.ts"
export { rateLimit } from "./RateLimit.ts"
export type { RateLimitOptions } from "./RateLimit.ts"
export { streamLimit } from "./StreamLimit.ts"
export type { StreamLimitOptions } from "./StreamLimit.ts"
