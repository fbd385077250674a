/**
 * The services, errors and needs that follow from the options of `recommended`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpServerError from "effect/http/HttpServerError"
import type * as RateLimiter from "effect/persistence/RateLimiter"

import type { Reject } from "../../core/Reject.ts"
import type { Ambient } from "../HttpTypes.ts"
import type { Before } from "../MiddlewareTypes.ts"
import type { Always } from "../PipelineState.ts"
import type { IdempotencyStore } from "./IdempotencyStore.ts"
import type { RequestId } from "./RequestId.ts"
import type { ServerLoad } from "./ServerLoad.ts"

// The option `K` by its type in a call; one that the call leaves out is undefined.
type At<O, K extends string> = K extends keyof O ? O[K] : undefined

// `T` unless the option is surely `false`: a middleware that is on by default.
type UnlessOff<O, K extends string, T> = [At<O, K>] extends [false] ? never : T

// `T` where the option may be there: a middleware that is off by default.
type WhereOn<O, K extends string, T> = [At<O, K>] extends [false | undefined] ? never : T

// `T` where the option surely is there: a service that may be missing is not provided.
type SurelyOn<O, K extends string, T> = [Extract<At<O, K>, false | undefined>] extends [never]
  ? WhereOn<O, K, T>
  : never

// Options of a wider type provide nothing that is known.
type ServicesOf<M> =
  M extends Before<infer I, unknown, unknown> ? (unknown extends I ? never : Exclude<I, Ambient>) : never
type ErrorsOf<M> = M extends Before<unknown, infer E, unknown> ? E : never
type NeedsOf<M> = M extends Before<unknown, unknown, infer R> ? Exclude<R, Ambient> : never

// What a function among the options returns.
type ResultOf<O, K extends string> = O extends { readonly [P in K]: (...parameters: never) => infer A } ? A : never

type SessionOf<O> = SurelyOn<O, "session", ServicesOf<At<O, "session">>>
type IdOf<O> = [At<O, "requestId">] extends [false]
  ? never
  : [Extract<At<O, "requestId">, false>] extends [never]
    ? RequestId
    : never

type RateLimitNeeds<O> = WhereOn<
  O,
  "rateLimit",
  RateLimiter.RateLimiter | Exclude<Effect.Services<ResultOf<At<O, "rateLimit">, "key">>, Ambient | IdOf<O>>
>
type UserOf<O> = SurelyOn<O, "authentication", ServicesOf<At<O, "authentication">>>
type InputOf<O> = SurelyOn<O, "validation", ServicesOf<At<O, "validation">>>

type AuthenticationNeeds<O> = Exclude<NeedsOf<At<O, "authentication">>, IdOf<O> | SessionOf<O>>
type KeyNeeds<O> = WhereOn<
  O,
  "idempotencyKey",
  | IdempotencyStore
  | Exclude<
      Effect.Services<ResultOf<At<O, "idempotencyKey">, "user">>,
      Ambient | IdOf<O> | SessionOf<O> | UserOf<O> | InputOf<O>
    >
>
type SessionNeeds<O> = Exclude<NeedsOf<At<O, "session">>, IdOf<O>>

/**
 * The services that these options provide.
 *
 * @category services
 * @since 0.1.0
 */
export type RecommendedServices<O> =
  | ([IdOf<O>] extends [never] ? never : Always<RequestId>)
  | SessionOf<O>
  | UserOf<O>
  | InputOf<O>

/**
 * The errors that these options raise.
 *
 * @category errors
 * @since 0.1.0
 */
export type RecommendedErrors<O> =
  | WhereOn<O, "requestFirewall" | "hostPolicy" | "addressList", Reject>
  | WhereOn<O, "rateLimit", Reject | Effect.Error<ResultOf<At<O, "rateLimit">, "key">>>
  | UnlessOff<O, "csrf", Reject>
  | UnlessOff<O, "bodyLimit", HttpServerError.HttpServerError>
  | WhereOn<
      O,
      "idempotencyKey",
      Reject | HttpServerError.HttpServerError | Effect.Error<ResultOf<At<O, "idempotencyKey">, "user">>
    >
  | ErrorsOf<At<O, "session"> | At<O, "authentication"> | At<O, "validation">>

/**
 * The services that these options need.
 *
 * @category services
 * @since 0.1.0
 */
export type RecommendedNeeds<O> =
  | Effect.Services<ResultOf<At<O, "accessLog">, "print">>
  | Effect.Services<ResultOf<At<O, "cors">, "allowedOrigins">>
  | WhereOn<O, "loadShed", ServerLoad>
  | RateLimitNeeds<O>
  | SessionNeeds<O>
  | AuthenticationNeeds<O>
  | Exclude<NeedsOf<At<O, "validation">>, IdOf<O> | SessionOf<O> | UserOf<O>>
  | KeyNeeds<O>

/**
 * The services that a later middleware provides and an earlier one takes from outside, such as the user for a rate limit.
 *
 * @category checks
 * @since 0.1.0
 */
export type RecommendedLate<O> =
  | Extract<ServicesOf<At<O, "session">>, RateLimitNeeds<O>>
  | Extract<ServicesOf<At<O, "authentication">>, RateLimitNeeds<O> | SessionNeeds<O>>
  | Extract<ServicesOf<At<O, "validation">>, RateLimitNeeds<O> | SessionNeeds<O> | AuthenticationNeeds<O>>
