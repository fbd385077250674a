/**
 * The words of the server part: request, response, handler, and what every request has.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"

import type { Is, Yields } from "../core/Types.ts"

/**
 * The request that stages and handlers see.
 *
 * @category models
 * @since 0.1.0
 */
export type Request = HttpServerRequest.HttpServerRequest

/**
 * The response that a handler gives.
 *
 * @category models
 * @since 0.1.0
 */
export type Response = HttpServerResponse.HttpServerResponse

/**
 * What every request has: never shown in the requirements of a middleware.
 *
 * @category models
 * @since 0.1.0
 */
export type Ambient = HttpServerRequest.HttpServerRequest | Scope.Scope

/**
 * A response, or an Effect of one.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = Response | Yields<Response>

/**
 * An app: an Effect of a response.
 *
 * @category models
 * @since 0.1.0
 */
export type App = Yields<Response>

/**
 * `A` is an Effect of a response, with nothing hidden by an `any`.
 *
 * @category checks
 * @since 0.1.0
 */
export type IsApp<A> = Is<A, App, "not an app">

/**
 * A function that gives a plain `S`. Where `S` is `void` or `unknown` there is none, since any function would pass for it; nor where an
 * Effect is an `S`, as it is an `object`.
 *
 * It stands as an overload of its own: next to Effects a literal widens, misses the constraint, and TypeScript then takes the whole constraint,
 * with an unknown error, for what the function gives.
 *
 * @category models
 * @since 0.1.0
 */
export type Plainly<S> = [void] extends [S]
  ? never
  : [Effect.Effect<never>] extends [S]
    ? never
    : (request: Request) => S

/**
 * The app that the handler `H` is.
 *
 * @category models
 * @since 0.1.0
 */
export type AppOf<H> = Effect.Effect<Response, Effect.Error<H>, Effect.Services<H>>

/**
 * An `A`, or a function of the request that gives one.
 *
 * @category models
 * @since 0.1.0
 */
export type Run<A> = A | ((request: Request) => A)
