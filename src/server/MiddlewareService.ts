/**
 * Class-tagged middleware of every kind, whose implementation is a Layer.
 *
 * The class says what the middleware provides, raises and needs; it is used in a pipeline by itself. A Layer implements it, and a test
 * provides another Layer. The model is Effect's own `HttpApiMiddleware.Service`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import { make } from "../core/ServiceClass.ts"
import type { ProvidesOf, RaisesOf, RequiresOf, ServiceOptions as CommonOptions } from "../core/ServiceOptions.ts"
import type { NoAny, Yields } from "../core/Types.ts"
import type { Ambient } from "./HttpTypes.ts"
import type { After, Before, Ended, Kind, Outer, Pair, Sending } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"

/**
 * The declarations of a class-tagged middleware.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions extends CommonOptions {
  /** Which kind of middleware it is. Default: `before`. */
  readonly kind?: Kind
}

type KindOf<O> = O extends { readonly kind: infer K extends Kind } ? K : "before"

/**
 * Middleware of the kind `K` that provides `I`, raises `E` and needs `R`, where its kind can.
 *
 * @category models
 * @since 0.1.0
 */
export type OfKind<K extends Kind, I, E, R> = {
  readonly before: Before<I, E, R>
  readonly after: After<E, R>
  readonly pair: Pair<I, E, R, R>
  readonly outer: Outer<I, E, R>
  readonly sending: Sending<R>
  readonly ended: Ended<R>
}[K]

/** The services that a middleware provides. */
type Provides<M> =
  M extends Before<infer I, any, any>
    ? I
    : M extends Outer<infer I, any, any>
      ? I
      : M extends Pair<infer I, any, any, any>
        ? I
        : never

/** The errors that a middleware raises. */
type Raises<M> =
  M extends Before<any, infer E, any>
    ? E
    : M extends Outer<any, infer E, any>
      ? E
      : M extends Pair<any, infer E, any, any>
        ? E
        : M extends After<infer E, any>
          ? E
          : never

/** The services that a middleware needs. */
type Requires<M> =
  M extends Before<any, any, infer R>
    ? R
    : M extends Outer<any, any, infer R>
      ? R
      : M extends Pair<any, any, infer R, infer AR>
        ? R | AR
        : M extends After<any, infer R>
          ? R
          : M extends Sending<infer R>
            ? R
            : M extends Ended<infer R>
              ? R
              : never

/**
 * `unknown` when the middleware `M` implements a class that provides `I` and raises `E`, else what is wrong with it.
 *
 * @category checks
 * @since 0.1.0
 */
export type Implements<M, I, E> = [I] extends [Provides<M>]
  ? [Exclude<Raises<M>, E>] extends [never]
    ? unknown
    : { readonly "undeclared error": Exclude<Raises<M>, E> }
  : { readonly "does not provide": Exclude<I, Provides<M>> }

/**
 * The class side of a class-tagged middleware: a service key, a middleware of its kind, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export type ServiceClass<Self, Id extends string, K extends Kind, I, E, Q> = Context.ServiceClass<
  Self,
  Id,
  Implementation<K>
> &
  OfKind<K, I, E, Self | Q> & {
    /** Implements it. The services that the middleware needs are taken once, when the layer is built. */
    layer<M extends OfKind<K, any, any, any>>(
      middleware: M & Implements<M, I, E>
    ): Layer.Layer<Self, never, Exclude<Requires<M>, Ambient | Q>>
    /** Implements it with the middleware that an Effect makes once, for a prepared statement for example. */
    layerEffect<M extends Yields<OfKind<K, any, any, any>>>(
      effect: M & NoAny<M> & Implements<Effect.Success<M>, I, E>
    ): Layer.Layer<
      Self,
      Effect.Error<M>,
      Exclude<Effect.Services<M>, Scope.Scope> | Exclude<Requires<Effect.Success<M>>, Ambient | Q>
    >
  }

declare const ImplementationId: unique symbol

/**
 * The service of a class-tagged middleware of the kind `K`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Implementation<out K extends Kind> {
  readonly [ImplementationId]: K
}

/**
 * Declares a class-tagged middleware.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { Middleware, RequestView } from "fairlead/server"
 *
 * class Tenant extends Context.Service<Tenant, string>()("app/Tenant") {}
 * class UnknownTenant extends Schema.TaggedError<UnknownTenant>()("UnknownTenant", { host: Schema.String }) {}
 *
 * class ResolveTenant extends Middleware.Service<ResolveTenant>()("app/ResolveTenant", {
 *   provides: Tenant,
 *   error: UnknownTenant
 * }) {}
 *
 * const live = ResolveTenant.layer(
 *   Middleware.before("by-host", Tenant, Effect.gen(function*() {
 *     const host = yield* RequestView.header("host", () => new UnknownTenant({ host: "" }))
 *     return host.endsWith(".example") ? host : yield* new UnknownTenant({ host })
 *   }))
 * )
 * const inTests = ResolveTenant.layer(Middleware.before("fixed", Tenant, () => "acme.example"))
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
  ): ServiceClass<Self, Id, KindOf<O>, Exclude<ProvidesOf<O>, Ambient>, RaisesOf<O>, RequiresOf<O>> =>
    make(id, options, kinds[options?.kind ?? "before"])
