/**
 * A channel as a test's client sees it, by its definition.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import type {
  Any,
  EventOf,
  FailureOf,
  Incoming,
  Join,
  Outgoing,
  Params,
  PayloadOf,
  ReplyOf
} from "../../channel/ApiTypes.ts"
import { CompiledKey } from "../../channel/ChannelApi.ts"
import { AnyPayload } from "../../channel/Codec.ts"
import type { Compiled, CompiledMessage } from "../../channel/Definition.ts"
import type { Payload } from "../../channel/wire/Message.ts"
import * as Reserved from "../../channel/wire/Reserved.ts"
import type { ChannelEnded, MemorySocket, SocketClosed } from "./MemorySocket.ts"

/**
 * The server answered with an error that the definition does not declare, such as `unknown event` or `rate limited`. Its `response` says which.
 *
 * @category errors
 * @since 0.1.0
 */
export class ErrorReply extends Schema.TaggedError<ErrorReply>()("fairlead/testing/ErrorReply", {
  topic: Schema.String,
  event: Schema.String,
  status: Schema.String,
  response: AnyPayload
}) {
  override get message() {
    const { event, response, status, topic } = this
    return `"${event}" on "${topic}" was answered ${status}: ${JSON.stringify(response)}. Declare the error, or expect this reply`
  }
}

type EncodingOf<S> = S extends Schema.Constraint ? S["EncodingServices"] : never
type DecodingOf<S> = S extends Schema.Constraint ? S["DecodingServices"] : never
type Part<M, K extends string> = M extends { readonly [X in K]: infer S } ? S : never

/** What a client needs to send a message and to read its answer. */
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
  /** Sends an event: the declared reply, or the declared error. An event that is not answered ends at once. */
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

/** The channel `channel` of a client. Internal to the testing kits. */
export const typed = <C extends Any>(socket: MemorySocket, channel: C, params: Params<C>): TestTopic<C> => {
  const compiled = (channel as unknown as { readonly [CompiledKey]: Compiled })[CompiledKey]
  const { incoming, join } = compiled.definition
  const topic = compiled.topic(params)

  const ask = (event: string, definition: CompiledMessage, declares: boolean, value: unknown) =>
    Effect.gen(function* () {
      const payload = yield* Effect.orDie(definition.payload.encode(value))
      if (event !== Reserved.join && !definition.replies) return void socket.notify(topic, event, payload)
      const { response, status } = yield* socket.push(topic, event, payload)
      if (status === "ok") return yield* Effect.orDie(definition.reply.decode(response))
      const undeclared = () => new ErrorReply({ topic, event, status, response })
      if (!declares) return yield* undeclared()
      return yield* Effect.flatMap(Effect.mapError(definition.error.decode(response), undeclared), Effect.fail)
    })

  const out = {
    topic,
    join: (payload?: unknown) => ask(Reserved.join, compiled.join, join?.error !== undefined, payload),
    push: (event: string, payload?: unknown) =>
      ask(event, compiled.incoming.get(event)!, incoming?.[event]?.error !== undefined, payload),
    next: (event: string) =>
      Effect.flatMap(
        socket.next((message) => message.topic === topic && message.event === event),
        ({ payload }) => Effect.orDie(compiled.outgoing.get(event)!.decode(payload as Payload))
      ),
    leave: Effect.asVoid(socket.push(topic, Reserved.leave, {}))
  }
  return out as never
}
