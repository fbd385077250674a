/**
 * Class-tagged fairings: a fairing whose implementation is a Layer, so that a test provides another.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Layer from "effect/Layer"

import * as Tagged from "../core/Tagged.ts"
import type { ErrorClass, InstanceOf, KeyId } from "../core/Types.ts"
import type { Fairing } from "./Fairing.ts"

/**
 * What a class-tagged fairing declares.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions {
  /** The service, or services, that it provides. Default: none. */
  readonly provides?: Context.Key<any, any> | ReadonlyArray<Context.Key<any, any>>
  /** The error class, or classes, with which it may fail to ignite. Default: none. */
  readonly error?: ErrorClass | ReadonlyArray<ErrorClass>
}

type Option<O, K extends string> = K extends keyof O ? O[K] : never
type Provided<K> = K extends ReadonlyArray<infer X> ? KeyId<X> : KeyId<K>

/**
 * The class side of a class-tagged fairing: a service key, a fairing, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, S, E>
  extends Context.ServiceClass<Self, Id, Fairing<S, E>>, Fairing<S, E, Self> {
  /** Implements it, by a fairing that provides all that the class declares. What the fairing needs is taken when the layer is built. */
  layer<S2, E2 extends E, R>(fairing: Fairing<S2, E2, R> & Provides<S, S2>): Layer.Layer<Self, never, R>
}

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
    _options?: O
  ): ServiceClass<Self, Id, Provided<Option<O, "provides">>, InstanceOf<Option<O, "error">>> =>
    Tagged.make(id)
