/**
 * Broadcasts: what is sent to a topic reaches all members that joined it, on any socket and transport.
 *
 * 1. Messages of one publisher reach one member in the order in which they were sent; nothing is stored, and each is delivered at most once.
 * 2. A message is encoded once for each version of the protocol, and the same bytes are handed to every member's transport.
 * 3. What subscribes through `subscribe` gets its own bounded queue: a slow subscriber loses the oldest messages, never holds up a publisher.
 *
 * `layer` is for one process. The model is Phoenix.PubSub.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import type { Payload } from "./wire/Message.ts"

/**
 * A message to a topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  readonly topic: string
  readonly event: string
  /** JSON, or bytes. */
  readonly payload: Payload
}

/**
 * What gets the messages of a topic. It is called in the publisher's own fiber: it must be quick and must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subscriber {
  readonly deliver: (message: Message) => void
}

/**
 * What a client missed of a topic.
 *
 * @category models
 * @since 0.1.0
 */
export interface Missed {
  /** Whether `messages` are all that it missed. */
  readonly complete: boolean
  /** The newest id of the topic, if there is one. */
  readonly id: string | null
  readonly messages: ReadonlyArray<Message>
}

/**
 * Sends to topics, and hears them.
 *
 * @category services
 * @since 0.1.0
 */
export class Broadcaster extends Context.Service<
  Broadcaster,
  {
    /** Sends to all members of a topic, save one where one is given. */
    readonly publish: (message: Message, except?: Subscriber) => void
    /** Adds a member to a topic; what it gives takes it away again. */
    readonly attach: (topic: string, subscriber: Subscriber) => () => void
    /** What came behind an id, where the broadcaster keeps it (`Recovery`). */
    readonly missed?: (topic: string, id: string | null) => Missed
  }
>()("fairlead/channel/Broadcaster") {}

/**
 * The broadcaster of one process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Broadcaster> = Layer.sync(Broadcaster, () => {
  const topics = new Map<string, Set<Subscriber>>()
  return {
    publish(message, except) {
      const members = topics.get(message.topic)
      if (members === undefined) return
      for (const member of members) {
        if (member !== except) member.deliver(message)
      }
    },
    attach(topic, subscriber) {
      let members = topics.get(topic)
      if (members === undefined) topics.set(topic, (members = new Set()))
      members.add(subscriber)
      return () => {
        // The topic may have been emptied and made anew since.
        const present = topics.get(topic)
        if (present?.delete(subscriber) === true && present.size === 0) topics.delete(topic)
      }
    }
  }
})

/**
 * Sends an event to all members of a topic, from outside of any channel. For a channel that is defined, its own `broadcast` is typed.
 *
 * **Example** (From a job)
 *
 * ```ts
 * import { Broadcaster } from "fairlead/channel"
 *
 * const restarted = Broadcaster.broadcast("status:all", "restarted", { at: "noon" })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const broadcast = (topic: string, event: string, payload: Payload): Effect.Effect<void, never, Broadcaster> =>
  Effect.map(Broadcaster, (broadcaster) => broadcaster.publish({ topic, event, payload }))

/**
 * Options of `subscribe`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubscribeOptions {
  /** How many messages wait for a slow subscriber before the oldest is dropped. Default: 256. */
  readonly capacity?: number
}

/**
 * The messages of a topic from now on, as a stream. It is subscribed when the outer Effect ends, and until the scope closes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const subscribe = (
  topic: string,
  { capacity = 256 }: SubscribeOptions = {}
): Effect.Effect<Stream.Stream<Message>, never, Broadcaster | Scope.Scope> =>
  Effect.gen(function* () {
    const broadcaster = yield* Broadcaster
    const queue = yield* Queue.sliding<Message>(capacity)
    yield* Effect.acquireRelease(
      Effect.sync(() => broadcaster.attach(topic, { deliver: (message) => Queue.offerUnsafe(queue, message) })),
      (detach) => Effect.andThen(Effect.sync(detach), Queue.shutdown(queue))
    )
    return Stream.fromQueue(queue)
  })
