/**
 * Endpoint hooks: who decides which connections there are, before and after the handshake.
 *
 * **Example** (An allow list)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EndpointHooks } from "fairlead/endpoint"
 *
 * const friends = new Set(["aa".repeat(32)])
 *
 * const onlyFriends = EndpointHooks.make("only-friends", {
 *   afterHandshake: ({ remoteId }) =>
 *     friends.has(remoteId) ? Effect.void : Effect.fail(new EndpointHooks.Reject({ reason: "I do not know you" }))
 * })
 * ```
 *
 * Rules:
 *
 * 1. `beforeConnect` runs before a dial: a rejection means that no packet leaves. It does not run for accepted connections.
 * 2. `beforeAccept` runs when a peer wants in, before the handshake: all it can know is the address.
 * 3. `afterHandshake` runs once on each side, when the peer's id is proven and before the application has the connection. A rejection closes it; the peer,
 *    whose own connect may have succeeded, gets the code and the reason.
 * 4. `onStreamOpen` runs for each stream, whoever opens it; a rejection ends the stream, not the connection. The decision belongs to the stream: it is kept when
 *    the fiber that waits for the stream is interrupted.
 * 5. `onClose` runs when a connection whose handshake was done has ended, with its final numbers, whether the hooks had let it in or not. The `onClose` hooks of
 *    a connection run side by side.
 * 6. A hook may need a `Scope`: in `beforeConnect` and `beforeAccept` it is that of the attempt, and ends in how the attempt ends; in `afterHandshake` that of
 *    the connection; in `onStreamOpen` that of the stream. It may dial, with `Dial`; it never needs `Endpoint`, which is made with its hooks.
 *
 * Hooks run in declared order; the first rejection is the last hook that runs. Each has a time-out, 10 seconds by default, that rejects. A hook that dies rejects
 * its own connection, and is logged. The model is iroh's `EndpointHooks`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import type { BuildSite } from "../core/BuildSite.ts"
import { cast } from "../core/Composite.ts"
import type { InterceptorInfo } from "../core/Description.ts"
import type * as Interceptor from "../core/Interceptor.ts"
import { Reject } from "../core/Reject.ts"
import * as CoreService from "../core/ServiceClass.ts"
import type { ServiceOptions } from "../core/ServiceOptions.ts"
import type { Declared, Is, Yields } from "../core/Types.ts"
import type { Alpn } from "./Alpn.ts"
import type { EndpointAddr } from "./EndpointAddr.ts"
import type { ConnectionInfo, EndpointConnection } from "./EndpointConnection.ts"
import type { ConnectError } from "./EndpointError.ts"
import type { Admission, CloseInfo, DialInfo, Remote, StreamInfo } from "./HookPoints.ts"
import { hooksOf, kind } from "./HooksValue.ts"

export { Reject }
export type { Admission, CloseInfo, DialInfo, Remote, StreamInfo } from "./HookPoints.ts"

declare const TypeId: "~fairlead/endpoint/EndpointHooks"

/**
 * Hooks that need `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface EndpointHooks<out R = never> extends Interceptor.Described<InterceptorInfo> {
  readonly [TypeId]: { readonly _R: Types.Covariant<R> }
}

/**
 * Dials from within a hook: `connect` of the endpoint that the hook decides for, which runs the hooks for that connection too. A hook that dials lets its own
 * protocol pass, or it waits for itself until its time-out.
 *
 * @category services
 * @since 0.1.0
 */
export class Dial extends Context.Service<
  Dial,
  (addr: EndpointAddr, alpn: Alpn) => Effect.Effect<EndpointConnection, ConnectError, Scope.Scope>
>()("fairlead/endpoint/EndpointHooks/Dial") {}

type Or<A> = A | Yields<A>

/**
 * The hooks. Each returns a plain value, or an Effect that may fail with `Reject`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<A, B, C, S, D> {
  /** How long each of the hooks may take before it rejects. Default: 10 seconds. */
  readonly timeout?: Duration.Input
  readonly beforeConnect?: (
    dial: DialInfo
  ) => A & Is<A, Or<void>, "returns something else than nothing"> & Declared<A, Reject>
  /** Returns the decision on the peer: nothing means `accept`. A failure refuses it. */
  readonly beforeAccept?: (
    remote: Remote
  ) => B & Is<B, Or<void | Admission>, "returns neither nothing nor an admission"> & Declared<B, Reject>
  readonly afterHandshake?: (
    connection: ConnectionInfo
  ) => C & Is<C, Or<void>, "returns something else than nothing"> & Declared<C, Reject>
  readonly onStreamOpen?: (
    stream: StreamInfo,
    connection: ConnectionInfo
  ) => S & Is<S, Or<void>, "returns something else than nothing"> & Declared<S, Reject>
  readonly onClose?: (
    close: CloseInfo,
    connection: ConnectionInfo
  ) => D & Is<D, Or<void>, "returns something else than nothing"> & Declared<D, never>
}

/**
 * Makes hooks. Hooks with state are made by a function, which runs once for each endpoint: two endpoints never share it.
 *
 * **Example** (Counting, for each endpoint by itself)
 *
 * ```ts
 * import { EndpointHooks } from "fairlead/endpoint"
 *
 * const firstTen = EndpointHooks.make("first-ten", () => {
 *   let admitted = 0
 *   return { beforeAccept: () => (admitted++ < 10 ? "accept" : "refuse") }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A = void, const B = void, C = void, S = void, D = void>(
  name: string,
  hooks: Hooks<A, B, C, S, D> | ((site: BuildSite) => Hooks<A, B, C, S, D>)
): EndpointHooks<Exclude<Effect.Services<A | B | C | S | D>, Scope.Scope | Dial>> => cast(hooksOf(name, hooks))

/**
 * Whether something is endpoint hooks: a value, or a class to look up.
 *
 * @category guards
 * @since 0.1.0
 */
export const isEndpointHooks: (u: unknown) => u is EndpointHooks<any> = (u): u is EndpointHooks<any> => kind.is(u)

/**
 * The class side of class-tagged hooks: a service key, hooks, and a maker of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string>
  extends Context.ServiceClass<Self, Id, EndpointHooks>, EndpointHooks<Self> {
  /** Implements them. The services of the hooks come from the context of the layer. */
  layer<R>(hooks: EndpointHooks<R>): Layer.Layer<Self, never, R>

  /** Implements them by the result of an Effect, once. */
  layerEffect<E, R, R2>(
    hooks: Effect.Effect<EndpointHooks<R>, E, R2>
  ): Layer.Layer<Self, E, R | Exclude<R2, Scope.Scope>>
}

/**
 * Declares class-tagged hooks: hooks whose implementation is a Layer, so that a test provides another.
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
  <const Id extends string>(id: Id, options: ServiceOptions = {}): ServiceClass<Self, Id> =>
    CoreService.make(id, options, kind)
