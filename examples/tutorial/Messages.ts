/** The messages of the chat: a service, its errors, and an implementation in memory. */
import { Context, Effect, Layer, Ref, Schema } from "effect"

/** One message. */
export class Message extends Schema.Class<Message>("Message")({
  id: Schema.Int,
  author: Schema.String,
  text: Schema.NonEmptyString
}) {}

/** There is no message with this id. */
export class NoMessage extends Schema.TaggedError<NoMessage>()("NoMessage", { id: Schema.Int }) {}

/** Stores and lists messages. */
export class Messages extends Context.Service<
  Messages,
  {
    readonly all: Effect.Effect<ReadonlyArray<Message>>
    readonly find: (id: number) => Effect.Effect<Message, NoMessage>
    readonly add: (author: string, text: string) => Effect.Effect<Message>
  }
>()("chat/Messages") {}

/** Messages in memory. */
export const MessagesLive = Layer.effect(
  Messages,
  Effect.map(Ref.make<ReadonlyArray<Message>>([]), (messages) => ({
    all: Ref.get(messages),
    find: (id) =>
      Effect.flatMap(Ref.get(messages), (list) => {
        const found = list.find((message) => message.id === id)
        return found === undefined ? Effect.fail(new NoMessage({ id })) : Effect.succeed(found)
      }),
    add: (author, text) =>
      Ref.modify(messages, (list) => {
        const message = new Message({ id: list.length + 1, author, text })
        return [message, [...list, message]]
      })
  }))
)
