/**
 * Channel handlers see the raw events of every topic of a socket: connect, join, incoming, outgoing, leave and disconnect.
 *
 * 1. `connect`, `join` and `incoming` run in declared order, before the channel; the first that refuses or halts is the last that runs.
 * 2. `outgoing` runs in reverse order on each message to each socket; it is a plain function. A broadcast that it changes is encoded for each socket.
 * 3. `leave` and `disconnect` run in reverse order, of every handler, however it ended; a defect in one is logged and skips none.
 * 4. The services of `connect` are there in the hooks of the same and later handlers, and in channels that require it.
 *
 * The model is trillium-channels' `ChannelHandler`, with an answer for refusals.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import type { BuildSite } from "../core/BuildSite.ts"
import { cast } from "../core/Composite.ts"
import type * as Interceptor from "../core/Interceptor.ts"
import type { Reject } from "../core/Reject.ts"
import { make as makeServiceClass } from "../core/ServiceClass.ts"
import type { ProvidesOf, RequiresOf, ServiceOptions } from "../core/ServiceOptions.ts"
import type { Declared, Is, NoAny, Yields } from "../core/Types.ts"
import type { ChannelSocket, ConnectRequest } from "./ChannelSocket.ts"
import type {
  Accept,
  Change,
  DisconnectEvent,
  Drop,
  IncomingMessage,
  JoinMessage,
  LeaveEvent,
  OutgoingMessage,
  Reply
} from "./HandlerMessages.ts"
import type { TypeId } from "./HandlerTypeId.ts"
import { handlerKind, handlerOf } from "./HandlerValue.ts"

export { Reject } from "../core/Reject.ts"
export type { BuildSite } from "../core/BuildSite.ts"
export type { ServiceOptions } from "../core/ServiceOptions.ts"
export { accept, reply, change, drop } from "./HandlerMessages.ts"
export { rejectForGood } from "./Refusals.ts"
export type {
  JoinMessage,
  IncomingMessage,
  OutgoingMessage,
  LeaveEvent,
  DisconnectEvent,
  Accept,
  Reply,
  Change,
  Drop
} from "./HandlerMessages.ts"

/**
 * A channel handler: provides `P` to each socket, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelHandler<
  in P = never,
  out R = never
> extends Interceptor.Described<Interceptor.InterceptorInfo> {
  readonly [TypeId]: { readonly _P: Types.Contravariant<P>; readonly _R: Types.Covariant<R> }
}

/**
 * Whether something is a channel handler.
 *
 * @category guards
 * @since 0.1.0
 */
export const isChannelHandler = (u: unknown): u is ChannelHandler => handlerKind.is(u)

type Socket = ChannelSocket["Service"]
type Or<A> = A | Yields<A>
type Incoming = void | Reply | Change | Drop

type ProvidedBy<C> = (C extends Effect.Effect<infer A, any, any> ? A : C) extends infer A
  ? A extends Accept<infer P>
    ? P
    : never
  : never

/**
 * The hooks of a handler. Each returns a plain value, which is the fastest, or an Effect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<C, J, I, L, D> {
  /** Before the socket is accepted. */
  readonly connect?: (
    connect: ConnectRequest
  ) => C &
    Is<C, Or<void | Accept<never>>, "returns neither nothing nor accept(…)"> &
    Declared<C, Reject | HttpServerRespondable.Respondable>
  /** Before a topic is joined. */
  readonly join?: (
    joining: JoinMessage,
    socket: Socket
  ) => J & Is<J, Or<void>, "returns something else than nothing"> & Declared<J, Reject>
  /** Before a channel handles an event. */
  readonly incoming?: (
    message: IncomingMessage,
    socket: Socket
  ) => I & Is<I, Or<Incoming>, "returns neither nothing, nor reply, change or drop"> & Declared<I, Reject>
  /** Before a message goes to the client. */
  readonly outgoing?: (message: OutgoingMessage, socket: Socket) => void | Change | Drop
  /** When a joined channel has ended. */
  readonly leave?: (
    left: LeaveEvent,
    socket: Socket
  ) => L & Is<L, Or<void>, "returns something else than nothing"> & Declared<L, never>
  /** When the socket has ended. */
  readonly disconnect?: (
    ended: DisconnectEvent,
    socket: Socket
  ) => D & Is<D, Or<void>, "returns something else than nothing"> & Declared<D, never>
}

/**
 * Makes a channel handler. A function in place of the hooks is called once for each build of a server, so that two servers share no state.
 *
 * **Example** (Letting users in)
 *
 * ```ts
 * import { Context, Effect, Redacted } from "effect"
 * import { ChannelHandler } from "fairlead/channel"
 *
 * class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}
 *
 * const authenticate = ChannelHandler.make("authenticate", {
 *   connect: ({ token }) =>
 *     token !== undefined && Redacted.value(token) === "let me in"
 *       ? Effect.succeed(ChannelHandler.accept({ id: "user:ann", context: Context.make(CurrentUser, { name: "ann" }) }))
 *       : Effect.fail(new ChannelHandler.Reject({ reason: "unknown token" }))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C = void, J = void, I = void, L = void, D = void>(
  name: string,
  hooks: Hooks<C, J, I, L, D> | ((site: BuildSite) => Hooks<C, J, I, L, D>)
): ChannelHandler<
  ProvidedBy<C>,
  | Exclude<Effect.Services<C>, Scope.Scope>
  | Exclude<Effect.Services<J | I | L>, Scope.Scope | ChannelSocket | ProvidedBy<C>>
  | Exclude<Effect.Services<D>, ChannelSocket | ProvidedBy<C>>
> => cast(handlerOf(name, hooks))

/**
 * The class side of a class-tagged handler: a service key, a handler, and makers of layers.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceClass<Self, Id extends string, P, Q>
  extends Context.ServiceClass<Self, Id, ChannelHandler<P, Q>>, ChannelHandler<P, Self | Q> {
  /** Implements it. Further requirements of the handler are taken when the layer is built. */
  layer<R>(handler: ChannelHandler<P, R>): Layer.Layer<Self, never, Exclude<R, Q>>

  /** Implements it by the handler that an Effect makes, once. */
  layerEffect<M extends Yields<ChannelHandler<P, any>>>(
    effect: M & NoAny<M>
  ): Layer.Layer<
    Self,
    Effect.Error<M>,
    | Exclude<Effect.Services<M>, Scope.Scope>
    | (Effect.Success<M> extends ChannelHandler<any, infer R> ? Exclude<R, Q> : never)
  >
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
    options?: O
  ): ServiceClass<Self, Id, ProvidesOf<O>, RequiresOf<O>> =>
    makeServiceClass(id, options, handlerKind)
