/**
 * The types of `ChannelApi`: the payloads, replies, errors and requirements of a definition, and the handlers of its implementation.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import type { BroadcasterUnavailable } from "./broadcaster/Contract.ts"
import type { Position } from "./broadcaster/Position.ts"
import type { Retention } from "./broadcaster/Retention.ts"
import type { ChannelSocket } from "./ChannelSocket.ts"
import type { ClientRequestError } from "./ClientRequestError.ts"
import type { ParamNames, Topic } from "./Pattern.ts"
import type { PresenceCodecServices, PresenceOfMember, PresenceSchemas } from "./PresenceTypes.ts"

/**
 * The Schemas of one event, or of the join. Everything is optional: without a payload nothing is expected, without a reply and an error none is sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface MessageSchemas {
  readonly payload?: Schema.Constraint
  readonly reply?: Schema.Constraint
  readonly error?: Schema.Constraint
}

/**
 * The definition of a channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition {
  /** Schemas of the topic's parameters, encoded as strings. A parameter without one is a string. */
  readonly params?: { readonly [name: string]: Schema.ConstraintCodec<any, string, any, any> }
  /** Services that the socket's `ChannelHandler`s must provide when it connects, such as the current user. */
  readonly requires?: ReadonlyArray<Context.Key<any, any>>
  readonly join?: MessageSchemas
  /** The events from clients. */
  readonly incoming?: { readonly [event: string]: MessageSchemas }
  /** The events that the server pushes and broadcasts. */
  readonly outgoing?: { readonly [event: string]: Schema.Constraint }
  /** The requests of the server to a client by `member.request`, with the client's answers. */
  readonly requests?: { readonly [event: string]: MessageSchemas }
  /** The events that its topics keep for members that come back: `ChannelApi.recoverable`, `ChannelApi.cache`. Default: nothing. */
  readonly retention?: Retention | undefined
  /** Who is present in its topics: the key and the meta of a present member. Default: nobody is tracked. */
  readonly presence?: PresenceSchemas | undefined
}

/**
 * Any channel definition, as a class.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any {
  new (_: never): object
  readonly prototype: object
  readonly pattern: string
  readonly definition: Definition
}

type Get<O, K extends string, D> = K extends keyof O ? (O[K] extends {} ? O[K] : D) : D
type TypeOf<S> = S extends Schema.Constraint ? S["Type"] : never
type DecodingOf<S> = S extends Schema.Constraint ? S["DecodingServices"] : never
type EncodingOf<S> = S extends Schema.Constraint ? S["EncodingServices"] : never
type Part<M, K extends string> = M extends { readonly [X in K]: infer S } ? S : never

/** The service that a channel's implementation is. */
export type ServiceOf<C extends Any> = C["prototype"]
/** The definition of a channel. */
type Def<C extends Any> = C["definition"]
/** The events that clients send. */
export type Incoming<C extends Any> = Get<Def<C>, "incoming", {}>
/** The events that the server sends. */
export type Outgoing<C extends Any> = Get<Def<C>, "outgoing", {}>
/** The requests of the server to clients. */
export type Requests<C extends Any> = Get<Def<C>, "requests", {}>
/** The Schemas of a join. */
export type Join<C extends Any> = Get<Def<C>, "join", {}>
/** The payload of a message. */
export type PayloadOf<M> = M extends { readonly payload: infer S } ? TypeOf<S> : void
/** The reply to a message. */
export type ReplyOf<M> = M extends { readonly reply: infer S } ? TypeOf<S> : void
/** The declared error of a message. */
export type FailureOf<M> = M extends { readonly error: infer S } ? TypeOf<S> : never
/** The payload of an outgoing event. */
export type EventOf<C extends Any, K extends keyof Outgoing<C>> = TypeOf<Outgoing<C>[K]>

/** The decoded parameters of a topic. */
export type Params<C extends Any> = {
  readonly [K in ParamNames<C["pattern"]>]: Get<Def<C>, "params", {}> extends { readonly [X in K]: infer S }
    ? TypeOf<S>
    : string
}

/** The services that the socket provides. */
export type Requires<C extends Any> =
  Get<Def<C>, "requires", readonly []> extends ReadonlyArray<infer K>
    ? K extends Context.Key<infer I, any>
      ? I
      : never
    : never

/** The services of every channel: its scope, its socket, and those that its socket's handlers provided. */
export type Ambient<C extends Any> = Scope.Scope | ChannelSocket | Requires<C>

type ParamSchemas<D> = Get<D, "params", {}>[keyof Get<D, "params", {}>]
type Asked<C extends Any> = Requests<C>[keyof Requests<C>]
type Messages<C extends Any> = Join<C> | Incoming<C>[keyof Incoming<C>]

/** The services that encode the server's messages. */
export type EncodingServices<C extends Any> = EncodingOf<Outgoing<C>[keyof Outgoing<C>] | ParamSchemas<Def<C>>>

/** The services that decode the client's messages and encode the answers. */
export type ServerServices<C extends Any> =
  | DecodingOf<Part<Messages<C>, "payload"> | ParamSchemas<Def<C>>>
  | EncodingOf<Part<Messages<C>, "reply" | "error"> | Part<Asked<C>, "payload">>
  | DecodingOf<Part<Asked<C>, "reply" | "error">>
  | EncodingServices<C>
  | PresenceCodecServices<Def<C>>

/**
 * A join before its decision.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinRequest<C extends Any> {
  readonly topic: Topic<C["pattern"]>
  readonly params: Params<C>
  readonly payload: PayloadOf<Join<C>>
}

/**
 * A joined channel of one socket, by which its handlers act.
 *
 * @category models
 * @since 0.1.0
 */
export interface Member<C extends Any, out S> {
  /** Unique over all members. */
  readonly id: string
  readonly topic: Topic<C["pattern"]>
  readonly params: Params<C>
  /** The state that the join returned by `ChannelApi.joined`. */
  readonly state: S
  /** Sends an event to this member alone. */
  push<K extends keyof Outgoing<C>>(event: K, payload: EventOf<C, K>): Effect.Effect<void>
  /** Sends an event to all members of the topic, this one too. */
  broadcast<K extends keyof Outgoing<C>>(event: K, payload: EventOf<C, K>): Effect.Effect<void>
  /** Sends an event to all other members of the topic. */
  broadcastFrom<K extends keyof Outgoing<C>>(event: K, payload: EventOf<C, K>): Effect.Effect<void>
  /** Sends an event to all members of the topic, and succeeds with its position; nothing where the topic is ephemeral. */
  publish<K extends keyof Outgoing<C>>(
    event: K,
    payload: EventOf<C, K>
  ): Effect.Effect<Position | undefined, BroadcasterUnavailable>
  /** Asks the client, and succeeds with its answer. Default time-out: 10 seconds. */
  request<K extends keyof Requests<C>>(
    event: K,
    payload: PayloadOf<Requests<C>[K]>,
    options?: RequestOptions
  ): Effect.Effect<ReplyOf<Requests<C>[K]>, FailureOf<Requests<C>[K]> | ClientRequestError>
  /** Ends the channel after the current message; the client sees it closed for good. */
  readonly stop: Effect.Effect<void>
  /** Tracks this member, and lists who is present, where the definition declares `presence`. */
  readonly presence: PresenceOfMember<Def<C>>
}

/**
 * Options of `member.request`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestOptions {
  /** How long the client may take. Default: 10 seconds. */
  readonly timeout?: Duration.Input
}

/**
 * The answers of the members of a topic to a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemberAnswers<out A, out E> {
  /** The answer of each member that was joined when its node was asked: its reply, its declared error, or why there is no answer. */
  readonly answers: ReadonlyArray<{
    readonly member: string
    readonly result: Result.Result<A, E | ClientRequestError>
  }>
  /** How many nodes did not answer: their members are not among the answers. */
  readonly missingNodes: number
}

/**
 * Why a channel ended: the client left, joined again, or is gone; the channel stopped or crashed; the server shuts down.
 *
 * @category models
 * @since 0.1.0
 */
export type LeaveReason = "left" | "replaced" | "disconnected" | "stopped" | "crashed" | "shutdown"

declare const JoinedId: unique symbol
declare const LaterId: unique symbol
declare const StopId: unique symbol
declare const NoReplyId: unique symbol
declare const ReplyAsId: unique symbol

/** A join's reply with state for as long as the channel is joined. */
export interface Joined<out A, out S> {
  readonly [JoinedId]: true
  readonly reply: A
  readonly state: S
}

/** A reply that comes later, while the channel goes on. */
export interface Later<out A> {
  readonly [LaterId]: A
}

/** A reply with another status than `ok`. */
export interface ReplyAs<out A> {
  readonly [ReplyAsId]: A
}

/** No reply to this one message. */
export interface NoReply {
  readonly [NoReplyId]: true
}

/** A last reply, or none, after which the channel ends. */
export interface Stop<out A> {
  readonly [StopId]: A
}

/** The state that a join returned. */
export type StateOf<J> =
  J extends Effect.Effect<infer A, any, any> ? (A extends Joined<any, infer S> ? S : undefined) : undefined

/** The answers of a handler to a message `M`. */
type Answer<M> =
  | ReplyOf<M>
  | ReplyAs<ReplyOf<M>>
  | Later<Effect.Effect<ReplyOf<M>, FailureOf<M>, any>>
  | NoReply
  | Stop<ReplyOf<M>>
  | Stop<void>

type IsAny<A> = 0 extends 1 & A ? true : false

/** `unknown` when a handler's return value is right: its reply, no error outside of the definition, and no `any` that hides one. */
export type Answers<A, Success, E> =
  IsAny<A> extends true
    ? { readonly "the result is any": never }
    : [A] extends [Effect.Effect<infer A1, infer E1, infer R1>]
      ? IsAny<E1> extends true
        ? { readonly "the error type is any: errors would be lost": never }
        : IsAny<R1> extends true
          ? { readonly "the requirements are any: services would be lost": never }
          : [E1] extends [E]
            ? [A1] extends [Success]
              ? LaterErrors<A1, E>
              : { readonly "wrong reply": A1; readonly expected: Success }
            : { readonly "undeclared error": Exclude<E1, E> }
      : { readonly "not an Effect": A }

type LaterErrors<A1, E> =
  Extract<A1, Later<any>> extends Later<infer L>
    ? IsAny<Effect.Error<L>> extends true
      ? { readonly "the error type is any: errors would be lost": never }
      : IsAny<Effect.Services<L>> extends true
        ? { readonly "the requirements are any: services would be lost": never }
        : [Effect.Error<L>] extends [E]
          ? unknown
          : { readonly "undeclared error": Exclude<Effect.Error<L>, E> }
    : unknown

type LaterServices<A> =
  A extends Effect.Effect<infer A1, any, any>
    ? Extract<A1, Later<any>> extends Later<infer L>
      ? Effect.Services<L>
      : never
    : never

/** The services of a handler's Effect, and of a later reply's. */
export type Needs<A> = Effect.Services<A> | LaterServices<A>

/**
 * The handlers of the incoming events: `H` maps events to the return values of their handlers. The first part infers it, the second demands every event
 * and checks its answer, the third refuses others.
 */
export type Handlers<C extends Any, S, H> = {
  readonly [K in keyof H]: (
    payload: K extends keyof Incoming<C> ? PayloadOf<Incoming<C>[K]> : never,
    member: Member<C, S>
  ) => H[K]
} & {
  readonly [K in keyof Incoming<C>]: (
    payload: PayloadOf<Incoming<C>[K]>,
    member: Member<C, S>
  ) => K extends keyof H ? Answers<H[K], Answer<Incoming<C>[K]>, FailureOf<Incoming<C>[K]>> : unknown
} & { readonly [K in Exclude<keyof H, keyof Incoming<C>>]: `no incoming event ${K & string}` }

/**
 * Changes outgoing broadcasts for each member: returns the payload to send, or nothing to send none.
 */
export type Intercepts<C extends Any, S, I> = {
  readonly [K in keyof I]: (payload: K extends keyof Outgoing<C> ? EventOf<C, K> : never, member: Member<C, S>) => I[K]
} & {
  readonly [K in keyof Outgoing<C>]?: (
    payload: EventOf<C, K>,
    member: Member<C, S>
  ) => K extends keyof I ? Answers<I[K], EventOf<C, K> | undefined, never> : unknown
} & { readonly [K in Exclude<keyof I, keyof Outgoing<C>>]: `no outgoing event ${K & string}` }
