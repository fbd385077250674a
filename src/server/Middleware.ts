/**
 * Middleware as values: before, after, pair, around and outer, each with a name, its errors and its needs in its type.
 *
 * 1. A *before* runs ahead of the handler in declared order. It may provide a service, change the request, or fail.
 * 2. An *after* runs behind the handler in declared order. It may change the response, or fail.
 * 3. A *pair* is a before and an after that belong together: the after sees what its before gave, per request.
 * 4. An *around* wraps the handler alone; an *outer* wraps the whole pipeline.
 * 5. A `Service` is a before whose implementation is a Layer, so that a test provides another.
 *
 * A run function may give a plain value, which is the fastest, or an Effect. The model is Iron's `BeforeMiddleware`, `AfterMiddleware`
 * and `AroundMiddleware`, with the error flow in the type.
 *
 * **Gotchas**
 *
 * A service that is itself a function or an Effect must be given inside an Effect: a plain function is called with the request, and an
 * Effect is run.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as Option from "effect/Option"

import type { Yields } from "../core/Types.ts"
import type { After, Before, Inner, Outer, Pair } from "./MiddlewareTypes.ts"
import type { Ambient, Answer, App, IsApp, Plainly, Request, Response, Run } from "./Model.ts"
import { toFunction } from "./Run.ts"
import * as Stage from "./Stage.ts"
import { nameAround } from "./Values.ts"
import type { AfterValue, BeforeValue, OuterValue, PairValue } from "./Values.ts"

export type { After, Before, Inner, Outer, Pair } from "./MiddlewareTypes.ts"
export { Service } from "./MiddlewareService.ts"
export type { ServiceClass, ServiceOptions } from "./MiddlewareService.ts"

type Needs<A> = Exclude<Effect.Services<A>, Ambient>

/**
 * A before. With a key, what `run` gives is provided as that service to every later stage, the handler included.
 *
 * **Example** (Providing a service)
 *
 * ```ts
 * import { Context } from "effect"
 * import { Middleware } from "fairlead/server"
 *
 * class Language extends Context.Service<Language, string>()("app/Language") {}
 *
 * const language = Middleware.before("language", Language, (request) => request.headers["accept-language"] ?? "en")
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
} = (name: string, ...rest: readonly [unknown] | readonly [Context.Key<any, any>, unknown]): any =>
  rest.length === 2
    ? fromStages([Stage.make("before", name, toFunction(rest[1]), { key: rest[0].key })])
    : fromStages([Stage.make("before", name, toFunction(rest[0]))])

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
  fromStages([
    Stage.make("before", name, run, {
      key: HttpServerRequest.HttpServerRequest.key,
      info: { kind: "request", provides: [] }
    })
  ])

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
  const value: AfterValue = { stage: Stage.make("after", name, run) }
  return value as unknown as After<Effect.Error<A>, Needs<A>>
}

/**
 * A before and an after that belong together. The after gets what its before gave as an `Option`: `None` when an earlier
 * failure skipped the before and was recovered behind it. The after may not fail.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pair: {
  <I, S, B extends Response | Effect.Effect<Response, never, unknown>>(
    name: string,
    provides: Context.Key<I, S>,
    run: Plainly<NoInfer<S>>,
    after: (response: Response, stored: Option.Option<NoInfer<S>>, request: Request) => B
  ): Pair<Exclude<I, Ambient>, never, never, Needs<B>>
  <I, S, const A extends S | Yields<S>, B extends Response | Effect.Effect<Response, never, unknown>>(
    name: string,
    provides: Context.Key<I, S>,
    run: Run<A>,
    after: (response: Response, stored: Option.Option<NoInfer<S>>, request: Request) => B
  ): Pair<Exclude<I, Ambient>, Effect.Error<A>, Needs<A>, Needs<B>>
  <A, B extends Response | Effect.Effect<Response, never, unknown>>(
    name: string,
    run: (request: Request) => A,
    after: (response: Response, stored: Option.Option<Stored<A>>, request: Request) => B
  ): Pair<never, Effect.Error<A>, Needs<A>, Needs<B>>
} = (name: string, ...rest: ReadonlyArray<any>): any => {
  const [key, run, after] = rest.length === 3 ? rest : [undefined, rest[0], rest[1]]
  const normal = toFunction(run)
  return {
    link: (slot: number) => ({
      before: Stage.make("before", name, normal, { slot, ...(key === undefined ? {} : { key: key.key }) }),
      after: Stage.make("after", name, (response, request, stored) => after(response, stored, request), { slot })
    })
  } satisfies PairValue
}

/**
 * What a pair's after gets: the value, or the success of the Effect, that its before gave.
 *
 * @category models
 * @since 0.1.0
 */
export type Stored<A> = A extends Effect.Effect<infer S, any, any> ? S : A

/**
 * Gives a name to an around, an ordinary function from app to app, without touching its type. Arounds stand in `.handle(handler,
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
} = (name: string, ...rest: ReadonlyArray<any>): any => {
  const [key, wrap] = rest.length === 2 ? rest : [undefined, rest[0]]
  return { name, wrap, key: key?.key } satisfies OuterValue
}

/**
 * Several befores as one, in order. When one fails, the rest is skipped, and the failure counts as having skipped everything that
 * the group provides.
 *
 * @category constructors
 * @since 0.1.0
 */
export const group = <const M extends readonly [Before<any, any, any>, ...Array<Before<any, any, any>>]>(
  name: string,
  ...members: M
): Before<Before.Provides<M[number]>, Before.Error<M[number]>, GroupServices<M>> =>
  fromStages(
    members
      .flatMap((member) => (member as unknown as BeforeValue).stages)
      .map((stage) => ({
        ...stage,
        name: `${name}/${stage.name}`,
        info: { ...stage.info, name: `${name}/${stage.name}` }
      }))
  )

/**
 * What the members of a group need that no member before them provides.
 *
 * @category models
 * @since 0.1.0
 */
export type GroupServices<M, P = never> = M extends readonly [Before<infer I, any, infer R>, ...infer Rest]
  ? Exclude<R, P> | GroupServices<Rest, P | I>
  : never

const fromStages = (stages: ReadonlyArray<Stage.Stage>): any => ({ stages }) satisfies BeforeValue
