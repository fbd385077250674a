/**
 * Fairings: what hooks into the application's life, and into every request and response of it.
 *
 * 1. *Ignite*, before anything is bound, in attach order: may fail, provide services, attach, mount, manage and configure.
 * 2. *Liftoff*, bound but not yet serving: hooks run concurrently, and all end before the first request is served.
 * 3. *Request*, in attach order, before routing: may change the request. It cannot answer, fail or abort.
 * 4. *Response*, in attach order (it is not an onion): sees every response, the router's 404 and a defect's 500 too, and may replace it. It cannot fail.
 * 5. *Shutdown*, when the application is told to stop: hooks run concurrently, within grace and mercy.
 *
 * A hook that a fairing does not define is never called and costs nothing. The model is Rocket's fairings.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import type { Yields } from "../core/Types.ts"
import type { Route } from "./RouteList.ts"
import type { NoRouteError, RouteServices } from "./Routes.ts"

export { Service } from "./FairingService.ts"
export type { ServiceClass, ServiceOptions } from "./FairingService.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** What every request has: never shown in the needs of its hooks. */
type PerRequest = HttpServerRequest.HttpServerRequest | Scope.Scope

const TypeId = "~fairlead/app/Fairing"

/**
 * The hooks that a fairing has.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "ignite" | "liftoff" | "request" | "response" | "shutdown"

/**
 * A fairing: provides the services `S` to what is declared after it, may fail to ignite with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fairing<out S = never, out E = never, out R = never> {
  readonly [TypeId]: {
    readonly _S: Types.Covariant<S>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

/**
 * What an ignite hook may change. What it brings in, its needs and failures, become the hook's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ignition {
  /** Attaches a fairing at the end: it ignites behind all that are attached so far. */
  attach<S, E, R>(fairing: Fairing<S, E, R>): Effect.Effect<void, E, R>
  /** Mounts routes. It compiles only when they leave no error open. */
  mount<E, R>(routes: Layer.Layer<never, E, R> & NoRouteError<R>): Effect.Effect<void, E, RouteServices<R>>
  /** Builds a layer now, for the application's life, and provides what it gives to all that comes later. */
  manage<A, E, R>(layer: Layer.Layer<A, E, R>): Effect.Effect<Context.Context<A>, E, R>
  /** Reads configuration and provides it to all that comes later. */
  configure<I, S>(key: Context.Key<I, S>, config: Config.Config<S>): Effect.Effect<S, Config.ConfigError>
  /** Changes a service, such as configuration, for all that comes later. */
  update<I, S>(key: Context.Key<I, S>, f: (service: S) => S): Effect.Effect<void, never, I>
}

/**
 * What a liftoff hook sees.
 *
 * @category models
 * @since 0.1.0
 */
export interface Liftoff {
  readonly app: string
  /** The address that was bound; port 0 is resolved. */
  readonly address: NetAddress.SocketAddress
  /** The fairings in use, in order. */
  readonly fairings: ReadonlyArray<Description>
  /** The mounted routes, in order. */
  readonly routes: ReadonlyArray<Route>
}

/**
 * A fairing as data.
 *
 * @category models
 * @since 0.1.0
 */
export interface Description {
  readonly name: string
  readonly kinds: ReadonlyArray<Kind>
  /** Its key, for a singleton. */
  readonly singleton?: string
  /** The id of its class, for a class-tagged fairing. */
  readonly service?: string
}

/** What an ignite hook may give: nothing, or a Context with what the fairing provides. */
type Ignites = Yields<void | Context.Context<any>>

/** What a hook that cannot fail may give: an `A`, or an Effect of one that cannot fail. */
type Silent<A> = A | Effect.Effect<A, never, unknown>

type ContextOf<I> = Effect.Success<I> extends infer A ? (A extends Context.Context<infer S> ? S : never) : never

/**
 * The hooks of a fairing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<I, L, Q, P, D> {
  /** Of several fairings with the same key only the last attached stays. Default: none, each stays. */
  readonly singleton?: string
  readonly onIgnite?: (app: Ignition) => I
  readonly onLiftoff?: (liftoff: Liftoff) => L
  /** Gives a changed request, or nothing. `RequestView.modify` and `RequestView.peek` of `fairlead/server` make such requests. */
  readonly onRequest?: (request: Request) => Q
  /** Gives another response, or nothing. */
  readonly onResponse?: (response: Response, request: Request) => P
  readonly onShutdown?: () => D
}

/**
 * Makes a fairing.
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
  hooks: Hooks<I, L, Q, P, D>
): Fairing<
  ContextOf<I>,
  Effect.Error<I>,
  | Exclude<Effect.Services<I>, Scope.Scope>
  | Exclude<Effect.Services<L> | Effect.Services<D>, ContextOf<I> | Scope.Scope>
  | Exclude<Effect.Services<Q> | Effect.Services<P>, ContextOf<I> | PerRequest>
> => {
  const { singleton } = hooks
  const key = singleton === undefined ? {} : { singleton }
  const value: Value = { [TypeId]: TypeId, name, kinds: kindsOf(hooks), ...key, hooks }
  return value as never
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

/** A fairing with its types erased. Internal to the app part. */
export interface Value extends Description {
  readonly [TypeId]: typeof TypeId
  readonly hooks: Hooks<unknown, unknown, unknown, unknown, unknown>
}

/** The value behind a fairing's type. Internal to the app part. */
export const valueOf = (fairing: unknown): Value => fairing as Value

/** A fairing as data alone. Internal to the app part. */
export const describe = (value: Value): Description => {
  const { hooks: _, [TypeId]: __, ...description } = value
  return description
}

const kindsOf = (hooks: Hooks<unknown, unknown, unknown, unknown, unknown>): ReadonlyArray<Kind> => {
  const kinds: ReadonlyArray<readonly [Kind, unknown]> = [
    ["ignite", hooks.onIgnite],
    ["liftoff", hooks.onLiftoff],
    ["request", hooks.onRequest],
    ["response", hooks.onResponse],
    ["shutdown", hooks.onShutdown]
  ]
  return kinds.filter(([, hook]) => hook !== undefined).map(([kind]) => kind)
}
