/**
 * Class-tagged endpoint hooks: hooks whose implementation is a Layer, so that a test provides another.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import type { EndpointHooks } from "./EndpointHooks.ts"

/**
 * The class side of class-tagged hooks: a service key, hooks, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string>
  extends Context.ServiceClass<Self, Id, EndpointHooks>, EndpointHooks<Self> {
  /** Implements them. What the hooks need is taken when the layer is built. */
  layer<R>(hooks: EndpointHooks<R>): Layer.Layer<Self, never, R>
}

/** Marks the class side, so that the chain looks the hooks up. Internal to the endpoint part. */
export const HooksKey: unique symbol = Symbol("fairlead/endpoint/HooksKey")

/** What a layer of class-tagged hooks provides. Internal to the endpoint part. */
export interface Implementation {
  readonly hooks: EndpointHooks<any>
  readonly built: Context.Context<never>
}

/**
 * Declares class-tagged hooks.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { EndpointHooks } from "fairlead/endpoint"
 *
 * class Admission extends EndpointHooks.Service<Admission>()("app/Admission") {}
 *
 * const everybody = Admission.layer(EndpointHooks.make("everybody", {}))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const Service =
  <Self>() =>
  <const Id extends string>(id: Id): ServiceClass<Self, Id> => {
    const Base: any = Context.Service<any, any>()(id)
    return Object.assign(Base, {
      [HooksKey]: id,
      layer: (hooks: EndpointHooks<any>) =>
        Layer.effect(
          Base,
          Effect.contextWith((built: Context.Context<never>) =>
            Effect.succeed({ hooks, built } satisfies Implementation)
          )
        )
    })
  }
