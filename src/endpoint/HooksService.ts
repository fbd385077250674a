/**
 * Class-tagged endpoint hooks: hooks whose implementation is a Layer, so that a test provides another.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Layer from "effect/Layer"

import * as Tagged from "../core/Tagged.ts"
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
  <const Id extends string>(id: Id): ServiceClass<Self, Id> =>
    Tagged.make(id)
