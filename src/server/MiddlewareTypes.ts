/**
 * Middleware as types: what a before, an after, a pair and an outer provide, raise and need. `Middleware` makes them.
 *
 * @since 0.1.0
 */
import type * as Types from "effect/Types"

const BeforeTypeId = "~fairlead/server/Middleware/Before"
const AfterTypeId = "~fairlead/server/Middleware/After"
const PairTypeId = "~fairlead/server/Middleware/Pair"
const OuterTypeId = "~fairlead/server/Middleware/Outer"

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

declare const InnerId: unique symbol

/**
 * Stands for the errors and the needs of whatever an outer wraps: it can pass them on, and it cannot know them.
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
}
