/**
 * The type state of a pipeline: which errors are unhandled, and the services that each of them skipped.
 *
 * A failure at stage *k* goes to the next later stage that recovers it; the stages between do not run, so the services that they
 * would have provided are missing afterwards. `Skips` records that with the error. An error that skipped nothing is just itself.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Types from "effect/Types"

import type { Tags } from "../core/Types.ts"
import type { Ambient } from "./HttpTypes.ts"

declare const SkipsId: unique symbol
declare const OutsideId: unique symbol
declare const AlwaysId: unique symbol
declare const RestId: unique symbol

/**
 * Errors `E` that, when they happen, have skipped the stages that provide the services `S`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Skips<out E, out S> {
  readonly [SkipsId]: readonly [E, S]
}

/**
 * Errors `E` of an outer: they are the pipeline's errors, but come from outside of its stages, so no stage can recover them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outside<out E> {
  readonly [OutsideId]: E
}

/**
 * A service that an outer provides: certain at every stage, whatever failed before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Always<out I> {
  readonly [AlwaysId]: I
}

/**
 * The need of a pipeline that was opened with `.next()`: the rest of the app, which gets the services `N` and may fail with `H`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rest<in N, out H> {
  readonly [RestId]: { readonly _N: Types.Contravariant<N>; readonly _H: Types.Covariant<H> }
}

/**
 * The services of a pipeline's `P`.
 *
 * @category services
 * @since 0.1.0
 */
export type Given<P> = P extends Always<infer I> ? I : P

/**
 * The part of `P` that no failure can skip.
 *
 * @category services
 * @since 0.1.0
 */
export type Certain<P> = Extract<P, Always<any>>

/**
 * The needs of `R2` that a pipeline with the services `P` leaves open.
 *
 * @category services
 * @since 0.1.0
 */
export type Left<R2, P> = Exclude<R2, Given<P> | Ambient>

/**
 * All errors of a pipeline's `F`: the error type of the pipeline as an Effect.
 *
 * @category errors
 * @since 0.1.0
 */
export type ErrorOf<F> = F extends Skips<infer E, any> ? E : F extends Outside<infer E> ? E : F

/**
 * The errors that a stage can recover: all but those of outers.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reachable<F> = F extends Outside<any> ? never : F extends Skips<infer E, any> ? E : F

/**
 * The tags that a stage can recover.
 *
 * @category errors
 * @since 0.1.0
 */
export type TagsOf<F> = Tags<Reachable<F>>

/**
 * The error with the tag `K`.
 *
 * @category errors
 * @since 0.1.0
 */
export type Tagged<F, K> = WithTag<Reachable<F>, K>

// An error may have a union of tags. It has the tag `K` at run time or not, so that both sides keep it.
type WithTag<E, K> = E extends { readonly _tag: K }
  ? E
  : E extends { readonly _tag: infer T }
    ? [Extract<K, T>] extends [never]
      ? never
      : E & { readonly _tag: Extract<K, T> }
    : never

type WithoutTag<E, K> = E extends { readonly _tag: K }
  ? never
  : E extends { readonly _tag: infer T }
    ? [T] extends [Exclude<T, K>]
      ? E
      : E & { readonly _tag: Exclude<T, K> }
    : E

/**
 * `E` as a member of `F` that has skipped `S`.
 *
 * @category errors
 * @since 0.1.0
 */
export type Skip<E, S> = [E] extends [never] ? never : [S] extends [never] ? E : Skips<E, S>

/**
 * `F` after a stage that provides `I`: each failure so far has skipped `I` too.
 *
 * @category errors
 * @since 0.1.0
 */
export type AlsoSkip<F, I> = [I] extends [never]
  ? F
  : Extract<F, Outside<any>> | (F extends Skips<infer E, infer S> ? Skips<E, S | I> : never) | Skip<Plain<F>, I>

type Plain<F> = Exclude<F, Skips<any, any> | Outside<any>>

/**
 * `F` without the failures of tag `K`.
 *
 * @category errors
 * @since 0.1.0
 */
export type Without<F, K> =
  F extends Outside<any> ? F : F extends Skips<infer E, infer S> ? Skip<WithoutTag<E, K>, S> : WithoutTag<F, K>

/**
 * `F` when the failures of tag `K` can no longer have the reason `Reason`. With no reason left the failure is gone.
 *
 * @category errors
 * @since 0.1.0
 */
export type WithoutReason<F, K, Reason> =
  F extends Outside<any>
    ? F
    : F extends Skips<infer E, infer S>
      ? Skip<E extends { readonly _tag: K } ? DropReason<E, Reason> : E, S>
      : F extends { readonly _tag: K }
        ? DropReason<F, Reason>
        : F

type DropReason<E, Reason> = E extends { readonly reason: infer X }
  ? [Exclude<X, { readonly _tag: Reason }>] extends [never]
    ? never
    : E & { readonly reason: Exclude<X, { readonly _tag: Reason }> }
  : E

/**
 * The tags of the reasons that the error of tag `K` can have.
 *
 * @category errors
 * @since 0.1.0
 */
export type ReasonsOf<F, K> = Tags<ReasonOf<Tagged<F, K>>>

/**
 * The reason inside an error.
 *
 * @category errors
 * @since 0.1.0
 */
export type ReasonOf<E> = E extends { readonly reason: infer X } ? X : never

/**
 * The services that may be missing where a failure of tag `K` was raised.
 *
 * @category services
 * @since 0.1.0
 */
export type SkippedBy<F, K> = F extends Skips<infer E, infer S> ? ([WithTag<E, K>] extends [never] ? never : S) : never

/**
 * The services that may be missing where any failure was raised.
 *
 * @category services
 * @since 0.1.0
 */
export type SkippedByAny<F> = F extends Skips<any, infer S> ? S : never

/**
 * The result of a recovery before the handler: a `Context` with the skipped services, or nothing when nothing was skipped.
 *
 * The `infer` keeps TypeScript from taking the first branch while `S` is not known yet, inside of a generic function.
 *
 * @category services
 * @since 0.1.0
 */
export type Supply<S> = [S] extends [infer None extends never] ? void | Context.Context<None> : Context.Context<S>

/**
 * `unknown` when `A` is an Effect of the skipped services, else the result that it must have.
 *
 * @category checks
 * @since 0.1.0
 */
export type IsSupply<A, S> = [A] extends [Effect.Effect<Supply<S>, unknown, unknown>]
  ? unknown
  : { readonly "must be an Effect of a Context of": S }

/**
 * Marks middleware that may provide a service which an earlier stage takes from outside: `Middleware.shadow` makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shadowing {
  readonly "an earlier stage takes from outside": never
}

declare const NoServiceId: unique symbol
interface NoService {
  readonly [NoServiceId]: never
}

// Inside of a generic function TypeScript tries `any` for a type parameter. `any` extends `NoService`, so that such a stage counts as ordered.
type OrderOf<I, Taken> = [Extract<I, Taken>] extends [NoService] ? "ordered" : "late"

/**
 * `unknown` unless a stage provides one of the services `I` that an earlier stage takes from outside, by `Taken`.
 *
 * @category checks
 * @since 0.1.0
 */
export type InOrder<I, Taken> =
  OrderOf<I, Taken> extends "late" ? { readonly "an earlier stage takes from outside": Extract<I, Taken> } : unknown

type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? never : true) : never

/**
 * The tags that an argument lists.
 *
 * @category errors
 * @since 0.1.0
 */
export type TagsIn<T> = T extends ReadonlyArray<unknown> ? T[number] : T

// A union of tags, alone or in a list, or a list of unknown length.
type WideTags<T> = [IsUnion<T>] extends [never]
  ? T extends ReadonlyArray<unknown>
    ? number extends T["length"]
      ? T[number]
      : { [I in keyof T]: [IsUnion<T[I]>] extends [never] ? never : T[I] }[number]
    : never
  : T

/**
 * `unknown` when the argument `T` lists single tags out of `Known`, else what is wrong with it.
 *
 * @category checks
 * @since 0.1.0
 */
export type AreTags<T, Known> = [TagsIn<T>] extends [Known]
  ? [WideTags<T>] extends [never]
    ? unknown
    : { readonly "only one of these is caught, list them instead": WideTags<T> }
  : { readonly "nothing here fails with": Exclude<TagsIn<T>, Known> }

/**
 * The keys of cases that a record may lack at run time.
 *
 * @category errors
 * @since 0.1.0
 */
export type PartialCases<M> = {
  readonly [K in keyof M as {} extends Pick<M, K> ? K : never]: { readonly "this case may be missing": K }
}

/**
 * The cases of a stage that has both methods: error tags to functions that return the skipped services and those of the stage itself.
 *
 * @category models
 * @since 0.1.0
 */
export type RecoverCases<F, I, M> = { readonly [K in keyof M]: (error: Tagged<F, K>) => M[K] } & {
  readonly [K in TagsOf<F>]?: (error: Tagged<F, K>) => K extends keyof M ? IsSupply<M[K], SkippedBy<F, K> | I> : unknown
} & { readonly [K in Exclude<keyof M, TagsOf<F>>]: { readonly "nothing here fails with": K } } & PartialCases<M>

/**
 * The errors that the cases of a stage with both methods raise themselves.
 *
 * @category errors
 * @since 0.1.0
 */
export type RecoverError<F, I, M> = { [K in keyof M]: Skip<Effect.Error<M[K]>, SkippedBy<F, K> | I> }[keyof M]
