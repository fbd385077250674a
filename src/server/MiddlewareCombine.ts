/**
 * Middleware made of other middleware: groups, conditions, and the permission to shadow.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Option from "effect/Option"

import * as Composite from "../core/Composite.ts"
import * as Interceptor from "../core/Interceptor.ts"
import { interceptorOf } from "../core/InterceptorKind.ts"
import { checkOptions } from "../core/Options.ts"
import { isServiceKey } from "../core/ServiceClass.ts"
import type { Request } from "./HttpTypes.ts"
import type { After, Before } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"
import type { AfterValue, BeforeValue } from "./MiddlewareValue.ts"
import type { BeforesInOrder } from "./PipelineLists.ts"
import type { Shadowing } from "./PipelineState.ts"

/**
 * Several befores as one, in order: each of them must admit the request. When one fails, the rest is skipped, and the failure counts as having skipped everything that
 * the group provides.
 *
 * @category constructors
 * @since 0.1.0
 */
export const every = <const M extends readonly [Before<any, any, any>, ...Array<Before<any, any, any>>]>(
  name: string,
  ...members: M & BeforesInOrder<never, never, M>
): Before<Before.Provides<M[number]>, Before.Error<M[number]>, GroupServices<M>> => {
  const values = members.map((member) => Composite.accept<BeforeValue>(name, kinds.before, member))
  const inner = values.map(Interceptor.describe)
  const provides = inner.flatMap((info) => info.provides)
  return Composite.cast(interceptorOf(kinds.before, { name, members: values }, { provides, inner }))
}

/**
 * The needs of the members of a group that no member before them provides.
 *
 * @category models
 * @since 0.1.0
 */
export type GroupServices<M, P = never> = M extends readonly [Before<infer I, any, infer R>, ...infer Rest]
  ? Exclude<R, P> | GroupServices<Rest, P | I>
  : never

/**
 * The same middleware, allowed to provide a service that an earlier stage takes from outside of the pipeline.
 *
 * Without it such an order does not compile: the earlier stage would read another value than the later ones, such as a global stub.
 *
 * **Example** (A user of the request in place of the default user)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline, RequestView } from "fairlead/server"
 *
 * class Language extends Context.Service<Language, string>()("app/Language") {}
 *
 * const log = Middleware.before("log", Effect.flatMap(Language, Effect.logDebug)) // the default language, from outside
 * const ofRequest = Middleware.before("language", Language, RequestView.header("accept-language", () => "en"))
 *
 * const app = Pipeline.make("app")
 *   .before(log)
 *   .before(Middleware.shadow(ofRequest))
 *   .handle(Effect.map(Language, HttpServerResponse.text))
 *   .catch((language) => HttpServerResponse.text(language))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const shadow = <M extends object>(middleware: M): M & Shadowing => middleware as M & Shadowing

declare const OptionalId: unique symbol

/**
 * The service `I` as an `Option`: a conditional before provides it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Optional<out I> {
  readonly [OptionalId]: I
}

/**
 * Each service of a union as an `Option`.
 *
 * @category models
 * @since 0.1.0
 */
export type Optionals<I> = I extends unknown ? Optional<I> : never

/**
 * The key of a service that a conditional before provides, as an `Option`.
 *
 * @category services
 * @since 0.1.0
 */
export const optional = <I, S>(key: Context.Key<I, S>): Context.Service<Optional<I>, Option.Option<S>> =>
  Context.Service<Optional<I>, Option.Option<S>>(optionalKey(key.key))

/** The key of a service as an `Option`, as text. Internal to the server part. */
export const optionalKey = (key: string): string => `${key}/optional`

/**
 * Runs middleware for the requests that the predicate accepts. The services of a before are provided as an `Option` each, under
 * `Middleware.optional(Key)`.
 *
 * **Example** (A user for one part of the site)
 *
 * ```ts
 * import { Context, Effect, Option, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline, RequestView } from "fairlead/server"
 *
 * class User extends Context.Service<User, string>()("app/User") {}
 * class NoUser extends Schema.TaggedError<NoUser>()("NoUser", {}, { httpApiStatus: 401 }) {}
 *
 * const user = Middleware.before("user", User, RequestView.header("x-user", () => new NoUser()))
 *
 * const app = Pipeline.make("app")
 *   .before(Middleware.when((request) => request.url.startsWith("/members"), user))
 *   .handle(Effect.map(Middleware.optional(User), (user) => HttpServerResponse.text(Option.getOrElse(user, () => "guest"))))
 *   .respond(NoUser)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const when: {
  <I, E, R>(predicate: (request: Request) => boolean, middleware: Before<I, E, R>): Before<Optionals<I>, E, R>
  <E, R>(predicate: (request: Request) => boolean, middleware: After<E, R>): After<E, R>
} = (predicate: (request: Request) => boolean, middleware: unknown): never => conditional(predicate, middleware)

const conditional = (predicate: (request: Request) => boolean, middleware: unknown): never => {
  if (kinds.after.is(middleware)) {
    const entry = Composite.accept<AfterValue>("when", kinds.after, middleware)
    return Composite.cast(
      interceptorOf(kinds.after, { name: nameOf(entry), condition: { predicate, entry } }, infoOf(entry))
    )
  }
  const entry = Composite.accept<BeforeValue>("when", kinds.before, middleware)
  const info = infoOf(entry)
  const provides = info.provides.map(optionalKey)
  return Composite.cast(
    interceptorOf(kinds.before, { name: nameOf(entry), condition: { predicate, entry } }, { ...info, provides })
  )
}

/**
 * Runs middleware for the requests that the predicate does not accept; otherwise as `when`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unless: typeof when = (predicate: (request: Request) => boolean, middleware: unknown): never =>
  conditional((request) => !predicate(request), middleware)

/**
 * Alternatives: the befores run in order until one lets the request in, and the rest does not run. When all fail, the failure is that of the last.
 *
 * 1. A service that every alternative provides is provided. Each service of a list is also provided as an `Option`, under `Middleware.optional(Key)`: `None` where its alternative did
 *    not let the request in.
 * 2. A failed alternative leaves no service and no change of the request. Its failure is not logged.
 * 3. Only the befores themselves are tried: a failure of a later stage or of the handler never runs another alternative. A defect and an interruption pass at once.
 *
 * **Example** (A key of a machine, or a user)
 *
 * ```ts
 * import { Context, Effect, Option, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline, RequestView } from "fairlead/server"
 *
 * class Caller extends Context.Service<Caller, string>()("app/Caller") {}
 * class Machine extends Context.Service<Machine, string>()("app/Machine") {}
 * class NoKey extends Schema.TaggedError<NoKey>()("NoKey", {}) {}
 * class NoUser extends Schema.TaggedError<NoUser>()("NoUser", {}, { httpApiStatus: 401 }) {}
 *
 * const user = Middleware.before("user", Caller, RequestView.header("x-user", () => new NoUser()))
 * const machine = Middleware.every(
 *   "machine",
 *   Middleware.before("key", Machine, RequestView.header("x-key", () => new NoKey())),
 *   Middleware.before("caller", Caller, Machine)
 * )
 *
 * const app = Pipeline.make("app")
 *   .before(Middleware.some("who", machine, user)) // provides Caller, and Machine as an Option; fails with NoUser
 *   .handle(
 *     Effect.gen(function* () {
 *       const isMachine = Option.isSome(yield* Middleware.optional(Machine))
 *       return HttpServerResponse.text(`${yield* Caller}${isMachine ? ", a machine" : ""}`)
 *     })
 *   )
 *   .respond(NoUser)
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const some = <const M extends readonly [Before<any, any, any>, ...Array<Before<any, any, any>>]>(
  name: string,
  ...alternatives: M
): Before<SomeServices<M>, LastError<M>, Before.Needs<M[number]>> => {
  const values = alternatives.map((alternative) => Composite.accept<BeforeValue>(name, kinds.before, alternative))
  const inner = values.map(Interceptor.describe)
  const [first, ...others] = inner.map((info) => info.provides)
  if (first === undefined) throw checkOptions(name).invalid("some", "it has no alternative: list one or more befores")
  const all = [...new Set(inner.flatMap((info) => info.provides))]
  const common = first.filter((key) => others.every((keys) => keys.includes(key)))
  const provides = [...common, ...all.filter((key) => !common.includes(key)).map(optionalKey)]
  const choice = { alternatives: values, common, all }
  return interceptorOf(kinds.before, { name, choice }, { provides, inner }) as any
}

/**
 * The services that `some` provides: those of every alternative as they are, the others as an `Option` each.
 *
 * @category models
 * @since 0.1.0
 */
export type SomeServices<M extends ReadonlyArray<Before<any, any, any>>> =
  | Common<M>
  | Optionals<Exclude<Before.Provides<M[number]>, Common<M>>>

// Nobody knows which alternatives a list of unknown length has.
type Common<M> = M extends readonly [infer B, ...infer Rest]
  ? number extends Rest["length"]
    ? never
    : Rest extends readonly []
      ? Before.Provides<B>
      : Extract<Before.Provides<B>, Common<Rest>>
  : never

/**
 * The error of the last of several befores.
 *
 * @category models
 * @since 0.1.0
 */
export type LastError<M extends ReadonlyArray<unknown>> = M extends readonly [...ReadonlyArray<any>, infer B]
  ? Before.Error<B>
  : Before.Error<M[number]>

const nameOf = (entry: Composite.Entry<Composite.Recipe>): string => (isServiceKey(entry) ? entry.key : entry.name)

const infoOf = (entry: Composite.Entry<Composite.Recipe>) => entry[Interceptor.TypeId]
