/**
 * The type state of a pipeline: which errors are unhandled, and what each of them skipped.
 *
 * A failure at stage *k* goes to the next later stage that recovers it; the stages between do not run, so the services that they
 * would have provided are missing afterwards. `Skips` records that beside the error. An error that skipped nothing is just itself.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

import type { Tags, WithTag } from "../core/Types.ts"

declare const SkipsId: unique symbol
declare const OutsideId: unique symbol
declare const AlwaysId: unique symbol

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
 * The services behind a pipeline's `P`.
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
 * All errors behind a pipeline's `F`: what the pipeline fails with as an Effect.
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

/**
 * `E` as it stands in `F` when it has skipped `S`.
 *
 * @category errors
 * @since 0.1.0
 */
export type Skip<E, S> = [E] extends [never] ? never : [S] extends [never] ? E : Skips<E, S>

/**
 * `F` behind a stage that provides `I`: each failure so far has skipped `I` too.
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
  F extends Outside<any>
    ? F
    : F extends Skips<infer E, infer S>
      ? Skip<Exclude<E, { readonly _tag: K }>, S>
      : F extends { readonly _tag: K }
        ? never
        : F

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
export type SkippedBy<F, K> =
  F extends Skips<infer E, infer S> ? (Extract<E, { readonly _tag: K }> extends never ? never : S) : never

/**
 * The services that may be missing where any failure was raised.
 *
 * @category services
 * @since 0.1.0
 */
export type SkippedByAny<F> = F extends Skips<any, infer S> ? S : never

/**
 * What a recovery before the handler must give: a `Context` with the skipped services, or nothing when nothing was skipped.
 *
 * The `infer` keeps TypeScript from taking the first branch while `S` is not known yet, inside of a generic function.
 *
 * @category services
 * @since 0.1.0
 */
export type Supply<S> = [S] extends [infer None extends never] ? void | Context.Context<None> : Context.Context<S>

type IsSupply<A, S> = [A] extends [Effect.Effect<Supply<S>, unknown, unknown>]
  ? unknown
  : { readonly "must give a Context of": S }

/**
 * The cases of a stage that has both methods: error tags to functions that give what was skipped and what the stage itself provides.
 *
 * @category models
 * @since 0.1.0
 */
export type RecoverCases<F, I, M> = { readonly [K in keyof M]: (error: Tagged<F, K>) => M[K] } & {
  readonly [K in TagsOf<F>]?: (error: Tagged<F, K>) => K extends keyof M ? IsSupply<M[K], SkippedBy<F, K> | I> : unknown
} & { readonly [K in Exclude<keyof M, TagsOf<F>>]: { readonly "nothing here fails with": K } }

/**
 * The errors that the cases of a stage with both methods raise themselves.
 *
 * @category errors
 * @since 0.1.0
 */
export type RecoverError<F, I, M> = { [K in keyof M]: Skip<Effect.Error<M[K]>, SkippedBy<F, K> | I> }[keyof M]
