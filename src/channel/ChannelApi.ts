/**
 * Typed definitions of channels: the messages of a topic's members, known to server and client alike.
 *
 * 1. A definition is a class: its pattern, its parameters, and the messages of joins, clients and the server, all as Schemas.
 * 2. An implementation is a Layer of the class, so that a test provides another. Every incoming event has a handler; an error that the definition does
 *    not declare does not compile.
 * 3. An event with a reply is answered `ok`; one with an error only, `ok` with `{}`; one with neither is not answered, and none is
 *    that a handler answers with `ChannelApi.noReply`. A declared error is answered `error`.
 * 4. A defect ends the channel, and nothing else: the client sees `phx_error` and joins again.
 * 5. A channel handles its messages in order; channels never wait for one another.
 *
 * The model is Phoenix.Channel.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import { LayerServices } from "../core/LayerServices.ts"
import type * as T from "./ApiTypes.ts"
import { atMostOnce } from "./broadcaster/AtMostOnce.ts"
import { Broadcaster } from "./broadcaster/Contract.ts"
import type { BroadcasterUnavailable, MemberInfo } from "./broadcaster/Contract.ts"
import type { Position } from "./broadcaster/Position.ts"
import { compile, CompiledKey, keyOf } from "./Definition.ts"
import type { Handlers } from "./Definition.ts"
import type { ParamNames, Topic } from "./Pattern.ts"
import { Presence } from "./presence/Contract.ts"
import { listOf } from "./presence/Listing.ts"
import type { PresenceList } from "./presence/Listing.ts"
import type { PresenceImplementation } from "./PresenceImplementation.ts"
import { implementedPresence } from "./PresenceSettings.ts"
import type * as P from "./PresenceTypes.ts"
import { countOf, kick, membersOf, requestAll } from "./Surveying.ts"

export { AnyPayload, Binary } from "./Codec.ts"
export type {
  Any,
  Definition,
  Joined,
  JoinRequest,
  Later,
  Member,
  MemberAnswers,
  MessageSchemas,
  NoReply,
  Params,
  LeaveReason,
  ReplyAs,
  RequestOptions,
  Requires,
  Stop
} from "./ApiTypes.ts"
export type { MemberInfo } from "./broadcaster/Contract.ts"
export type { PresenceImplementation } from "./PresenceImplementation.ts"
export type { MemberPresence, PresenceOptions, PresenceSchemas } from "./PresenceTypes.ts"
export { cache, ephemeral, recoverable } from "./broadcaster/Retention.ts"
export type { CacheOptions, RecoverableOptions, Retention } from "./broadcaster/Retention.ts"
export { joined, later, noReply, replyAs, state, stop, stopWith } from "./Answers.ts"
export { ClientRequestError } from "./ClientRequestError.ts"
export { RefusalReply } from "./Refusals.ts"
export type { ParamNames, Topic } from "./Pattern.ts"

/**
 * A channel of the pattern `P`, as a service.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instance<P extends string> {
  readonly "~fairlead/channel/ChannelApi": P
}

/**
 * The handlers of a channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Implementation<C extends T.Any, J, H, I, A, L, F = void> {
  /** Decides a join: returns the reply, alone or with state (`ChannelApi.joined`), or fails with the declared error. */
  readonly join: (
    request: T.JoinRequest<C>
  ) => J & T.Answers<J, T.ReplyOf<T.Join<C>> | T.Joined<T.ReplyOf<T.Join<C>>, unknown>, T.FailureOf<T.Join<C>>>
  /** Runs after the client got the reply to its join: pushes and broadcasts of the beginning. */
  readonly afterJoin?: (member: T.Member<C, T.StateOf<NoInfer<J>>>) => A & T.Answers<A, void, never>
  /** A handler for every incoming event. */
  readonly on: T.Handlers<C, T.StateOf<NoInfer<J>>, H>
  /** Changes a broadcast, or with `undefined` holds it back, for each member. Such an event is encoded for each. */
  readonly intercept?: T.Intercepts<C, T.StateOf<NoInfer<J>>, I>
  /** Runs when the channel has ended, however it did; its pushes are the last messages to the client. */
  readonly leave?: (reason: T.LeaveReason, member: T.Member<C, T.StateOf<NoInfer<J>>>) => L & T.Answers<L, void, never>
  /** The limits of presence, and the fields that it adds to keys. */
  readonly presence?: (PresenceImplementation<C, F> & P.WithPresence<C["definition"]>) | undefined
}

/**
 * The class of a channel: its methods take the channel's own type from `this`, so that it is shown by its name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Channel<in out P extends string, in out D extends T.Definition> {
  new (_: never): Instance<P>
  readonly prototype: Instance<P>
  readonly pattern: P
  readonly definition: D

  /** The topic of these parameters. Throws when it would be read back as others. */
  topic<C extends T.Any>(this: C, params: T.Params<C>): Topic<C["pattern"]>

  /** Implements the channel. The services of its handlers, other than the channel's own, come from the context of the layer. */
  layer<C extends T.Any, J, H, I = {}, A = void, L = void, F = void>(
    this: C,
    implementation: Implementation<C, J, H, I, A, L, F>
  ): Layer.Layer<
    T.ServiceOf<C>,
    never,
    | T.ServerServices<C>
    | Exclude<T.Needs<J> | T.Needs<H[keyof H]> | T.Needs<I[keyof I]> | T.Needs<A> | T.Needs<L>, T.Ambient<C>>
    | T.Needs<F>
  >

  /** Sends an event to all members of a topic, from outside of any channel. */
  broadcast<C extends T.Any, K extends keyof T.Outgoing<C>>(
    this: C,
    params: T.Params<C>,
    event: K,
    payload: T.EventOf<C, K>
  ): Effect.Effect<void, never, Broadcaster | T.EncodingServices<C>>

  /** Sends an event to all members of a topic, and succeeds with its position; nothing where the topic is ephemeral. */
  publish<C extends T.Any, K extends keyof T.Outgoing<C>>(
    this: C,
    params: T.Params<C>,
    event: K,
    payload: T.EventOf<C, K>
  ): Effect.Effect<Position | undefined, BroadcasterUnavailable, Broadcaster | T.EncodingServices<C>>

  /** The members of a topic on all nodes, in the order in which they joined. Fails when a node does not answer within 5 seconds. */
  members<C extends T.Any>(
    this: C,
    params: T.Params<C>
  ): Effect.Effect<ReadonlyArray<MemberInfo>, BroadcasterUnavailable, Broadcaster>

  /** How many members a topic has on all nodes. Fails when a node does not answer within 5 seconds. */
  count<C extends T.Any>(this: C, params: T.Params<C>): Effect.Effect<number, BroadcasterUnavailable, Broadcaster>

  /** Asks the clients of all members of a topic, and succeeds with their answers when each has answered or its time is up: an acknowledged broadcast. Default time-out: 10 seconds. */
  request<C extends T.Any, K extends keyof T.Requests<C>>(
    this: C,
    params: T.Params<C>,
    event: K,
    payload: T.PayloadOf<T.Requests<C>[K]>,
    options?: T.RequestOptions
  ): Effect.Effect<
    T.MemberAnswers<T.ReplyOf<T.Requests<C>[K]>, T.FailureOf<T.Requests<C>[K]>>,
    BroadcasterUnavailable,
    Broadcaster | T.ServerServices<C>
  >

  /** Who is present in a topic, on all nodes. */
  presence<C extends T.Any>(
    this: C & P.WithPresence<C["definition"]>,
    params: T.Params<C>
  ): Effect.Effect<
    PresenceList<P.PresenceKey<C["definition"]>, P.PresenceMeta<C["definition"]>>,
    BroadcasterUnavailable,
    Presence | T.EncodingServices<C> | P.PresenceCodecServices<C["definition"]>
  >

  /** Ends the channel of a member on any node, also where its handler hangs: the client sees it closed for good. Whether there was such a member. */
  kick<C extends T.Any>(
    this: C,
    params: T.Params<C>,
    memberId: string
  ): Effect.Effect<boolean, BroadcasterUnavailable, Broadcaster>
}

type NoSuchParams<P extends string, D> = {
  readonly params?: {
    readonly [
      K in Exclude<D extends { readonly params: infer S } ? keyof S : never, ParamNames<P>>
    ]: "no such parameter in the pattern"
  }
}

/**
 * Defines a channel.
 *
 * **Example** (A room)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { ChannelApi } from "fairlead/channel"
 *
 * class Room extends ChannelApi.make("room:{roomId}", {
 *   params: { roomId: Schema.NumberFromString },
 *   join: { payload: Schema.Struct({ name: Schema.String }) },
 *   incoming: { say: { payload: Schema.Struct({ text: Schema.String }), reply: Schema.Struct({ length: Schema.Number }) } },
 *   outgoing: { said: Schema.Struct({ name: Schema.String, text: Schema.String }) }
 * }) {}
 *
 * const RoomLive = Room.layer({
 *   join: ({ payload }) => Effect.succeed(ChannelApi.joined(undefined, payload.name)),
 *   on: {
 *     say: ({ text }, room) =>
 *       Effect.as(room.broadcast("said", { name: room.state, text }), { length: text.length })
 *   }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const P extends string, const D extends T.Definition>(
  pattern: P,
  definition: D & NoSuchParams<P, D>
): Channel<P, D> => {
  const compiled = compile(pattern, definition)
  const key = keyOf(compiled)
  const ofSocket = (definition.requires ?? []).map(({ key }: { readonly key: string }) => key)
  const publish = (params: Readonly<Record<string, unknown>>, event: string, payload: unknown) =>
    Effect.gen(function* () {
      const broadcaster = yield* Broadcaster
      const message = { topic: compiled.topic(params), event, payload: yield* compiled.encode(event, payload) }
      return yield* broadcaster.publish(message, { retention: compiled.retention })
    })
  const statics = {
    pattern,
    definition,
    [CompiledKey]: compiled,
    topic: compiled.topic,
    layer: (handlers: Handlers) => {
      const presence = implementedPresence(compiled, handlers.presence)
      return Layer.effect(
        key,
        Effect.contextWith((built: Context.Context<never>) =>
          Effect.succeed({ compiled, handlers, built, services: new LayerServices(built, ofSocket), presence })
        )
      )
    },
    broadcast: (params: Readonly<Record<string, unknown>>, event: string, payload: unknown) =>
      atMostOnce(publish(params, event, payload)),
    publish,
    members: (params: Readonly<Record<string, unknown>>) => membersOf(compiled.topic(params)),
    count: (params: Readonly<Record<string, unknown>>) => countOf(compiled.topic(params)),
    request: (params: Readonly<Record<string, unknown>>, event: string, payload: unknown, options?: T.RequestOptions) =>
      requestAll(compiled, compiled.topic(params), event, payload, options),
    presence: (params: Readonly<Record<string, unknown>>) =>
      Effect.gen(function* () {
        const topic = compiled.topic(params)
        if (compiled.presence === undefined) return yield* Effect.die(new Error(`"${pattern}" declares no presence`))
        return yield* listOf(topic, compiled.presence, yield* (yield* Presence).list(topic))
      }),
    kick: (params: Readonly<Record<string, unknown>>, id: string) => kick(compiled.topic(params), id)
  }
  // A function, so that a class can extend it.
  return Object.assign(function () {}, statics) as never
}
