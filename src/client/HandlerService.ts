/**
 * Class-tagged client handlers: a handler whose implementation is a Layer, so that a test provides another.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

import * as Tagged from "../core/Tagged.ts"
import type { ErrorClass, HasAny, InstanceOf, NoAny } from "../core/Types.ts"
import type { ClientHandler } from "./ClientHandler.ts"

/**
 * What a class-tagged handler declares.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions {
  /** The error class, or classes, that it raises. Default: none. */
  readonly error?: ErrorClass | ReadonlyArray<ErrorClass>
}

type Option<O, K extends string> = K extends keyof O ? O[K] : never

/**
 * The class side of a class-tagged handler: a service key, a handler, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, E>
  extends Context.ServiceClass<Self, Id, ClientHandler<E>>, ClientHandler<E, Self> {
  /** Implements it. What the handler needs is taken when the layer is built. One with an `any` makes no layer, as it makes no chain. */
  layer<E2 extends E, R>(
    handler: ClientHandler<E2, R> & HasAny<Effect.Effect<never, E2, R>>
  ): NoAny<Effect.Effect<never, E2, R>>
  layer<E2 extends E, R>(handler: ClientHandler<E2, R>): Layer.Layer<Self, never, R>
}

/**
 * Declares a class-tagged handler.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { HttpClientRequest } from "effect/http"
 * import { ClientHandler } from "fairlead/client"
 *
 * class Sign extends ClientHandler.Service<Sign>()("app/Sign") {}
 *
 * const live = Sign.layer(
 *   ClientHandler.make("sign", {
 *     run: ({ request }) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "x-signed", "yes"))
 *   })
 * )
 * const inTests = Sign.layer(ClientHandler.make("unsigned", {}))
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
  ): ServiceClass<Self, Id, InstanceOf<Option<O, "error">>> =>
    Tagged.make(id)
