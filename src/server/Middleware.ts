/**
 * Middleware as values: before, after, pair, around and outer, each with a name, its errors and its needs in its type.
 *
 * 1. A *before* runs before the handler in declared order. It may provide a service, change the request, or fail.
 * 2. An *after* runs after the handler in declared order. It may change the response, or fail.
 * 3. A *pair* is a before and an after that belong together: the after gets the value of its before, per request.
 * 4. An *around* wraps the handler alone; an *outer* wraps the whole pipeline.
 * 5. A *sending* stage changes every response on its way out, whoever produced it; an *ended* observer is called when it was sent.
 * 6. A `Service` is a before whose implementation is a Layer, so that a test provides another.
 *
 * A run function returns a plain value, which is the fastest, or an Effect. The model is Iron's `BeforeMiddleware`, `AfterMiddleware`
 * and `AroundMiddleware`, with the error flow in the type.
 *
 * **Gotchas**
 *
 * A service that is itself a function or an Effect must be wrapped in an Effect: a plain function is called with the request, and an
 * Effect is run.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as Option from "effect/Option"

import * as Composite from "../core/Composite.ts"
import { interceptorOf } from "../core/InterceptorKind.ts"
import type { Yields } from "../core/Types.ts"
import type { Ambient, Answer, App, IsApp, Plainly, Request, Response, Run } from "./HttpTypes.ts"
import type { After, Before, Ended, Inner, Outer, Pair, Sending } from "./MiddlewareTypes.ts"
import { kinds, nameAround } from "./MiddlewareValue.ts"
import type { AfterValue, BeforeValue, OuterValue, PairValue } from "./MiddlewareValue.ts"
import * as Stage from "./Stage.ts"
import { effectOf, toFunction } from "./StageFunction.ts"

export type { After, Before, Ended, Ending, Inner, Outer, Pair, ResponseEnd, Sending } from "./MiddlewareTypes.ts"
export { isAfter, isBefore, isEnded, isOuter, isPair, isSending } from "./MiddlewareGuards.ts"
export { every, optional, shadow, some, unless, when } from "./MiddlewareCombine.ts"
export type { GroupServices, LastError, Optional, Optionals, SomeServices } from "./MiddlewareCombine.ts"
export { headers } from "./MiddlewareHeaders.ts"
export type { HeadersOptions } from "./MiddlewareHeaders.ts"
export { ended, sending } from "./MiddlewareSending.ts"
export type { SendingOptions } from "./MiddlewareSending.ts"
export { Reject } from "../core/Reject.ts"
export { Service } from "./MiddlewareService.ts"
export type { Implementation, Implements, OfKind, ServiceClass, ServiceOptions } from "./MiddlewareService.ts"

type Needs<A> = Exclude<Effect.Services<A>, Ambient>

/**
 * A before. With a key, the result of `run` is provided as that service to every later stage, the handler included.
 *
 * **Example** (Providing a service)
 *
 * ```ts
 * import { Context, Effect, Option } from "effect"
 * import { Middleware, RequestView } from "fairlead/server"
 *
 * class Language extends Context.Service<Language, string>()("app/Language") {}
 *
 * const language = Middleware.before(
 *   "language",
 *   Language,
 *   Effect.map(RequestView.header("accept-language"), Option.getOrElse(() => "en"))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const before: {
  <I, S>(name: string, provides: Context.Key<I, S>, run: Plainly<NoInfer<S>>): Before<Exclude<I, Ambient>>
  <I, S, const A extends S | Yields<S>>(
    name: string,
    provides: Context.Key<I, S>,
    run: Run<A>
  ): Before<Exclude<I, Ambient>, Effect.Error<A>, Needs<A>>
  <A extends void | Yields<void>>(name: string, run: Run<A>): Before<never, Effect.Error<A>, Needs<A>>
} = (name: string, ...rest: readonly [unknown] | readonly [Context.Key<any, any>, unknown]): never =>
  rest.length === 2
    ? beforeOf(name, Stage.make("before", name, toFunction(rest[1]), { effect: effectOf(rest[1]), key: rest[0].key }))
    : beforeOf(name, Stage.make("before", name, toFunction(rest[0]), { effect: effectOf(rest[0]) }))

/**
 * A before that changes the request for all later stages and the handler. `RequestView.modify` changes the method too, and keeps
 * the body readable.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mapRequest = <A extends Request | Yields<Request>>(
  name: string,
  run: (request: Request) => A
): Before<never, Effect.Error<A>, Needs<A>> =>
  beforeOf(
    name,
    Stage.make("before", name, run, {
      key: HttpServerRequest.HttpServerRequest.key,
      info: { kind: "request", provides: [] }
    })
  )

/**
 * An after: gets the response, and the request as the last before left it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const after = <A extends Answer>(
  name: string,
  run: (response: Response, request: Request) => A
): After<Effect.Error<A>, Needs<A>> => {
  const value: AfterValue = interceptorOf(kinds.after, { name, stage: Stage.make("after", name, run) })
  return Composite.cast(value)
}

/**
 * Options of `pair`: how it runs for failed requests.
 *
 * @category models
 * @since 0.1.0
 */
export interface PairOptions<S, C> {
  /** Runs in the place of the after when a failure is still unhandled there; the failure passes on. */
  readonly onFailure?: (error: unknown, request: Request, stored: Option.Option<S>) => C
}

/**
 * A before and an after that belong together. The after gets the value of its before as an `Option`: `None` when an earlier
 * failure skipped the before and was recovered later. The after may not fail.
 *
 * It closes at the end of the after phase, after every recovery, in the order of linking, or at the place of `.closePairs()`: so a session is saved, and its cookie
 * sent, when a typed error became a response too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pair: {
  <I, S, B extends Response | Effect.Effect<Response, never, unknown>, C extends Passing = void>(
    name: string,
    provides: Context.Key<I, S>,
    run: Plainly<NoInfer<S>>,
    after: (response: Response, request: Request, stored: Option.Option<NoInfer<S>>) => B,
    options?: PairOptions<NoInfer<S>, C>
  ): Pair<Exclude<I, Ambient>, never, never, Needs<B> | Needs<C>>
  <
    I,
    S,
    const A extends S | Yields<S>,
    B extends Response | Effect.Effect<Response, never, unknown>,
    C extends Passing = void
  >(
    name: string,
    provides: Context.Key<I, S>,
    run: Run<A>,
    after: (response: Response, request: Request, stored: Option.Option<NoInfer<S>>) => B,
    options?: PairOptions<NoInfer<S>, C>
  ): Pair<Exclude<I, Ambient>, Effect.Error<A>, Needs<A>, Needs<B> | Needs<C>>
  <A, B extends Response | Effect.Effect<Response, never, unknown>, C extends Passing = void>(
    name: string,
    run: (request: Request) => A,
    after: (response: Response, request: Request, stored: Option.Option<Stored<A>>) => B,
    options?: PairOptions<Stored<A>, C>
  ): Pair<never, Effect.Error<A>, Needs<A>, Needs<B> | Needs<C>>
} = (name: string, ...rest: ReadonlyArray<any>): never => {
  const [key, run, after, options] = Context.isKey(rest[0]) ? rest : [undefined, ...rest]
  const normal = toFunction(run)
  const onFailure: PairOptions<unknown, unknown>["onFailure"] = options?.onFailure
  const provides = key === undefined ? [] : [key.key]
  const value: PairValue = interceptorOf(
    kinds.pair,
    {
      name,
      link: (slot: number) => ({
        before: Stage.make("before", name, normal, {
          effect: effectOf(run),
          slot,
          ...(key === undefined ? {} : { key: key.key })
        }),
        after: Stage.make("after", name, (response, request, stored) => after(response, request, stored), { slot }),
        failure: onFailure === undefined ? undefined : failureStage(name, slot, onFailure)
      })
    },
    { provides }
  )
  return Composite.cast(value)
}

type Passing = void | Effect.Effect<unknown, never, unknown>

const failureStage = (
  name: string,
  slot: number,
  onFailure: (error: unknown, request: Request, stored: Option.Option<unknown>) => unknown
): Stage.Stage =>
  Stage.make(
    "catch",
    name,
    (error, request, caught) => {
      const { cause, stored } = caught as Stage.Caught
      const out = onFailure(error, request, stored)
      const passed = Exit.failCause(cause)
      return Effect.isEffect(out) ? Effect.andThen(out as Effect.Effect<unknown>, passed) : passed
    },
    { slot, info: { kind: "after" } }
  )

/**
 * The argument of a pair's after: the value, or the success of the Effect, of its before.
 *
 * @category models
 * @since 0.1.0
 */
export type Stored<A> = A extends Effect.Effect<infer S, any, any> ? S : A

/**
 * Names an around, an ordinary function from app to app, without changing its type. Arounds go into `.handle(handler,
 * …arounds)`: the last is the outermost, and all are inside of the befores and afters.
 *
 * @category constructors
 * @since 0.1.0
 */
export const around = <B extends App, A extends App>(name: string, wrap: (app: B) => A): ((app: B) => A) =>
  nameAround(name, (app: B) => wrap(app))

/**
 * An outer: wraps the whole pipeline, whatever its errors and needs are. With a key it promises to provide that service to
 * everything inside.
 *
 * **Example** (Timing every request)
 *
 * ```ts
 * import { Clock, Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware } from "fairlead/server"
 *
 * const timing = Middleware.outer("timing", (app) =>
 *   Effect.gen(function*() {
 *     const start = yield* Clock.currentTimeMillis
 *     const response = yield* app
 *     const end = yield* Clock.currentTimeMillis
 *     return HttpServerResponse.setHeader(response, "server-timing", `app;dur=${end - start}`)
 *   })
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const outer: {
  <A>(
    name: string,
    wrap: (app: Effect.Effect<Response, Inner, Inner>) => A & IsApp<A>
  ): Outer<never, Exclude<Effect.Error<A>, Inner>, Exclude<Effect.Services<A>, Inner | Ambient>>
  <I, S, A>(
    name: string,
    provides: Context.Key<I, S>,
    wrap: (app: Effect.Effect<Response, Inner, Inner | I>) => A & IsApp<A>
  ): Outer<I, Exclude<Effect.Error<A>, Inner>, Exclude<Effect.Services<A>, Inner | Ambient>>
} = (name: string, ...rest: ReadonlyArray<any>): never => {
  const [key, wrap] = rest.length === 2 ? rest : [undefined, rest[0]]
  const provides = key === undefined ? [] : [key.key]
  const value: OuterValue = interceptorOf(kinds.outer, { name, wrap }, { provides })
  return Composite.cast(value)
}

/**
 * Middleware with state: `make` is called once for each build of a pipeline, so that two builds never influence each other.
 *
 * A terminal builds (`serve`, `middleware`, `toWebHandler` …); a pipeline that you evaluate directly has one state. `make` is also called once, at once, for the
 * name and the kind. To share state between builds, make it a service or pass it in.
 *
 * **Example** (Counting)
 *
 * ```ts
 * import { Middleware } from "fairlead/server"
 *
 * const counter = Middleware.stateful(() => {
 *   let count = 0
 *   return Middleware.before("counter", () => void count++)
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const stateful = <M extends AnyMiddleware>(make: (site: BuildSite) => M): M => {
  const sample = make({ composite: "", name: "" }) as M & Composite.Recipe
  return { ...sample, build: make }
}

/**
 * Any middleware.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyMiddleware =
  | Before<any, any, any>
  | After<any, any>
  | Pair<any, any, any, any>
  | Outer<any, any, any>
  | Sending<any>
  | Ended<any>

/**
 * Where middleware with state is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface BuildSite {
  /** The name of the pipeline. */
  readonly composite: string
  /** The name of the middleware: the id of its class, for a class-tagged one. */
  readonly name: string
}

const beforeOf = (name: string, stage: Stage.Stage): never => {
  const value: BeforeValue = interceptorOf(kinds.before, { name, stage }, stage.info)
  return Composite.cast(value)
}
