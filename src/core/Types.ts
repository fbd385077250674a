/**
 * The type machinery that all parts share.
 *
 * Every public signature follows two rules. Where a parameter is an Effect or returns one, its type parameter is the *whole* Effect,
 * because a fixed success type in sight lets TypeScript drop the errors that a data-first `Effect.catchTag` leaves over. And where a type
 * would be `any`, which would swallow every error of the pipeline, it is refused.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/**
 * Any Effect of an `A`. As a constraint it says `unknown`, not `any`: an error that TypeScript takes from a constraint must never count as handled.
 *
 * @category models
 * @since 0.1.0
 */
export type Yields<A> = Effect.Effect<A, unknown, unknown>

/**
 * `unknown` when `A` is a `T` without `any` in its errors and needs, else what is wrong with it.
 *
 * @category checks
 * @since 0.1.0
 */
export type Is<A, T, Message extends string> = [A] extends [T] ? NoAny<A> : { readonly [K in Message]: A }

/**
 * `unknown` unless the Effect `A` has an `any` in its error or its requirements, which would hide what is left unhandled.
 *
 * @category checks
 * @since 0.1.0
 */
export type NoAny<A> =
  IsAny<A> extends true
    ? { readonly "the result is any": never }
    : IsAny<Effect.Error<A>> extends true
      ? { readonly "the error type is any: errors would be lost": never }
      : IsAny<Effect.Services<A>> extends true
        ? { readonly "the requirements are any: services would be lost": never }
        : unknown

/**
 * `unknown` when the Effect `A` has such an `any`. An overload with it comes before the right overload, matches mistakes only, and returns the name of the
 * mistake. A generic `A` is not proven to be without `any` yet, and goes to the right overload.
 *
 * @category checks
 * @since 0.1.0
 */
export type HasAny<A> = unknown extends NoAny<A> ? { readonly "nothing is any": never } : unknown

type IsAny<A> = 0 extends 1 & A ? true : false

/**
 * `unknown` when `A` fails with nothing but `E`, else the names of the undeclared errors.
 *
 * @category checks
 * @since 0.1.0
 */
export type Declared<A, E> = [Exclude<Effect.Error<A>, E>] extends [never]
  ? unknown
  : { readonly "undeclared error": Exclude<Effect.Error<A>, E> }

/**
 * The tags of a union of errors.
 *
 * @category errors
 * @since 0.1.0
 */
export type Tags<E> = Extract<E, { readonly _tag: string }>["_tag"]

/**
 * A class of errors, or a schema of them: how a service class declares what it raises.
 *
 * @category errors
 * @since 0.1.0
 */
export type ErrorClass = Schema.Constraint | (abstract new (...args: any) => unknown)

/**
 * The instances of an error class, a schema, or a list of them.
 *
 * @category errors
 * @since 0.1.0
 */
export type InstanceOf<X> =
  X extends ReadonlyArray<infer Y>
    ? InstanceOf<Y>
    : X extends Schema.Constraint
      ? X["Type"]
      : X extends abstract new (...args: any) => infer E
        ? E
        : never

/**
 * The identifier of a service key.
 *
 * @category services
 * @since 0.1.0
 */
export type KeyId<K> = K extends Context.Key<infer I, any> ? I : never
