/**
 * Typed definitions of channels: what a topic's members say to each other, known to server and client alike.
 *
 * 1. A definition is a class: its pattern, its parameters, what a join carries, what clients send and what the server sends, all as Schemas.
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
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import type * as T from "./ApiTypes.ts"
import { Broadcaster } from "./Broadcaster.ts"
import { compile } from "./Definition.ts"
import type { Compiled, Handlers, Implementation } from "./Definition.ts"
import type { ParamNames, Topic } from "./Pattern.ts"

export { AnyPayload, Binary } from "./Codec.ts"
export type {
  Any,
  Definition,
  Joined,
  JoinRequest,
  Later,
  Member,
  Message,
  NoReply,
  Params,
  Reason,
  Requires,
  Stop
} from "./ApiTypes.ts"
export { joined, later, noReply, stop, stopWith } from "./Answers.ts"
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
 * What implements a channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts<C extends T.Any, J, H, I, A, L> {
  /** Decides a join: gives the reply, alone or with state (`ChannelApi.joined`), or fails with the declared error. */
  readonly join: (
    request: T.JoinRequest<C>
  ) => J & T.Answers<J, T.ReplyOf<T.Join<C>> | T.Joined<T.ReplyOf<T.Join<C>>, unknown>, T.FailureOf<T.Join<C>>>
  /** Runs when the client has been told that it joined: pushes and broadcasts of the beginning. */
  readonly afterJoin?: (member: T.Member<C, T.StateOf<NoInfer<J>>>) => A & T.Answers<A, void, never>
  /** A handler for every incoming event. */
  readonly on: T.Handlers<C, T.StateOf<NoInfer<J>>, H>
  /** Changes, or with `undefined` holds back, what is broadcast, for each member. Such an event is encoded for each. */
  readonly intercept?: T.Intercepts<C, T.StateOf<NoInfer<J>>, I>
  /** Runs when the channel has ended, however it did; what it pushes is the last that the client gets. */
  readonly leave?: (member: T.Member<C, T.StateOf<NoInfer<J>>>, reason: T.Reason) => L & T.Answers<L, void, never>
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

  /** Implements the channel. What its handlers need beside the channel's own services is taken when the layer is built. */
  layer<C extends T.Any, J, H, I = {}, A = void, L = void>(
    this: C,
    implementation: Parts<C, J, H, I, A, L>
  ): Layer.Layer<
    T.ServiceOf<C>,
    never,
    | T.ServerServices<C>
    | Exclude<T.Needs<J> | T.Needs<H[keyof H]> | T.Needs<I[keyof I]> | T.Needs<A> | T.Needs<L>, T.Ambient<C>>
  >

  /** Sends an event to all members of a topic, from outside of any channel. */
  broadcast<C extends T.Any, K extends keyof T.Outgoing<C>>(
    this: C,
    params: T.Params<C>,
    event: K,
    payload: T.EventOf<C, K>
  ): Effect.Effect<void, never, Broadcaster | T.EncodingServices<C>>
}

type NoSuchParams<P extends string, D> = {
  readonly params?: {
    readonly [
      K in Exclude<D extends { readonly params: infer S } ? keyof S : never, ParamNames<P>>
    ]: "no such parameter in the pattern"
  }
}

/** Where a channel's class keeps what the engine reads. Internal to the channel part. */
export const CompiledKey: unique symbol = Symbol("fairlead/channel/CompiledKey")

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
  const statics = {
    pattern,
    definition,
    [CompiledKey]: compiled,
    topic: compiled.topic,
    layer: (handlers: Handlers) =>
      Layer.effect(
        key,
        Effect.contextWith((built: Context.Context<never>) => Effect.succeed({ compiled, handlers, built }))
      ),
    broadcast: (params: Readonly<Record<string, unknown>>, event: string, payload: unknown) =>
      Effect.gen(function* () {
        const broadcaster = yield* Broadcaster
        const encoded = yield* compiled.encode(event, payload)
        broadcaster.publish({ topic: compiled.topic(params), event, payload: encoded })
      })
  }
  // A class extends it: that is what a function is for here.
  return Object.assign(function () {}, statics) as never
}

/** The service that implements a channel. Internal to the channel part. */
export const keyOf = (compiled: Compiled): Context.Key<Implementation, Implementation> =>
  Context.Service<Implementation>(`fairlead/channel/ChannelApi/${compiled.pattern.text}`)
