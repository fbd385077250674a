/**
 * The answers of a channel's handlers other than a plain reply.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Joined, Later, NoReply, ReplyAs, Stop } from "./ApiTypes.ts"

class JoinedValue {
  readonly reply: unknown
  readonly state: unknown
  constructor(reply: unknown, state: unknown) {
    this.reply = reply
    this.state = state
  }
}

class LaterValue {
  readonly effect: Effect.Effect<unknown, unknown, any>
  constructor(effect: Effect.Effect<unknown, unknown, any>) {
    this.effect = effect
  }
}

class StopValue {
  readonly replies: boolean
  readonly reply: unknown
  constructor(replies: boolean, reply: unknown) {
    this.replies = replies
    this.reply = reply
  }
}

class ReplyAsValue {
  readonly status: string
  readonly reply: unknown
  constructor(status: string, reply: unknown) {
    this.status = status
    this.reply = reply
  }
}

/** Whether a reply has its own status. Internal to the channel part. */
export const isReplyAs = (value: unknown): value is ReplyAsValue => value instanceof ReplyAsValue

/** Whether a join returned state. Internal to the channel part. */
export const isJoined = (value: unknown): value is JoinedValue => value instanceof JoinedValue

/** Whether a reply comes later. Internal to the channel part. */
export const isLater = (value: unknown): value is LaterValue => value instanceof LaterValue

/** Whether no reply is to be sent. Internal to the channel part. */
export const isNoReply = (value: unknown): boolean => value === noReply

/** Whether the channel is to end. Internal to the channel part. */
export const isStop = (value: unknown): value is StopValue => value instanceof StopValue

/**
 * A join's reply, with state for as long as the channel is joined.
 *
 * @category answers
 * @since 0.1.0
 */
export const joined = <A, S>(reply: A, state: S): Joined<A, S> => new JoinedValue(reply, state) as never

/**
 * State for as long as the channel is joined, for a join without a reply.
 *
 * @category answers
 * @since 0.1.0
 */
export const state = <S>(state: S): Joined<void, S> => joined(undefined, state)

/**
 * A reply with another status than `ok`, such as `partial`. It has the schema of the event's reply.
 *
 * **Example** (A search that has more)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { ChannelApi } from "fairlead/channel"
 *
 * class Search extends ChannelApi.make("search", {
 *   incoming: { find: { payload: Schema.String, reply: Schema.Array(Schema.String) } }
 * }) {}
 *
 * const SearchLive = Search.layer({
 *   join: () => Effect.void,
 *   on: { find: (word) => Effect.succeed(ChannelApi.replyAs("partial", [word])) }
 * })
 * ```
 *
 * @category answers
 * @since 0.1.0
 */
export const replyAs = <A>(status: string, reply: A): ReplyAs<A> => new ReplyAsValue(status, reply) as never

/**
 * A reply that comes later: the Effect runs in the channel's scope, while the channel handles its next messages.
 *
 * **Example** (A slow answer)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ChannelApi } from "fairlead/channel"
 *
 * const slowEcho = (text: string) => Effect.succeed(ChannelApi.later(Effect.delay(Effect.succeed(text), "1 second")))
 * ```
 *
 * @category answers
 * @since 0.1.0
 */
export const later = <A, E, R>(effect: Effect.Effect<A, E, R>): Later<Effect.Effect<A, E, R>> =>
  new LaterValue(effect) as never

/**
 * Leaves a message without a reply, where its event has one for others: the client waits until its own time is up.
 *
 * **Example** (An acknowledgement for those who ask)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { ChannelApi } from "fairlead/channel"
 *
 * class Room extends ChannelApi.make("room:*", {
 *   incoming: { say: { payload: Schema.Struct({ ack: Schema.Boolean }), reply: Schema.Struct({}) } }
 * }) {}
 *
 * const RoomLive = Room.layer({
 *   join: () => Effect.void,
 *   on: { say: ({ ack }) => Effect.succeed(ack ? {} : ChannelApi.noReply) }
 * })
 * ```
 *
 * @category answers
 * @since 0.1.0
 */
export const noReply: NoReply = Object.freeze({}) as never

/**
 * Ends the channel without a reply: the client sees it closed for good.
 *
 * @category answers
 * @since 0.1.0
 */
export const stop: Stop<void> = new StopValue(false, undefined) as never

/**
 * Replies, and ends the channel: the client sees it closed for good.
 *
 * @category answers
 * @since 0.1.0
 */
export const stopWith = <A>(reply: A): Stop<A> => new StopValue(true, reply) as never
