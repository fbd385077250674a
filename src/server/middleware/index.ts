/**
 * Ready-made middleware, one a file.
 *
 * @since 0.1.0
 */
export { accessLog } from "./AccessLog.ts"
export type { AccessLogOptions } from "./AccessLog.ts"
export type { AccessLogEntry } from "./AccessLogEntry.ts"
export { addressList } from "./AddressList.ts"
export type { AddressListOptions } from "./AddressList.ts"
export { authentication, AuthenticationError } from "./Authentication.ts"
export type { AuthenticationOptions, CredentialSource } from "./Authentication.ts"
export { bodyLimit } from "./BodyLimit.ts"
export type { BodyLimitOptions } from "./BodyLimit.ts"
export { conditional } from "./Conditional.ts"
export type { ConditionalOptions, Validators } from "./Conditional.ts"
export type { ContentSecurityPolicy, CspDirective, CspDirectives } from "./ContentSecurityPolicy.ts"
export type { CookieAttributes } from "./CookieAttributes.ts"
export { cors } from "./Cors.ts"
export type { AllowedOrigins, CorsOptions } from "./Cors.ts"
export { cspNonce } from "./CspNonce.ts"
export { csrf } from "./Csrf.ts"
export type { CsrfOptions } from "./Csrf.ts"
export { hostPolicy } from "./HostPolicy.ts"
export type { HostPolicyOptions } from "./HostPolicy.ts"
export { idempotencyKey } from "./IdempotencyKey.ts"
export type { IdempotencyKeyOptions } from "./IdempotencyKey.ts"
export { IdempotencyError, IdempotencyStore } from "./IdempotencyStore.ts"
export type { IdempotencyRecord, RecordedResponse } from "./IdempotencyStore.ts"
export { methodNotAllowed } from "./MethodNotAllowed.ts"
export type { MethodNotAllowedOptions } from "./MethodNotAllowed.ts"
export { metrics } from "./Metrics.ts"
export type { MetricsOptions } from "./Metrics.ts"
export { problemDetails } from "./ProblemDetails.ts"
export type { ProblemDetailsOptions } from "./ProblemDetails.ts"
export { rateLimit } from "./RateLimit.ts"
export type { RateLimitOptions } from "./RateLimit.ts"
export { recommended } from "./Recommended.ts"
export type { Recommended, RecommendedOf, RecommendedOptions } from "./Recommended.ts"
export type { RecommendedErrors, RecommendedLate, RecommendedNeeds, RecommendedServices } from "./RecommendedTypes.ts"
export { RequestId, requestId } from "./RequestId.ts"
export type { RequestIdOptions } from "./RequestId.ts"
export { CookieTooLarge, secureCookie } from "./SecureCookie.ts"
export type { SecureCookie, SecureCookieOptions } from "./SecureCookie.ts"
export { securityHeaders } from "./SecurityHeaders.ts"
export type { ReferrerPolicy, SecurityHeadersOptions, StrictTransportSecurity } from "./SecurityHeaders.ts"
export { session } from "./Session.ts"
export type { Session, SessionOptions } from "./Session.ts"
export { SessionError, SessionStore } from "./SessionStore.ts"
export { ResponseTimeout, timeouts } from "./Timeouts.ts"
export type { TimeoutsOptions } from "./Timeouts.ts"
export { trustedProxy } from "./TrustedProxy.ts"
export type { TrustedProxyOptions } from "./TrustedProxy.ts"
export { RequestInput, validation } from "./Validation.ts"
export type {
  InputSchemas,
  InputValues,
  KnownParts,
  RequestInputClass,
  ValidationErrors,
  ValidationNeeds,
  ValidationOptions
} from "./Validation.ts"
export { RequestInputError } from "./RequestInputError.ts"
export type { InputFault } from "./RequestInputError.ts"
