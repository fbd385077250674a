/**
 * The types of a list of befores in a pipeline.
 *
 * @since 0.1.0
 */
import type { Before } from "./MiddlewareTypes.ts"
import type { AlsoSkip, Given, InOrder, Left, Skip } from "./PipelineState.ts"

/**
 * The state of a pipeline after the befores of the list `M`. The services of an array do not count: it may be empty.
 *
 * @category models
 * @since 0.1.0
 */
export type AddedBefores<P, F, R, M> = M extends readonly [Before<infer I, infer E, infer R2>, ...infer Rest]
  ? AddedBefores<P | I, AlsoSkip<F, I> | Skip<E, I>, R | Left<R2, P>, Rest>
  : M extends readonly []
    ? { readonly P: P; readonly F: F; readonly R: R }
    : M extends ReadonlyArray<Before<any, infer E, infer R2>>
      ? { readonly P: P; readonly F: F | E; readonly R: R | Left<R2, P> }
      : never

/**
 * `unknown` when no before of the list provides what an earlier stage takes from outside.
 *
 * @category checks
 * @since 0.1.0
 */
export type BeforesInOrder<P, R, M> = M extends readonly [Before<infer I, any, infer R2>, ...infer Rest]
  ? unknown extends InOrder<I, Exclude<R, Given<P>>>
    ? BeforesInOrder<P | I, R | Left<R2, P>, Rest>
    : InOrder<I, Exclude<R, Given<P>>>
  : unknown
