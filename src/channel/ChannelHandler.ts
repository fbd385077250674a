/**
 * Channel handlers: what sees the raw events of every topic of a socket: connect, join, incoming, outgoing, leave and disconnect.
 *
 * 1. `connect`, `join` and `incoming` run in declared order, ahead of the channel; the first that refuses or halts is the last that runs.
 * 2. `outgoing` runs in reverse order on each message to each socket; it is a plain function. A broadcast that it changes is encoded for each socket.
 * 3. `leave` and `disconnect` run in reverse order, of every handler, however it ended; a defect in one is logged and skips none.
 * 4. What `connect` provides is there in the hooks of the same and later handlers, and in channels that require it.
 *
 * The model is trillium-channels' `ChannelHandler`, with an answer for what is refused.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"

import type { Declared, Is, Yields } from "../core/Types.ts"
import type { Reason } from "./ApiTypes.ts"
import type { ChannelSocket, Connect } from "./ChannelSocket.ts"
import type { Payload } from "./wire/Message.ts"

export { Service } from "./HandlerService.ts"
export type { ServiceClass, ServiceOptions } from "./HandlerService.ts"

const TypeId = "~fairlead/channel/ChannelHandler"

/**
 * A channel handler: provides `P` to each socket, needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChannelHandler<in P = never, out R = never> {
  readonly [TypeId]: { readonly _P: Types.Contravariant<P>; readonly _R: Types.Covariant<R> }
}

/**
 * The refusal of a connect, a join or a message, and what the client is told of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>()("fairlead/channel/Refused", {
  /** What the client is told: the `reason` of an error reply. A refused connect says it in its body only when `tell` is true. */
  reason: Schema.String,
  /** More fields of the error reply. */
  details: Schema.optional(Schema.JsonObject),
  /** The HTTP status of a refused connect. Default: 403. */
  status: Schema.optional(Schema.Int),
  /** Whether a refused connect has the reason as its body. Default: false, the body is empty. */
  tell: Schema.optional(Schema.Boolean)
}) {
  override get message() {
    return `Refused: ${this.reason}`
  }
}

/**
 * A join that a handler sees.
 *
 * @category models
 * @since 0.1.0
 */
export interface Joining {
  readonly topic: string
  readonly payload: Payload
}

/**
 * An event from the client. Its topic is joined.
 *
 * @category models
 * @since 0.1.0
 */
export interface Received {
  readonly topic: string
  readonly event: string
  readonly payload: Payload
  /** Whether the client can be answered. */
  readonly answerable: boolean
}

/**
 * A message to the client: a reply, a push, a broadcast, or the protocol's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sent {
  readonly kind: "reply" | "push" | "broadcast"
  readonly topic: string
  /** The event; of a reply its status. */
  readonly event: string
  readonly payload: Payload
}

/**
 * A channel that ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Left {
  readonly topic: string
  readonly reason: Reason
}

/**
 * A socket that ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface Disconnected {
  /** The WebSocket close code; 1006 when the connection was lost. */
  readonly code: number
}

/** Connect goes on, with what it provides. */
export interface Accept<in P> {
  readonly _tag: "Accept"
  readonly id: string | undefined
  readonly context: Context.Context<P> | undefined
}

/** Answers in place of the channel. */
export interface Reply {
  readonly _tag: "Reply"
  readonly status: string
  readonly payload: Payload
}

/** Goes on with another event or payload. */
export interface Change {
  readonly _tag: "Change"
  readonly event?: string
  readonly payload?: Payload
}

/** Goes no further. */
export interface Drop {
  readonly _tag: "Drop"
}

/**
 * Lets a socket connect, with an id that it is told apart by, and services for what comes later.
 *
 * @category decisions
 * @since 0.1.0
 */
export const accept = <P = never>(
  options: { readonly id?: string | undefined; readonly context?: Context.Context<P> } = {}
): Accept<P> => ({ _tag: "Accept", id: options.id, context: options.context })

/**
 * Answers a message in place of the channel.
 *
 * @category decisions
 * @since 0.1.0
 */
export const reply = (payload: Payload, status = "ok"): Reply => ({ _tag: "Reply", status, payload })

/**
 * Goes on with another event or payload.
 *
 * @category decisions
 * @since 0.1.0
 */
export const change = (to: { readonly event?: string; readonly payload?: Payload }): Change => ({
  _tag: "Change",
  ...to
})

/**
 * Goes no further, without a word to the client.
 *
 * @category decisions
 * @since 0.1.0
 */
export const drop: Drop = { _tag: "Drop" }

type Socket = ChannelSocket["Service"]
type Or<A> = A | Yields<A>
type Incoming = void | Reply | Change | Drop

type ProvidedBy<C> = (C extends Effect.Effect<infer A, any, any> ? A : C) extends infer A
  ? A extends Accept<infer P>
    ? P
    : never
  : never

/**
 * The hooks of a handler. Each may give a plain value, which is the fastest, or an Effect.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<C, J, I, L, D> {
  /** Before the socket is accepted. */
  readonly connect?: (
    connect: Connect
  ) => C &
    Is<C, Or<void | Accept<never>>, "gives neither nothing nor accept(…)"> &
    Declared<C, Refused | HttpServerRespondable.Respondable>
  /** Before a topic is joined. */
  readonly join?: (
    joining: Joining,
    socket: Socket
  ) => J & Is<J, Or<void>, "gives something else than nothing"> & Declared<J, Refused>
  /** Before a channel handles an event. */
  readonly incoming?: (
    message: Received,
    socket: Socket
  ) => I & Is<I, Or<Incoming>, "gives neither nothing, nor reply, change or drop"> & Declared<I, Refused>
  /** Before a message goes to the client. */
  readonly outgoing?: (message: Sent, socket: Socket) => void | Change | Drop
  /** When a joined channel has ended. */
  readonly leave?: (
    left: Left,
    socket: Socket
  ) => L & Is<L, Or<void>, "gives something else than nothing"> & Declared<L, never>
  /** When the socket has ended. */
  readonly disconnect?: (
    ended: Disconnected,
    socket: Socket
  ) => D & Is<D, Or<void>, "gives something else than nothing"> & Declared<D, never>
}

/**
 * Makes a channel handler.
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
 *       : Effect.fail(new ChannelHandler.Refused({ reason: "unknown token" }))
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <C = void, J = void, I = void, L = void, D = void>(
  name: string,
  hooks: Hooks<C, J, I, L, D>
): ChannelHandler<
  ProvidedBy<C>,
  | Exclude<Effect.Services<C>, Scope.Scope>
  | Exclude<Effect.Services<J | I | L>, Scope.Scope | ChannelSocket | ProvidedBy<C>>
  | Exclude<Effect.Services<D>, ChannelSocket | ProvidedBy<C>>
> => {
  const value: HandlerValue = { name, ...hooks }
  return value as never
}

/** A handler with its types erased. Internal to the channel part. */
export interface HandlerValue {
  readonly name: string
  readonly connect?: (connect: Connect) => unknown
  readonly join?: (joining: Joining, socket: Socket) => unknown
  readonly incoming?: (message: Received, socket: Socket) => unknown
  readonly outgoing?: (message: Sent, socket: Socket) => void | Change | Drop
  readonly leave?: (left: Left, socket: Socket) => unknown
  readonly disconnect?: (ended: Disconnected, socket: Socket) => unknown
}
