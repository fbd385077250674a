/**
 * The two phases of a pipeline, as types: the services, errors and requirements that each method adds. `Pipeline` says what they mean.
 *
 * The methods take the state from `this`, so that a pipeline is covariant in its errors and needs, and contravariant in its services: one that
 * fails less, needs less or provides more is accepted where another is declared.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import type * as Pipeable from "effect/Pipeable"
import type * as Types from "effect/Types"

import type * as Interceptor from "../core/Interceptor.ts"
import type { Ambient, Answer, AppOf, IsAnswer, IsApp, Request, Response, Run, SchemaErrorClass } from "./HttpTypes.ts"
import type { After, Before, Ended, Outer, Pair, Sending } from "./MiddlewareTypes.ts"
import type { AddedBefores, BeforesInOrder } from "./PipelineLists.ts"
import type {
  Always,
  AlsoSkip,
  AreTags,
  Certain,
  ErrorOf,
  Given,
  InOrder,
  IsSupply,
  Left,
  Outside,
  PartialCases,
  ReasonOf,
  ReasonsOf,
  Reachable,
  RecoverCases,
  RecoverError,
  Rest,
  Skip,
  SkippedBy,
  SkippedByAny,
  Tagged,
  TagsIn,
  TagsOf,
  Without,
  WithoutReason
} from "./PipelineState.ts"

/**
 * Marks a pipeline.
 *
 * @category symbols
 * @since 0.1.0
 */
export const TypeId = "~fairlead/server/Pipeline"

declare const StateId: unique symbol

/** Requirements of an Effect that runs where `S` may have been skipped. */
type Behind<A, P, S> = Left<Effect.Services<A>, Exclude<P, S>>

type OutsideError<E> = [E] extends [never] ? never : Outside<E>

/**
 * The members of every pipeline, in either phase.
 *
 * @category models
 * @since 0.1.0
 */
export interface Named extends Interceptor.Described<Interceptor.Description>, Pipeable.Pipeable {
  readonly [TypeId]: typeof TypeId
  readonly name: string
}

/**
 * The services, errors and needs of a pipeline, in its type.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stateful<in P, out F, out R> {
  readonly [StateId]: {
    readonly _P: Types.Contravariant<P>
    readonly _F: Types.Covariant<F>
    readonly _R: Types.Covariant<R>
  }
}

/**
 * A pipeline in its before phase: `P` provided so far, `F` failures that nobody handled, `R` required.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open<in P, out F, out R> extends Named, Stateful<P, F, R> {
  /** Adds a before: it sees the request and every service provided so far. */
  before<P, F, R, I = never, E2 = never, R2 = never>(
    this: Open<P, F, R>,
    middleware: Before<I, E2, R2> & InOrder<I, Exclude<R, Given<P>>>
  ): Open<P | I, AlsoSkip<F, I> | Skip<E2, I>, R | Left<R2, P>>
  /**
   * Adds a before that has both methods: it runs normally or, when one of these failures passes by, its case runs instead, which returns
   * the skipped services and those of the before itself.
   */
  before<P, F, R, M, I = never, E2 = never, R2 = never>(
    this: Open<P, F, R>,
    middleware: Before<I, E2, R2> & InOrder<I, Exclude<R, Given<P>>>,
    orRecover: RecoverCases<F, I, M>
  ): Open<
    P | I,
    AlsoSkip<Without<F, keyof M>, I> | Skip<E2, I> | RecoverError<F, I, M>,
    R | Left<R2, P> | { [K in keyof M]: Behind<M[K], P, SkippedBy<F, K>> }[keyof M]
  >

  /** Adds befores in the order of a list. A list of unknown length adds errors and needs, but no services. */
  befores<P, F, R, const M extends ReadonlyArray<Before<any, any, any>>>(
    this: Open<P, F, R>,
    list: M & BeforesInOrder<P, R, M>
  ): Open<AddedBefores<P, F, R, M>["P"], AddedBefores<P, F, R, M>["F"], AddedBefores<P, F, R, M>["R"]>

  /**
   * Adds a pair at the end of both phases: its after runs when every recovery has run, in the order of linking. Nothing but what outers provide is
   * certain there.
   */
  link<P, F, R, I = never, E2 = never, R2 = never, AR = never>(
    this: Open<P, F, R>,
    pair: Pair<I, E2, R2, AR> & InOrder<I, Exclude<R, Given<P>>>
  ): Open<P | I, AlsoSkip<F, I> | Skip<E2, I>, R | Left<R2, P> | Left<AR, Certain<P>>>

  /** Runs only when `tag` failed, and must supply the services that the failure skipped. The flow goes on with the next stage. */
  recover<P, F, R, const T extends TagArgument<TagsOf<F>>, A>(
    this: Open<P, F, R>,
    tag: T & AreTags<T, TagsOf<F>>,
    f: (error: Tagged<F, TagsIn<T>>) => A & IsSupply<A, SkippedBy<F, TagsIn<T>>>
  ): Open<
    P,
    Without<F, TagsIn<T>> | Skip<Effect.Error<A>, SkippedBy<F, TagsIn<T>>>,
    R | Behind<A, P, SkippedBy<F, TagsIn<T>>>
  >

  /** Wraps the whole pipeline; inside of the outers declared before. Its services are certain at every stage. */
  outer<P, F, R, I = never, E2 = never, R2 = never>(
    this: Open<P, F, R>,
    outer: Outer<I, E2, R2> & InOrder<I, R>
  ): Open<P | ([I] extends [never] ? never : Always<I>), F | OutsideError<E2>, R | Left<R2, Certain<P>>>

  /** Adds a stage for every response on its way out, whoever produced it. */
  sending<P, F, R, R2 = never>(this: Open<P, F, R>, stage: Sending<R2>): Open<P, F, R | Exclude<R2, Ambient>>

  /** Adds an observer of the end of every response. */
  ended<P, F, R, R2 = never>(this: Open<P, F, R>, observer: Ended<R2>): Open<P, F, R | Exclude<R2, Ambient>>

  /** Opens the after phase with a handler. Arounds wrap the handler only; the last is the outermost. */
  handle<P, F, R, A>(
    this: Open<P, F, R>,
    handler: (request: Request) => A & IsAnswer<A>
  ): Closed<P, F | Effect.Error<A>, R | Left<Effect.Services<A>, P>>
  handle<P, F, R, H>(
    this: Open<P, F, R>,
    handler: H & IsAnswer<H>
  ): Closed<P, F | Effect.Error<H>, R | Left<Effect.Services<H>, P>>
  handle<P, F, R, H extends Answer, A>(
    this: Open<P, F, R>,
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>
  ): Closed<P, F | Effect.Error<A>, R | Left<Effect.Services<A>, P>>
  handle<P, F, R, H extends Answer, A, B>(
    this: Open<P, F, R>,
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>,
    b: (app: A) => B & IsApp<B>
  ): Closed<P, F | Effect.Error<B>, R | Left<Effect.Services<B>, P>>
  handle<P, F, R, H extends Answer, A, B, C>(
    this: Open<P, F, R>,
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>,
    b: (app: A) => B & IsApp<B>,
    c: (app: B) => C & IsApp<C>
  ): Closed<P, F | Effect.Error<C>, R | Left<Effect.Services<C>, P>>
  handle<P, F, R, H extends Answer, A, B, C, D>(
    this: Open<P, F, R>,
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>,
    b: (app: A) => B & IsApp<B>,
    c: (app: B) => C & IsApp<C>,
    d: (app: C) => D & IsApp<D>
  ): Closed<P, F | Effect.Error<D>, R | Left<Effect.Services<D>, P>>

  /**
   * Opens the after phase with "the rest of the app" in the handler's place: the pipeline is then a middleware, for `Pipeline.wrap` or
   * `Pipeline.middleware`. `H` are the errors of the rest that this pipeline means to handle.
   */
  next<H = never>(): Closed<P, F | H | Types.unhandled, R | Rest<Given<P>, H>>
}

// The known tags are in the constraint for the editor, which completes them.
type TagArgument<Known> = Known | (string & {}) | readonly [Known | (string & {}), ...Array<Known | (string & {})>]

/**
 * A pipeline in its after phase. It is an ordinary Effect of a response, which fails with the unhandled errors.
 *
 * @category models
 * @since 0.1.0
 */
export interface Closed<in P, out F, out R>
  extends Effect.Effect<Response, ErrorOf<F>, R | Ambient>, Named, Stateful<P, F, R> {
  /** Adds an after: it sees the response, and every certain service. */
  after<P, F, R, E2 = never, R2 = never>(
    this: Closed<P, F, R>,
    middleware: After<E2, R2>
  ): Closed<P, F | E2, R | Left<R2, P>>
  /**
   * Adds an after that has both methods: it runs normally or, when one of these failures passes by, its case runs instead, which returns the
   * response.
   */
  after<P, F, R, M, E2 = never, R2 = never>(
    this: Closed<P, F, R>,
    middleware: After<E2, R2>,
    orRecover: Cases<F, M>
  ): Closed<
    Exclude<P, SkippedBy<F, keyof M>>,
    Without<F, keyof M> | E2 | Effect.Error<M[keyof M]>,
    R | Left<R2, P> | { [K in keyof M]: Behind<M[K], P, SkippedBy<F, K>> }[keyof M]
  >

  /** Runs the afters of the pairs here, rather than at the end of the after phase. */
  closePairs<P, F, R>(this: Closed<P, F, R>): Closed<P, F, R>

  /** Turns the failures of one tag, or of several, into a response. */
  catchTag<P, F, R, const T extends TagArgument<TagsOf<F>>, A>(
    this: Closed<P, F, R>,
    tag: T & AreTags<T, TagsOf<F>>,
    f: (error: Tagged<F, TagsIn<T>>) => A & IsAnswer<A>
  ): Closed<
    Exclude<P, SkippedBy<F, TagsIn<T>>>,
    Without<F, TagsIn<T>> | Effect.Error<A>,
    R | Behind<A, P, SkippedBy<F, TagsIn<T>>>
  >

  /** Turns failures into responses, by tag. */
  catchTags<P, F, R, M>(
    this: Closed<P, F, R>,
    cases: Cases<F, M>
  ): Closed<
    Exclude<P, SkippedBy<F, keyof M>>,
    Without<F, keyof M> | Effect.Error<M[keyof M]>,
    R | { [K in keyof M]: Behind<M[K], P, SkippedBy<F, K>> }[keyof M]
  >

  /** Turns the failures of one tag that have one reason into a response; the error stays with the reasons that are left. */
  catchReason<
    P,
    F,
    R,
    const K extends TagArgument<TagsOf<F>>,
    const Reason extends TagArgument<ReasonsOf<F, TagsIn<K>>>,
    A
  >(
    this: Closed<P, F, R>,
    tag: K & AreTags<K, TagsOf<F>>,
    reason: Reason & AreTags<Reason, ReasonsOf<F, TagsIn<K>>>,
    f: (
      reason: Extract<ReasonOf<Tagged<F, TagsIn<K>>>, { readonly _tag: TagsIn<Reason> }>,
      error: Tagged<F, TagsIn<K>>
    ) => A & IsAnswer<A>
  ): Closed<
    Exclude<P, SkippedBy<F, TagsIn<K>>>,
    WithoutReason<F, TagsIn<K>, TagsIn<Reason>> | Effect.Error<A>,
    R | Behind<A, P, SkippedBy<F, TagsIn<K>>>
  >

  /** Turns every failure into a response. */
  catch<P, F, R, A>(
    this: Closed<P, F, R>,
    f: (error: Reachable<F>) => A & IsAnswer<A>
  ): Closed<Exclude<P, SkippedByAny<F>>, Extract<F, Outside<any>> | Effect.Error<A>, R | Behind<A, P, SkippedByAny<F>>>

  /**
   * Turns the failures that answer for themselves into their responses, and logs each once: at level Error for a status of 500 and above,
   * else Info. Compiles only when every error left responds: it is `HttpServerRespondable`, or an instance of one of `classes`, whose schemas
   * carry the annotation `httpApiStatus`; those answer with the encoded error as JSON. A subclass answers with the status of its parent, unless it has one.
   */
  respond<P, F, R, const C extends ReadonlyArray<SchemaErrorClass> = readonly []>(
    this: Closed<P, F, R> & Closed<P, RespondableOr<F, C>, R>,
    ...classes: C
  ): Closed<Exclude<P, SkippedByAny<F>>, Extract<F, Outside<any> | Types.unhandled>, R>

  /**
   * Turns defects into a response, and logs each once with the name of the stage it came from. A defect may have come from anywhere, so only
   * the services of outers count as provided afterwards.
   */
  catchDefect<P, F, R, A>(
    this: Closed<P, F, R>,
    f: (defect: unknown) => A & IsAnswer<A>
  ): Closed<Certain<P>, F | Effect.Error<A>, R | Left<Effect.Services<A>, Certain<P>>>

  /** Runs when everything before it has ended: on success, failure, defect and interruption alike. */
  onExit<P, F, R, A>(
    this: Closed<P, F, R>,
    name: string,
    f: (exit: Exit.Exit<Response, ErrorOf<F>>) => A & IsFinalizer<A>
  ): Closed<P, F, R | Left<Effect.Services<A>, Certain<P>>>

  /** Wraps the whole pipeline; inside of the outers declared before. */
  outer<P, F, R, I = never, E2 = never, R2 = never>(
    this: Closed<P, F, R>,
    outer: Outer<I, E2, R2> & InOrder<I, R>
  ): Closed<P | ([I] extends [never] ? never : Always<I>), F | OutsideError<E2>, R | Left<R2, Certain<P>>>

  /** Adds a stage for every response on its way out, whoever produced it. */
  sending<P, F, R, R2 = never>(this: Closed<P, F, R>, stage: Sending<R2>): Closed<P, F, R | Exclude<R2, Ambient>>

  /** Adds an observer of the end of every response. */
  ended<P, F, R, R2 = never>(this: Closed<P, F, R>, observer: Ended<R2>): Closed<P, F, R | Exclude<R2, Ambient>>
}

type IsFinalizer<A> = [A] extends [Effect.Effect<unknown, never, unknown>]
  ? unknown
  : { readonly "must be an Effect that cannot fail": A }

/**
 * Functions from errors to responses, by tag. `M` maps each tag to the return type of its function.
 *
 * @category models
 * @since 0.1.0
 */
export type Cases<F, M> = { readonly [K in keyof M]: (error: Tagged<F, K>) => M[K] } & {
  readonly [K in TagsOf<F>]?: (error: Tagged<F, K>) => K extends keyof M ? IsAnswer<M[K]> : unknown
} & { readonly [K in Exclude<keyof M, TagsOf<F>>]: { readonly "nothing here fails with": K } } & PartialCases<M>

/**
 * `F` itself when all of it responds, else the errors that do not, by their name.
 *
 * @category errors
 * @since 0.1.0
 */
export type RespondableOr<F, C extends ReadonlyArray<SchemaErrorClass>> =
  Exclude<
    Reachable<F>,
    HttpServerRespondable.Respondable | InstanceType<C[number]> | Types.unhandled
  > extends infer Left
    ? [Left] extends [never]
      ? F
      : { readonly "does not respond": Left }
    : never
