/**
 * The types of fairings, public through `Fairing`.
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
import type * as Types from "effect/Types"

import type * as Interceptor from "../core/Interceptor.ts"
import type { MountOptions } from "./MountOptions.ts"
import type { Route } from "./RouteList.ts"
import type { NoRouteError, RouteServices } from "./Routes.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** The property that fairings have. Internal to the app part. */
export const TypeId = "~fairlead/app/Fairing"

/**
 * The hooks that a fairing has; `middleware` where it puts server middleware around what answers requests.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "ignite" | "liftoff" | "request" | "middleware" | "response" | "shutdown"

/**
 * A fairing: provides the services `S` to later steps, may fail to ignite with `E`, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fairing<out S = never, out E = never, out R = never> extends Interceptor.Described<FairingInfo> {
  readonly [TypeId]: {
    readonly _S: Types.Covariant<S>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
}

/**
 * The changes that an ignite hook may make. The hook takes over the needs and failures of its additions.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ignition {
  /** Attaches a fairing at the end: it ignites after all present fairings. */
  attach<S, E, R>(fairing: Fairing<S, E, R>): Effect.Effect<void, E, R>
  /** Mounts routes. It compiles only when they leave no error open. */
  mount<E, R>(
    routes: Layer.Layer<never, E, R> & NoRouteError<R>,
    options?: MountOptions
  ): Effect.Effect<void, E, RouteServices<R>>
  /** Builds a layer now, for the application's life, and provides its services to all later steps. */
  manage<A, E, R>(layer: Layer.Layer<A, E, R>): Effect.Effect<Context.Context<A>, E, R>
  /** Reads configuration and provides it to all that comes later. */
  configure<I, S>(key: Context.Key<I, S>, config: Config.Config<S>): Effect.Effect<S, Config.ConfigError>
  /** Changes a service, such as configuration, for all that comes later. */
  update<I, S>(key: Context.Key<I, S>, f: (service: S) => S): Effect.Effect<void, never, I>
}

/**
 * The application as a liftoff hook sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Liftoff {
  readonly app: string
  /** The address that was bound; port 0 is resolved. */
  readonly address: NetAddress.SocketAddress
  /** The URL to open: `http://localhost:3000` where it listens on every address of port 3000. */
  readonly url: string
  /** The fairings in use, in order. */
  readonly fairings: ReadonlyArray<FairingInfo>
  /** The mounted routes, in order. */
  readonly routes: ReadonlyArray<Route>
  /** The further listeners, with their routes. */
  readonly listeners: ReadonlyArray<{
    readonly name: string
    readonly address: NetAddress.SocketAddress
    readonly url: string
    readonly routes: ReadonlyArray<Route>
  }>
}

/**
 * A fairing as data.
 *
 * @category models
 * @since 0.1.0
 */
export interface FairingInfo extends Interceptor.InterceptorInfo {
  /** The hooks that it has. Those of a class-tagged fairing, and of a function of hooks, are known once the application has ignited. */
  readonly kinds: ReadonlyArray<Kind>
  /** Its key, for a singleton. */
  readonly singleton?: string
}

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
  /** Returns a changed request, or nothing. `RequestView.modify` and `RequestView.peek` of `fairlead/server` make such requests. */
  readonly onRequest?: (request: Request) => Q
  /** Returns another response, or nothing. */
  readonly onResponse?: (response: Response, request: Request) => P
  readonly onShutdown?: () => D
}
