/**
 * The messages and events that handlers see, and their decisions. Public through `ChannelHandler`.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"

import type { LeaveReason } from "./ApiTypes.ts"
import type { Payload } from "./Payload.ts"

/**
 * A join that a handler sees.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinMessage {
  readonly topic: string
  /** The pattern of the channel that the topic belongs to; nothing where no channel has it. */
  readonly pattern: string | undefined
  readonly payload: Payload
}

/**
 * An event from the client. Its topic is joined.
 *
 * @category models
 * @since 0.1.0
 */
export interface IncomingMessage {
  readonly topic: string
  /** The pattern of the channel that the topic belongs to; nothing where no channel has it. */
  readonly pattern: string | undefined
  readonly event: string
  readonly payload: Payload
  /** Whether the client can be answered. */
  readonly expectsReply: boolean
}

/**
 * A message to the client: a reply, a push, a broadcast, or the protocol's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutgoingMessage {
  readonly kind: "reply" | "push" | "broadcast"
  readonly topic: string
  /** The pattern of the channel that the topic belongs to; nothing where no channel has it. */
  readonly pattern: string | undefined
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
export interface LeaveEvent {
  readonly topic: string
  /** The pattern of the channel that the topic belongs to; nothing where no channel has it. */
  readonly pattern: string | undefined
  readonly reason: LeaveReason
}

/**
 * A socket that ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface DisconnectEvent {
  /** The WebSocket close code; 1006 when the connection was lost. */
  readonly code: number
}

/** Connect goes on, with the services that it provides. */
export interface Accept<in P> {
  readonly _tag: "Accept"
  readonly id: string | undefined
  readonly expiresAt: DateTime.DateTime.Input | undefined
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
 * Lets a socket connect, with an id for `ChannelServer.disconnect`, services for later handlers and channels, and the time at which it is closed with 1008, such as the end of its
 * token. `ChannelSocket.expireAt` changes the time of an open socket.
 *
 * @category decisions
 * @since 0.1.0
 */
export const accept = <P = never>(
  options: {
    readonly id?: string | undefined
    readonly context?: Context.Context<P>
    readonly expiresAt?: DateTime.DateTime.Input | undefined
  } = {}
): Accept<P> => ({ _tag: "Accept", id: options.id, context: options.context, expiresAt: options.expiresAt })

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
