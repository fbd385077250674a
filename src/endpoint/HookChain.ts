/**
 * An ordered chain of endpoint hooks, for an endpoint's layer.
 *
 * **Example** (Two hooks)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Interceptor } from "fairlead"
 * import { EndpointHooks, HookChain } from "fairlead/endpoint"
 *
 * const log = EndpointHooks.make("log", { afterHandshake: ({ remoteId }) => Effect.log(remoteId) })
 * const noStreams = EndpointHooks.make("no-streams", {
 *   onStreamOpen: () => Effect.fail(new EndpointHooks.Reject({ reason: "listen only" }))
 * })
 * const chain = HookChain.make("peers").use(log).use(noStreams)
 * const drawing = Interceptor.toText(chain)
 * ```
 *
 * @since 0.1.0
 */
import type * as Pipeable from "effect/Pipeable"

import * as Composite from "../core/Composite.ts"
import type { Description } from "../core/Description.ts"
import type * as Interceptor from "../core/Interceptor.ts"
import { hasTypeId } from "../core/InterceptorKind.ts"
import type { EndpointHooks } from "./EndpointHooks.ts"
import { kind } from "./HooksValue.ts"

const TypeId = "~fairlead/endpoint/HookChain"

/**
 * A chain of hooks that needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HookChain<in out R> extends Interceptor.Described<Description>, Pipeable.Pipeable {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Adds hooks, after those declared before. */
  use<R2>(hooks: EndpointHooks<R2>): HookChain<R | R2>

  /** Adds the hooks of another chain, as if they were used here one by one. */
  append<R2>(chain: HookChain<R2>): HookChain<R | R2>
}

const Proto = Composite.prototype({ part: "endpoint", typeId: TypeId, kind, maker: "HookChain.make" }, {})

/**
 * Opens a chain.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string): HookChain<never> => Object.assign(Object.create(Proto), { name, entries: [] })

/**
 * Whether something is a hook chain.
 *
 * @category guards
 * @since 0.1.0
 */
export const isHookChain: (u: unknown) => u is HookChain<any> = hasTypeId(TypeId)
