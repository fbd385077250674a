/**
 * The words of the server part: request, response, handler, and the services of every request.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import type { NoAny, Yields } from "../core/Types.ts"

/**
 * The request that stages and handlers see.
 *
 * @category models
 * @since 0.1.0
 */
export type Request = HttpServerRequest.HttpServerRequest

/**
 * The response that a handler returns.
 *
 * @category models
 * @since 0.1.0
 */
export type Response = HttpServerResponse.HttpServerResponse

/**
 * The services of every request: never shown in the requirements of a middleware.
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
export type IsApp<A> = [A] extends [App] ? NoAny<A> : AppFault<A>

type AppFault<A> = A extends (...args: never) => Effect.Effect<any, any, any>
  ? { readonly "a function that returns an Effect, not an Effect: call it": A }
  : { readonly "not an app": A }

/**
 * `A` is a response or an Effect of one, with nothing hidden by an `any`; else what is wrong, with the way to mend it.
 *
 * @category checks
 * @since 0.1.0
 */
export type IsAnswer<A> = [A] extends [Answer] ? NoAny<A> : AnswerFault<Exclude<A, Answer>>

type AnswerFault<A> = [A] extends [PromiseLike<unknown>]
  ? { readonly "a promise: use Effect.promise or Effect.tryPromise": A }
  : [A] extends [string]
    ? { readonly "a text: use HttpServerResponse.text": A }
    : [A] extends [WebResponse]
      ? { readonly "a web response: use HttpServerResponse.fromWeb": A }
      : [A] extends [(...args: never) => infer B]
        ? [B] extends [Answer]
          ? { readonly "a function that returns an Effect, not an Effect: call it": A }
          : AnswerFault<B>
        : { readonly "not a response": A }

/** The shape of a `Response` of the web, whose type a program may lack. */
interface WebResponse {
  readonly bodyUsed: boolean
  readonly statusText: string
  clone(): unknown
}

/**
 * A function that returns a plain `S`. It is `never` where `S` is `void` or `unknown`, since any function would pass for it, and where an
 * Effect is an `S`, as it is an `object`.
 *
 * It is a separate overload: next to Effects a literal widens, misses the constraint, and TypeScript then takes the whole constraint,
 * with an unknown error, for the type of the result.
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
 * An `A`, or a function of the request that returns one.
 *
 * @category models
 * @since 0.1.0
 */
export type Run<A> = A | ((request: Request) => A)

/**
 * A class of errors that is a schema: `Schema.TaggedError` or `Schema.ErrorClass`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SchemaErrorClass extends Schema.Constraint {
  new (...args: any): unknown
}

/** Makes an around for the handler of a pipeline; `undefined` is the rest of the app. Internal to the server part. */
export type HandlerAround = (handler: unknown) => (app: App) => App
