/**
 * Middleware as types: the services, errors and requirements of a before, an after, a pair and an outer. `Middleware` makes them.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Types from "effect/Types"

import type { Request, Response } from "./HttpTypes.ts"

const BeforeTypeId = "~fairlead/server/Middleware/Before"
const AfterTypeId = "~fairlead/server/Middleware/After"
const PairTypeId = "~fairlead/server/Middleware/Pair"
const OuterTypeId = "~fairlead/server/Middleware/Outer"
const SendingTypeId = "~fairlead/server/Middleware/Sending"
const EndedTypeId = "~fairlead/server/Middleware/Ended"

/**
 * The name of a kind of middleware.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "before" | "after" | "pair" | "outer" | "sending" | "ended"

/**
 * Runs before the handler: provides the services `I`, may fail with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Before<out I, out E = never, out R = never> {
  readonly [BeforeTypeId]: {
    readonly _I: Types.Covariant<I>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

/**
 * Runs after the handler: may fail with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface After<out E = never, out R = never> {
  readonly [AfterTypeId]: { readonly _E: Types.Covariant<E>; readonly _R: Types.Covariant<R> }
}

/**
 * A before and an after that belong together. The after, which needs `AR`, cannot fail.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pair<out I, out E, out R, out AR> {
  readonly [PairTypeId]: {
    readonly _I: Types.Covariant<I>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
    readonly _AR: Types.Covariant<AR>
  }
}

/**
 * Wraps a whole pipeline: provides the services `I` to everything inside, may fail with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outer<out I, out E = never, out R = never> {
  readonly [OuterTypeId]: {
    readonly _I: Types.Covariant<I>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

/**
 * Changes every response on its way out, whoever produced it: needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sending<out R = never> {
  readonly [SendingTypeId]: { readonly _R: Types.Covariant<R> }
}

/**
 * Observes the end of every response: needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended<out R = never> {
  readonly [EndedTypeId]: { readonly _R: Types.Covariant<R> }
}

/**
 * How a request came to the response that a sending stage gets.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ending {
  /** The cause that the server turned into the response; `undefined` when the app returned the response itself. */
  readonly cause: Cause.Cause<unknown> | undefined
  /** The pattern of the route that Effect's router took, such as `/rooms/:id`. */
  readonly route: string | undefined
}

/**
 * How a response ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResponseEnd {
  readonly request: Request
  /** The response as it was sent; `undefined` when none was decided. After an upgrade it is the one with status 101. */
  readonly response: Response | undefined
  /** The status that was sent: 499 when the client went away before there was one, 101 for a WebSocket. */
  readonly status: number
  /** The bytes of the body that were sent; `undefined` where they cannot be known. */
  readonly bytes: number | undefined
  /** From the pipeline's start until the last byte was handed over or the connection ended. */
  readonly duration: Duration.Duration
  /** Whether the client went away before the end. */
  readonly aborted: boolean
  /** The pattern of the route that Effect's router took, such as `/rooms/:id`. */
  readonly route: string | undefined
}

declare const InnerId: unique symbol

/**
 * A placeholder for the errors and the needs of the app inside an outer: it can pass them on, and it cannot know them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inner {
  readonly [InnerId]: never
}

/**
 * The types of a before.
 *
 * @since 0.1.0
 */
export declare namespace Before {
  /** The services that a before provides. */
  type Provides<M> = M extends Before<infer I, any, any> ? I : never
  /** The errors that a before raises. */
  type Error<M> = M extends Before<any, infer E, any> ? E : never
  /** The services that a before needs. */
  type Needs<M> = M extends Before<any, any, infer R> ? R : never
}
