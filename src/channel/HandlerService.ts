/**
 * Class-tagged channel handlers: a handler whose implementation is a Layer, so that a test provides another.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Layer from "effect/Layer"

import * as Tagged from "../core/Tagged.ts"
import type { KeyId } from "../core/Types.ts"
import type { ChannelHandler } from "./ChannelHandler.ts"

/**
 * What a class-tagged handler declares.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions {
  /** The service that it provides to later handlers and to channels. Default: none. */
  readonly provides?: Context.Key<any, any>
  /** Services of earlier handlers that it needs of each socket. Default: none. */
  readonly requires?: ReadonlyArray<Context.Key<any, any>>
}

type Option<O, K extends string> = K extends keyof O ? O[K] : never
type Element<A> = A extends ReadonlyArray<infer B> ? B : never

/**
 * The class side of a class-tagged handler: a service key, a handler, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, P, Q>
  extends Context.ServiceClass<Self, Id, ChannelHandler<P, Q>>, ChannelHandler<P, Self | Q> {
  /** Implements it. What the handler needs beside the socket's services is taken when the layer is built. */
  layer<R>(handler: ChannelHandler<P, R>): Layer.Layer<Self, never, Exclude<R, Q>>
}

/**
 * Declares a class-tagged handler.
 *
 * **Example** (Declaring and implementing)
 *
 * ```ts
 * import { Context } from "effect"
 * import { ChannelHandler } from "fairlead/channel"
 *
 * class CurrentUser extends Context.Service<CurrentUser, string>()("app/CurrentUser") {}
 *
 * class Authenticate extends ChannelHandler.Service<Authenticate>()("app/Authenticate", { provides: CurrentUser }) {}
 *
 * const inTests = Authenticate.layer(
 *   ChannelHandler.make("everybody is ann", {
 *     connect: () => ChannelHandler.accept({ context: Context.make(CurrentUser, "ann") })
 *   })
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
  ): ServiceClass<Self, Id, KeyId<Option<O, "provides">>, KeyId<Element<Option<O, "requires">>>> =>
    Tagged.make(id)
