/**
 * The ready-made middleware in the recommended order, as one value.
 *
 * **Example** (A public API)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { recommended } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("api")
 *   .pipe(recommended({ cors: { allowedOrigins: ["https://app.example"] }, hostPolicy: { hosts: ["api.example"] } }))
 *   .handle(HttpServerResponse.text("hello"))
 *   .respond()
 * ```
 *
 * **Rules**
 *
 * 1. Every option is that of the middleware of the same name, and `false` leaves it out.
 * 2. Without an option these are there: `securityHeaders`, `problemDetails`, `accessLog`, `requestId`, `metrics`, `timeouts`, `conditional`, `csrf`, `bodyLimit`.
 * 3. These need an option: `trustedProxy`, `cors`, `loadShed`, `deadlineHeader`, `concurrencyLimit`, `requestFirewall`, `hostPolicy`, `addressList`, `rateLimit`, `session`,
 *    `authentication`, `validation`, `idempotencyKey`, `methodNotAllowed`. `{}` is enough for `loadShed`, `deadlineHeader`, `concurrencyLimit`, `requestFirewall` and `methodNotAllowed`.
 * 4. The errors of the befores and of `idempotencyKey` are in the type of the pipeline; `.respond()` answers all of them.
 * 5. `idempotencyKey` and `methodNotAllowed` are around the handler, outside of the arounds of `.handle`. The handler of `methodNotAllowed` is that of `Pipeline.routes`: for any other
 *    `.handle` throws `InvalidOption`.
 *
 * **Order**
 *
 * First in a pipeline. On the way in: `trustedProxy`, `requestId`, `metrics`, `cors`, `loadShed`, `timeouts`, `deadlineHeader`, `concurrencyLimit`, `conditional`,
 * `requestFirewall`, `hostPolicy`, `addressList`, `rateLimit`, `csrf`, `bodyLimit`, `session`, `authentication`, `validation`, then your own, and around the handler
 * `idempotencyKey` and `methodNotAllowed`. On the way out: `conditional`, `cors`, `problemDetails`, `securityHeaders`, and `accessLog` after the last byte.
 *
 * **Gotchas**
 *
 * `validation` is for all requests of the pipeline: one route validates in a separate pipeline. An origin that `cors` allows to write has to be in `allowedOrigins` of `csrf` too,
 * with your own origins.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import { addAround } from "../Builder.ts"
import type { App, HandlerAround } from "../HttpTypes.ts"
import type * as Middleware from "../Middleware.ts"
import type { Before } from "../MiddlewareTypes.ts"
import type { AlsoSkip, Left, Skip } from "../PipelineState.ts"
import type { Open } from "../PipelineTypes.ts"
import { accessLog } from "./AccessLog.ts"
import type { AccessLogOptions } from "./AccessLog.ts"
import { addressList } from "./AddressList.ts"
import type { AddressListOptions } from "./AddressList.ts"
import { bodyLimit } from "./BodyLimit.ts"
import type { BodyLimitOptions } from "./BodyLimit.ts"
import { concurrencyLimit } from "./ConcurrencyLimit.ts"
import type { ConcurrencyLimitOptions } from "./ConcurrencyLimit.ts"
import { conditional } from "./Conditional.ts"
import type { ConditionalOptions } from "./Conditional.ts"
import { cors } from "./Cors.ts"
import type { CorsOptions } from "./Cors.ts"
import { csrf } from "./Csrf.ts"
import type { CsrfOptions } from "./Csrf.ts"
import { deadlineHeader } from "./DeadlineHeader.ts"
import type { DeadlineHeaderOptions } from "./DeadlineHeader.ts"
import { hostPolicy } from "./HostPolicy.ts"
import type { HostPolicyOptions } from "./HostPolicy.ts"
import { idempotencyKey } from "./IdempotencyKey.ts"
import type { IdempotencyKeyOptions } from "./IdempotencyKey.ts"
import { loadShed } from "./LoadShed.ts"
import type { LoadShedOptions } from "./LoadShed.ts"
import { aroundRoutes } from "./MethodNotAllowed.ts"
import type { MethodNotAllowedOptions } from "./MethodNotAllowed.ts"
import { metrics } from "./Metrics.ts"
import type { MetricsOptions } from "./Metrics.ts"
import { problemDetails } from "./ProblemDetails.ts"
import type { ProblemDetailsOptions } from "./ProblemDetails.ts"
import { rateLimit } from "./RateLimit.ts"
import type { RateLimitOptions } from "./RateLimit.ts"
import type { RecommendedErrors, RecommendedLate, RecommendedNeeds, RecommendedServices } from "./RecommendedTypes.ts"
import { requestFirewall } from "./RequestFirewall.ts"
import type { RequestFirewallOptions } from "./RequestFirewall.ts"
import { requestId } from "./RequestId.ts"
import type { RequestIdOptions } from "./RequestId.ts"
import { securityHeaders } from "./SecurityHeaders.ts"
import type { SecurityHeadersOptions } from "./SecurityHeaders.ts"
import { timeouts } from "./Timeouts.ts"
import type { TimeoutsOptions } from "./Timeouts.ts"
import { trustedProxy } from "./TrustedProxy.ts"
import type { TrustedProxyOptions } from "./TrustedProxy.ts"

/**
 * Options of `recommended`: those of each middleware, or `false` to leave it out.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecommendedOptions {
  /** Security headers. Default: those of `securityHeaders`. */
  readonly securityHeaders?: SecurityHeadersOptions | false | undefined
  /** Bodies of errors. Default: those of `problemDetails`. */
  readonly problemDetails?: ProblemDetailsOptions | false | undefined
  /** The access log. Default: that of `accessLog`. */
  readonly accessLog?: AccessLogOptions<unknown> | false | undefined
  /** Your proxies. Default: none, since nobody else knows them. */
  readonly trustedProxy?: TrustedProxyOptions | false | undefined
  /** The id of a request. Default: that of `requestId`. */
  readonly requestId?: RequestIdOptions | false | undefined
  /** The metrics. Default: those of `metrics`. */
  readonly metrics?: MetricsOptions | false | undefined
  /** Pages of other origins. Default: none may read a response. */
  readonly cors?: CorsOptions<unknown> | false | undefined
  /** When the process is overloaded; it needs a `ServerLoad`. Default: no request is rejected for it. */
  readonly loadShed?: LoadShedOptions | false | undefined
  /** The time for a request. Default: that of `timeouts`. */
  readonly timeouts?: TimeoutsOptions | false | undefined
  /** The time that the client waits. Default: only `timeouts` limits a request. */
  readonly deadlineHeader?: DeadlineHeaderOptions | false | undefined
  /** How many requests run at once. Default: no limit. */
  readonly concurrencyLimit?: ConcurrencyLimitOptions | false | undefined
  /** 304 for GET and HEAD. It has no `current`, which would judge a request before it is authenticated. Default: that of `conditional`. */
  readonly conditional?: Omit<ConditionalOptions, "current"> | false | undefined
  /** Ambiguous requests. Default: all pass, since a path of yours may have an encoded `/` or `%`. */
  readonly requestFirewall?: RequestFirewallOptions | false | undefined
  /** Your hosts. Default: all. */
  readonly hostPolicy?: HostPolicyOptions | false | undefined
  /** The addresses of clients. Default: all. */
  readonly addressList?: AddressListOptions | false | undefined
  /** The rate of each client. Default: no limit. */
  readonly rateLimit?: RateLimitOptions<string | Effect.Effect<string, unknown, unknown>> | false | undefined
  /** Forged requests. Default: those of `csrf`. */
  readonly csrf?: CsrfOptions | false | undefined
  /** The size of bodies. Default: that of `bodyLimit`. */
  readonly bodyLimit?: BodyLimitOptions | false | undefined
  /** The session, as `session(…)` returns it. Default: none. */
  readonly session?: Before<unknown, unknown, unknown> | false | undefined
  /** The user, as `authentication(…)` returns it. Default: none. */
  readonly authentication?: Before<unknown, unknown, unknown> | false | undefined
  /** The input of every request, as `validation(…)` returns it. Default: none. */
  readonly validation?: Before<unknown, unknown, unknown> | false | undefined
  /** Repetitions of an unsafe request; it needs an `IdempotencyStore`. Default: each is handled. */
  readonly idempotencyKey?: IdempotencyKeyOptions<string | Effect.Effect<string, unknown, unknown>> | false | undefined
  /** 405 and OPTIONS; the handler is that of `Pipeline.routes`. Default: Effect's router answers 404. */
  readonly methodNotAllowed?: MethodNotAllowedOptions | false | undefined
}

/**
 * Adds the middleware to a pipeline in its before phase: it provides `I`, raises `E` and needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recommended<I, E, R> {
  <P, F, R2>(pipeline: Open<P, F, R2>): Open<P | I, AlsoSkip<F, I> | Skip<E, I>, R2 | Left<R, P>>
}

/**
 * The value of `recommended` for these options. With a service that is taken too early it is no function, and its type names the service.
 *
 * @category models
 * @since 0.1.0
 */
export type RecommendedOf<O> = [RecommendedLate<O>] extends [never]
  ? Recommended<RecommendedServices<O>, RecommendedErrors<O>, RecommendedNeeds<O>>
  : { readonly "an earlier stage takes from outside": RecommendedLate<O> }

type Step = (pipeline: Open<unknown, unknown, unknown>) => Open<unknown, unknown, unknown>

/**
 * The ready-made middleware in the recommended order.
 *
 * @category middleware
 * @since 0.1.0
 */
export const recommended = <const O extends RecommendedOptions = {}>(
  options?: O & RecommendedOptions
): RecommendedOf<O> => {
  const chosen: RecommendedOptions = options ?? {}
  const steps = [
    on(chosen.securityHeaders, securityHeaders, sending),
    on(chosen.problemDetails, problemDetails, sending),
    on(chosen.accessLog, accessLog, ended),
    given(chosen.trustedProxy, trustedProxy, outer),
    on(chosen.requestId, requestId, outer),
    on(chosen.metrics, metrics, outer),
    given(chosen.cors, cors, outer),
    given(chosen.loadShed, loadShed, outer),
    on(chosen.timeouts, timeouts, outer),
    given(chosen.deadlineHeader, deadlineHeader, outer),
    given(chosen.concurrencyLimit, concurrencyLimit, outer),
    on(chosen.conditional, conditional, outer),
    given(chosen.requestFirewall, requestFirewall, before),
    given(chosen.hostPolicy, hostPolicy, before),
    given(chosen.addressList, addressList, before),
    given(chosen.rateLimit, rateLimit, before),
    on(chosen.csrf, csrf, before),
    on(chosen.bodyLimit, bodyLimit, before),
    given(chosen.session, (session) => session, before),
    given(chosen.authentication, (authentication) => authentication, before),
    given(chosen.validation, (validation) => validation, before),
    given(chosen.idempotencyKey, (options) => always(idempotencyKey(options)), around),
    given(chosen.methodNotAllowed, aroundRoutes, around)
  ]
  const add = (pipeline: Parameters<Step>[0]) => steps.reduce((open, step) => step(open), pipeline)
  return add as unknown as RecommendedOf<O>
}

const sending =
  (stage: Middleware.Sending<unknown>): Step =>
  (open) =>
    open.sending<unknown, unknown, unknown, unknown>(stage)
const ended =
  (observer: Middleware.Ended<unknown>): Step =>
  (open) =>
    open.ended<unknown, unknown, unknown, unknown>(observer)
const outer =
  (wrap: Middleware.Outer<unknown, unknown, unknown>): Step =>
  (open) =>
    open.outer(wrap as never)
const before =
  (stage: Middleware.Before<unknown, unknown, unknown>): Step =>
  (open) =>
    open.before(stage as never)

const always =
  (around: unknown): HandlerAround =>
  () =>
    around as (app: App) => App
const around =
  (make: HandlerAround): Step =>
  (open) =>
    addAround(open, make)

const leftOut: Step = (open) => open

/** A middleware that is on unless its options are `false`. */
const on = <O extends object, M>(
  options: O | false | undefined,
  make: (options?: O) => M,
  add: (middleware: M) => Step
): Step => (options === false ? leftOut : add(make(options)))

/** A middleware that is off without options. */
const given = <O extends object, M>(
  options: O | false | undefined,
  make: (options: O) => M,
  add: (middleware: M) => Step
): Step => (options === false || options === undefined ? leftOut : add(make(options)))
