/**
 * The two phases of a pipeline, as types: what each method adds to what is provided, unhandled and needed. `Pipeline` says what they mean.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import type * as Types from "effect/Types"

import type {
  Always,
  AlsoSkip,
  Certain,
  ErrorOf,
  Given,
  Outside,
  ReasonOf,
  ReasonsOf,
  RecoverCases,
  RecoverError,
  Skip,
  SkippedBy,
  SkippedByAny,
  Tagged,
  Supply,
  TagsOf,
  Reachable,
  Without,
  WithoutReason
} from "./Failure.ts"
import type { After, Before, Outer, Pair } from "./MiddlewareTypes.ts"
import type { Ambient, Answer, AppOf, IsApp, Response, Run } from "./Model.ts"
import type { SchemaErrorClass } from "./Respond.ts"

/**
 * Marks a pipeline.
 *
 * @category symbols
 * @since 0.1.0
 */
export const TypeId = "~fairlead/server/Pipeline"

/** What is left of `R2` when the pipeline provides `P`. */
type Left<R2, P> = Exclude<R2, Given<P> | Ambient>

/** Requirements of an Effect that runs where `S` may have been skipped. */
type Behind<A, P, S> = Left<Effect.Services<A>, Exclude<P, S>>

type OutsideError<E> = [E] extends [never] ? never : Outside<E>

/**
 * What every pipeline has, in either phase.
 *
 * @category models
 * @since 0.1.0
 */
export interface Named {
  readonly [TypeId]: typeof TypeId
  readonly name: string
}

/**
 * A pipeline in its before phase: `P` provided so far, `F` failures that nobody handled, `R` required.
 *
 * @category models
 * @since 0.1.0
 */
export interface Open<in out P, in out F, in out R> extends Named {
  /** Adds a before: it sees the request and every service provided so far. */
  before<I, E2, R2>(middleware: Before<I, E2, R2>): Open<P | I, AlsoSkip<F, I> | Skip<E2, I>, R | Left<R2, P>>
  /**
   * Adds a before that has both methods: it runs normally or, when one of these failures passes by, its case runs instead, which gives
   * what was skipped and what the before itself would have provided.
   */
  before<I, E2, R2, M>(
    middleware: Before<I, E2, R2>,
    orRecover: RecoverCases<F, I, M>
  ): Open<
    P | I,
    AlsoSkip<Without<F, keyof M>, I> | Skip<E2, I> | RecoverError<F, I, M>,
    R | Left<R2, P> | { [K in keyof M]: Behind<M[K], P, SkippedBy<F, K>> }[keyof M]
  >

  /** Adds a pair at the end of both phases: its after runs behind the handler, in the order of linking. */
  link<I, E2, R2, AR>(
    pair: Pair<I, E2, R2, AR>
  ): Open<P | I, AlsoSkip<F, I> | Skip<E2, I>, R | Left<R2, P> | Left<AR, P | I>>

  /** Runs only when `tag` failed, and must give what that failure skipped. The flow goes on with the next stage. */
  recover<const K extends TagsOf<F>, A extends Effect.Effect<Supply<SkippedBy<F, K>>, unknown, unknown>>(
    tag: K | readonly [K, ...Array<K>],
    f: (error: Tagged<F, K>) => A
  ): Open<P, Without<F, K> | Skip<Effect.Error<A>, SkippedBy<F, K>>, R | Behind<A, P, SkippedBy<F, K>>>

  /** Wraps the whole pipeline; inside of the outers declared before. What it provides is certain at every stage. */
  outer<I, E2, R2>(
    outer: Outer<I, E2, R2>
  ): Open<P | ([I] extends [never] ? never : Always<I>), F | OutsideError<E2>, R | Left<R2, Certain<P>>>

  /** Opens the after phase with a handler. Arounds wrap the handler only; the last is the outermost. */
  handle<H extends Answer>(handler: Run<H>): Closed<P, F | Effect.Error<H>, R | Left<Effect.Services<H>, P>>
  handle<H extends Answer, A>(
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>
  ): Closed<P, F | Effect.Error<A>, R | Left<Effect.Services<A>, P>>
  handle<H extends Answer, A, B>(
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>,
    b: (app: A) => B & IsApp<B>
  ): Closed<P, F | Effect.Error<B>, R | Left<Effect.Services<B>, P>>
  handle<H extends Answer, A, B, C>(
    handler: Run<H>,
    a: (app: AppOf<H>) => A & IsApp<A>,
    b: (app: A) => B & IsApp<B>,
    c: (app: B) => C & IsApp<C>
  ): Closed<P, F | Effect.Error<C>, R | Left<Effect.Services<C>, P>>
  handle<H extends Answer, A, B, C, D>(
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

/**
 * A pipeline in its after phase. It is an ordinary Effect of a response, which fails with what is still unhandled.
 *
 * @category models
 * @since 0.1.0
 */
export interface Closed<in out P, in out F, in out R> extends Effect.Effect<Response, ErrorOf<F>, R | Ambient>, Named {
  /** Adds an after: it sees the response, and every service that is certain to be there. */
  after<E2, R2>(middleware: After<E2, R2>): Closed<P, F | E2, R | Left<R2, P>>

  /** Turns the failures of one tag, or of several, into a response. */
  catchTag<const K extends TagsOf<F>, A extends Answer>(
    tag: K | readonly [K, ...Array<K>],
    f: (error: Tagged<F, K>) => A
  ): Closed<Exclude<P, SkippedBy<F, K>>, Without<F, K> | Effect.Error<A>, R | Behind<A, P, SkippedBy<F, K>>>

  /** Turns failures into responses, by tag. */
  catchTags<M>(
    cases: Cases<F, M>
  ): Closed<
    Exclude<P, SkippedBy<F, keyof M>>,
    Without<F, keyof M> | Effect.Error<M[keyof M]>,
    R | { [K in keyof M]: Behind<M[K], P, SkippedBy<F, K>> }[keyof M]
  >

  /** Turns the failures of one tag that have one reason into a response; the error stays with the reasons that are left. */
  catchReason<const K extends TagsOf<F>, const Reason extends ReasonsOf<F, K>, A extends Answer>(
    tag: K,
    reason: Reason | readonly [Reason, ...Array<Reason>],
    f: (reason: Extract<ReasonOf<Tagged<F, K>>, { readonly _tag: Reason }>, error: Tagged<F, K>) => A
  ): Closed<
    Exclude<P, SkippedBy<F, K>>,
    WithoutReason<F, K, Reason> | Effect.Error<A>,
    R | Behind<A, P, SkippedBy<F, K>>
  >

  /** Turns every failure into a response. */
  catch<A extends Answer>(
    f: (error: Reachable<F>) => A
  ): Closed<Exclude<P, SkippedByAny<F>>, Extract<F, Outside<any>> | Effect.Error<A>, R | Behind<A, P, SkippedByAny<F>>>

  /**
   * Turns the failures that answer for themselves into their responses, and logs each once: at level Error for a status of 500 and above,
   * else Info. Compiles only when every error left responds: it is `HttpServerRespondable`, or an instance of one of `classes`, whose schemas
   * carry the annotation `httpApiStatus`; those answer with the encoded error as JSON.
   */
  respond<const C extends ReadonlyArray<SchemaErrorClass> = readonly []>(
    this: Closed<P, RespondableOr<F, C>, R>,
    ...classes: C
  ): Closed<Exclude<P, SkippedByAny<F>>, Extract<F, Outside<any> | Types.unhandled>, R>

  /**
   * Turns defects into a response, and logs each once with the name of the stage it came from. A defect may have come from anywhere, so only
   * what outers provide counts as provided afterwards.
   */
  catchDefect<A extends Answer>(
    f: (defect: unknown) => A
  ): Closed<Certain<P>, F | Effect.Error<A>, R | Left<Effect.Services<A>, Certain<P>>>

  /** Runs when everything before it has ended: on success, failure, defect and interruption alike. */
  ensure<A extends Effect.Effect<unknown, never, unknown>>(
    name: string,
    f: (exit: Exit.Exit<Response, ErrorOf<F>>) => A
  ): Closed<P, F, R | Left<Effect.Services<A>, Certain<P>>>

  /** Wraps the whole pipeline; inside of the outers declared before. */
  outer<I, E2, R2>(
    outer: Outer<I, E2, R2>
  ): Closed<P | ([I] extends [never] ? never : Always<I>), F | OutsideError<E2>, R | Left<R2, Certain<P>>>
}

declare const RestId: unique symbol

/**
 * The need of a pipeline that was opened with `.next()`: the rest of the app, which gets the services `N` and may fail with `H`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rest<out N, out H> {
  readonly [RestId]: readonly [N, H]
}

type IsAnswer<A> = [A] extends [Answer] ? unknown : { readonly "not a response": A }

/**
 * Functions from errors to responses, by tag. `M` maps each tag to what its function gives back.
 *
 * @category models
 * @since 0.1.0
 */
export type Cases<F, M> = { readonly [K in keyof M]: (error: Tagged<F, K>) => M[K] } & {
  readonly [K in TagsOf<F>]?: (error: Tagged<F, K>) => K extends keyof M ? IsAnswer<M[K]> : unknown
} & { readonly [K in Exclude<keyof M, TagsOf<F>>]: { readonly "nothing here fails with": K } }

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
