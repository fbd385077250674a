/**
 * A channel as a test's client sees it, by its definition.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

import type { Any, EventOf, FailureOf, Incoming, Join, Outgoing, PayloadOf, ReplyOf } from "../../channel/ApiTypes.ts"
import { AnyPayload } from "../../channel/Codec.ts"
import { RefusalReply } from "../../channel/Refusals.ts"
import type { ChannelEnded, SocketClosed } from "./SocketErrors.ts"

/**
 * The server answered with an error that the definition does not declare, such as `unknown event` or `rate limited`. Its `response` says which.
 *
 * @category errors
 * @since 0.1.0
 */
export class ErrorReply extends Schema.TaggedError<ErrorReply>()("ErrorReply", {
  topic: Schema.String,
  event: Schema.String,
  status: Schema.String,
  response: AnyPayload
}) {
  /** The response as the server's and the handlers' refusals have it; nothing where it is another. */
  get refusal(): RefusalReply | undefined {
    return Option.getOrUndefined(Schema.decodeUnknownOption(RefusalReply)(this.response))
  }

  override get message() {
    const { event, response, status, topic } = this
    return `"${event}" on "${topic}" was answered ${status}: ${JSON.stringify(response)}. Declare the error, or expect this reply`
  }
}

type EncodingOf<S> = S extends Schema.Constraint ? S["EncodingServices"] : never
type DecodingOf<S> = S extends Schema.Constraint ? S["DecodingServices"] : never
type Part<M, K extends string> = M extends { readonly [X in K]: infer S } ? S : never

/** The services that encode a message and decode its answer. */
type Services<M> = EncodingOf<Part<M, "payload">> | DecodingOf<Part<M, "reply" | "error">>

/** The answer to a message, as the definition says it. */
type Answer<M> = Effect.Effect<ReplyOf<M>, FailureOf<M> | ErrorReply | ChannelEnded | SocketClosed, Services<M>>

/** The payload as an argument, which a message without one does not want. */
type Argument<M> = [PayloadOf<M>] extends [void] ? readonly [] : readonly [payload: PayloadOf<M>]

/**
 * A channel by its definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestTopic<C extends Any> {
  readonly topic: string
  /** Joins it: the declared reply, or the declared error. */
  readonly join: (...payload: Argument<Join<C>>) => Answer<Join<C>>
  /** Sends an event, and returns the declared reply or fails with the declared error. An event without a declared answer returns at once. */
  readonly push: <K extends keyof Incoming<C> & string>(
    event: K,
    ...payload: Argument<Incoming<C>[K]>
  ) => Answer<Incoming<C>[K]>
  /** Takes the first message of the event that nobody took yet; it waits for one that has not come. */
  readonly next: <K extends keyof Outgoing<C> & string>(
    event: K
  ) => Effect.Effect<EventOf<C, K>, SocketClosed, DecodingOf<Outgoing<C>[K]>>
  readonly leave: Effect.Effect<void, ChannelEnded | SocketClosed>
}
