/**
 * The type of channel servers. Public through `ChannelServer`.
 *
 * @since 0.1.0
 */
import type * as Pipeable from "effect/Pipeable"

import type * as Interceptor from "../core/Interceptor.ts"
import type { Any, Requires, ServiceOf } from "./ApiTypes.ts"
import type { ChannelHandler } from "./ChannelHandler.ts"
import type { PresenceServiceOf } from "./PresenceTypes.ts"

/** Marks a server at run time. Internal to the channel part. */
export const TypeId = "~fairlead/channel/ChannelServer"

/**
 * A channel server: its handlers provide `P` to each socket, and it needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelServer<in out P, in out R>
  extends Pipeable.Pipeable, Interceptor.Described<Interceptor.Description> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Adds a handler after those declared before. */
  use<P2, R2>(handler: ChannelHandler<P2, R2>): ChannelServer<P | P2, R | Exclude<R2, P>>

  /** Adds channels. The handlers declared before must provide the services that they require of a socket. */
  mount<const C extends ReadonlyArray<Any>>(
    ...channels: C
  ): ChannelServer<P, R | ServiceOf<C[number]> | PresenceServiceOf<C[number]> | Exclude<Requires<C[number]>, P>>

  /** Adds the handlers and channels of another server after its own. */
  append<P2, R2>(server: ChannelServer<P2, R2>): ChannelServer<P | P2, R | Exclude<R2, P>>
}
