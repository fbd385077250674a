/**
 * Fairings: hooks into the application's life, and into each of its requests and responses.
 *
 * 1. *Ignite*, before anything is bound, in attach order: may fail, provide services, attach, mount, manage and configure.
 * 2. *Liftoff*, bound but not yet serving: hooks run concurrently, and all end before the first request is served.
 * 3. *Request*, in attach order, before routing: may change the request. It cannot answer, fail or abort.
 * 4. *Response*, in attach order (it is not an onion): sees every response, the router's 404 and a defect's 500 too, and may replace it. It cannot fail.
 * 5. *Shutdown*, when the application begins to stop: hooks run concurrently, within grace and mercy.
 *
 * A hook that a fairing does not define is never called and costs nothing. The model is Rocket's fairings.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import type { BuildSite } from "../core/BuildSite.ts"
import { cast } from "../core/Composite.ts"
import * as ServiceClasses from "../core/ServiceClass.ts"
import type { ProvidesOf, RaisesOf, RequiresOf, ServiceOptions } from "../core/ServiceOptions.ts"
import type { NoAny, Yields } from "../core/Types.ts"
import { fairingOf, kind } from "./FairingRecipe.ts"
import type { Fairing, Hooks, Ignition, Liftoff } from "./FairingTypes.ts"

export type { BuildSite } from "../core/BuildSite.ts"
export type { ServiceOptions } from "../core/ServiceOptions.ts"
export { middleware } from "./FairingMiddleware.ts"
export type { AroundMiddleware } from "./FairingMiddleware.ts"
export type { Fairing, FairingInfo, Hooks, Ignition, Kind, Liftoff } from "./FairingTypes.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** The services of every request: never shown in the needs of its hooks. */
type PerRequest = HttpServerRequest.HttpServerRequest | Scope.Scope

/** The result of an ignite hook: nothing, or a Context with the services of the fairing. */
type Ignites = Yields<void | Context.Context<any>>

/** The result of a hook that cannot fail: an `A`, or an Effect of one that cannot fail. */
type Silent<A> = A | Effect.Effect<A, never, unknown>

type ContextOf<I> = Effect.Success<I> extends infer A ? (A extends Context.Context<infer S> ? S : never) : never

/**
 * Makes a fairing. A function of hooks is called once for each ignition: its state belongs to that application alone.
 *
 * **Example** (Counting requests)
 *
 * ```ts
 * import { Context, Effect, Ref } from "effect"
 * import { Fairing } from "fairlead/app"
 *
 * class Hits extends Context.Service<Hits, Ref.Ref<number>>()("app/Hits") {}
 *
 * const counter = Fairing.make("counter", {
 *   onIgnite: () => Effect.map(Ref.make(0), (ref) => Context.make(Hits, ref)),
 *   onRequest: () => Effect.flatMap(Hits, Ref.update((hits) => hits + 1)),
 *   onShutdown: () => Effect.flatMap(Effect.flatMap(Hits, Ref.get), (hits) => Effect.log(`${hits} requests`))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <
  I extends Ignites = never,
  L extends Silent<void> = never,
  Q extends Silent<void | Request> = never,
  P extends Silent<void | Response> = never,
  D extends Silent<void> = never
>(
  name: string,
  hooks: Hooks<I, L, Q, P, D> | ((site: BuildSite) => Hooks<I, L, Q, P, D>)
): Fairing<
  ContextOf<I>,
  Effect.Error<I>,
  | Exclude<Effect.Services<I>, Scope.Scope>
  | Exclude<Effect.Services<L> | Effect.Services<D>, ContextOf<I> | Scope.Scope>
  | Exclude<Effect.Services<Q> | Effect.Services<P>, ContextOf<I> | PerRequest>
> => {
  const recipe =
    typeof hooks === "function"
      ? fairingOf(name, {}, (site) => fairingOf(site.name, hooks(site)))
      : fairingOf(name, hooks)
  return cast(recipe)
}

/**
 * A fairing with an ignite hook alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onIgnite = <I extends Ignites>(name: string, hook: (app: Ignition) => I) =>
  make<I>(name, { onIgnite: hook })

/**
 * A fairing with a liftoff hook alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onLiftoff = <L extends Silent<void>>(name: string, hook: (liftoff: Liftoff) => L) =>
  make<never, L>(name, { onLiftoff: hook })

/**
 * A fairing with a request hook alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onRequest = <Q extends Silent<void | Request>>(name: string, hook: (request: Request) => Q) =>
  make<never, never, Q>(name, { onRequest: hook })

/**
 * A fairing with a response hook alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onResponse = <P extends Silent<void | Response>>(
  name: string,
  hook: (response: Response, request: Request) => P
) => make<never, never, never, P>(name, { onResponse: hook })

/**
 * A fairing with a shutdown hook alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const onShutdown = <D extends Silent<void>>(name: string, hook: () => D) =>
  make<never, never, never, never, D>(name, { onShutdown: hook })

/**
 * Whether something is a fairing: a value, or a class-tagged one.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFairing = (u: unknown): u is Fairing<unknown, unknown, unknown> => kind.is(u)

/**
 * The class side of a class-tagged fairing: a service key, a fairing, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, S, E, Needs = never>
  extends Context.ServiceClass<Self, Id, Fairing<S, E>>, Fairing<S, E, Self | Needs> {
  /** Implements it, by a fairing that provides all that the class declares. The services that the fairing needs are taken when the layer is built. */
  layer<S2, E2 extends E, R>(fairing: Fairing<S2, E2, R> & Provides<S, S2>): Layer.Layer<Self, never, Exclude<R, Needs>>
  /** Implements it by the fairing that an Effect makes, once, when the layer is built. */
  layerEffect<M extends Yields<Fairing<S, E, any>>>(
    make: M & NoAny<M>
  ): Layer.Layer<
    Self,
    Effect.Error<M>,
    Exclude<Effect.Services<M>, Scope.Scope> | Exclude<NeedsOf<Effect.Success<M>>, Needs>
  >
}

type NeedsOf<F> = F extends Fairing<any, any, infer R> ? R : never

/** `unknown` when `S2` has all of `S`, else what is missing. */
type Provides<S, S2> = [Exclude<S, S2>] extends [never] ? unknown : { readonly "does not provide": Exclude<S, S2> }

/**
 * Declares a class-tagged fairing.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { Fairing } from "fairlead/app"
 *
 * class Pool extends Context.Service<Pool, { readonly size: number }>()("app/Pool") {}
 * class NoDatabase extends Schema.TaggedError<NoDatabase>()("NoDatabase", {}) {}
 *
 * class Database extends Fairing.Service<Database>()("app/Database", { provides: Pool, error: NoDatabase }) {}
 *
 * const live = Database.layer(
 *   Fairing.onIgnite("database", () => Effect.succeed(Context.make(Pool, { size: 4 })))
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service =
  <Self>() =>
  <const Id extends string, const O extends ServiceOptions = {}>(
    id: Id,
    options?: O
  ): ServiceClass<Self, Id, ProvidesOf<O>, RaisesOf<O>, RequiresOf<O>> =>
    ServiceClasses.make(id, options, kind)
