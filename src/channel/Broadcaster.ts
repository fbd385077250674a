/**
 * Broadcasts: a message to a topic reaches all members that joined it, on any socket and transport.
 *
 * **Example** (From a job, to a topic without a definition)
 *
 * ```ts
 * import { Broadcaster } from "fairlead/channel"
 *
 * const tellAll = Broadcaster.broadcast("room:7", "news", { text: "the lunch is ready" })
 * ```
 *
 * Rules:
 *
 * 1. Messages of one publisher reach one member in the order in which they were published. An ephemeral topic delivers each at most once, and keeps nothing.
 * 2. A recoverable topic (`ChannelApi.recoverable`) is a log: all members see one order, and each message has a position.
 * 3. A message is encoded once for each version of the protocol, and the same bytes are handed to every member's transport.
 * 4. A payload belongs to the broadcaster once it is published: do not change it afterwards.
 *
 * `layer` is for one process. The model is Phoenix.PubSub.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { checkOptions } from "../core/Options.ts"
import { answerOf } from "./broadcaster/Answering.ts"
import { atMostOnce } from "./broadcaster/AtMostOnce.ts"
import { Broadcaster } from "./broadcaster/Contract.ts"
import type { BroadcasterUnavailable, Delivery, Health, Message, PublishOptions } from "./broadcaster/Contract.ts"
import { MemoryEngine } from "./broadcaster/MemoryEngine.ts"
import type { Position } from "./broadcaster/Position.ts"
import type { Payload } from "./Payload.ts"
import { Presence } from "./presence/Contract.ts"
import { MemoryPresence } from "./presence/MemoryPresence.ts"

export { Broadcaster, BroadcasterUnavailable, Delivery } from "./broadcaster/Contract.ts"
export type { Health, JoinedMember, Message, PublishOptions, Since, Subscriber } from "./broadcaster/Contract.ts"
export type { Survey, SurveyAnswer, SurveyMember, SurveyQuestion, SurveyReply } from "./broadcaster/Survey.ts"
export { formatPosition, parsePosition } from "./broadcaster/Position.ts"
export type { Position } from "./broadcaster/Position.ts"

/**
 * Options of `layerMemory`: the limits over all recoverable topics.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerMemoryOptions {
  /** How many topics are kept. Beyond it, the topic that was silent for the longest is forgotten. Default: 10,000. */
  readonly maxTopics?: number
  /** How many bytes of JSON are kept. Beyond it, topics are forgotten as well. Default: 16 MiB. */
  readonly maxBytes?: number
}

const connected: Health = { _tag: "Connected" }

/**
 * The broadcaster of one process, with limits. Kept messages end with the process: a position of an earlier process is a discontinuity.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (options: LayerMemoryOptions = {}): Layer.Layer<Broadcaster | Presence> => {
  const check = checkOptions("Broadcaster.layerMemory")
  const limits = {
    maxTopics: check.integer("maxTopics", options.maxTopics ?? 10_000),
    maxBytes: check.bytes("maxBytes", options.maxBytes ?? 16 * 1024 * 1024)
  }
  return Layer.effectContext(
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.map(Random.nextIntBetween(0, 2 ** 31), (random) => {
        const reportDefect = (topic: string, defect: unknown): void => {
          const line = `A subscriber of "${topic}" threw an error; the other subscribers got the message`
          Effect.runForkWith(context)(Effect.logError(line, defect))
        }
        const epoch = random.toString(36)
        const engine = new MemoryEngine(limits, Context.get(context, Clock.Clock), epoch, reportDefect)
        const present = new MemoryPresence(epoch, reportDefect)
        const broadcaster = Context.make(Broadcaster, {
          publish: (message, options) => engine.publish(message, options),
          subscribe: (topic, subscriber, retention) => engine.subscribe(topic, subscriber, retention),
          since: (topic, position, limit) => engine.since(topic, position, limit),
          subscribers: (topic) => engine.subscribersOf(topic),
          survey: (topic, question) =>
            Effect.map(answerOf(engine.subscribersOf(topic), question), (answer) => ({
              answers: [answer],
              missing: 0
            })),
          health: Stream.concat(Stream.make(connected), Stream.never)
        })
        return Context.add(broadcaster, Presence, {
          put: (topic, entry) => present.put(topic, entry),
          remove: (topic, ids) => present.remove(topic, ids),
          list: (topic) => present.list(topic),
          watch: (topic, watcher) => present.watch(topic, watcher)
        })
      })
    )
  )
}

/**
 * The broadcaster of one process, and who is present in its topics.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Broadcaster | Presence> = layerMemory()

/**
 * Sends an event to all members of a topic, from outside of any channel. A channel class has a typed `broadcast`.
 *
 * A message that the engine could not publish is logged at Warn. `publish` fails instead.
 *
 * @category combinators
 * @since 0.1.0
 */
export const broadcast = (topic: string, event: string, payload: Payload): Effect.Effect<void, never, Broadcaster> =>
  Effect.flatMap(Broadcaster, (broadcaster) => atMostOnce(broadcaster.publish({ topic, event, payload })))

/**
 * Sends an event to all members of a topic, and succeeds with its position; nothing where the topic is ephemeral.
 *
 * @category combinators
 * @since 0.1.0
 */
export const publish = (
  message: Message,
  options?: PublishOptions
): Effect.Effect<Position | undefined, BroadcasterUnavailable, Broadcaster> =>
  Effect.flatMap(Broadcaster, (broadcaster) => broadcaster.publish(message, options))

/**
 * How the engine is now, and each change of it: for a readiness check.
 *
 * @category combinators
 * @since 0.1.0
 */
export const health: Stream.Stream<Health, never, Broadcaster> = Stream.unwrap(
  Effect.map(Broadcaster, ({ health }) => health)
)

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

let subscriptions = 0

/**
 * The messages of a topic from now on, as a stream. It is subscribed when the outer Effect ends, and until the scope closes.
 *
 * @category combinators
 * @since 0.1.0
 */
export const subscribe = (
  topic: string,
  { capacity = 256 }: SubscribeOptions = {}
): Effect.Effect<Stream.Stream<Delivery>, BroadcasterUnavailable, Broadcaster | Scope.Scope> =>
  Effect.gen(function* () {
    const broadcaster = yield* Broadcaster
    const queue = yield* Queue.sliding<Delivery>(checkOptions("Broadcaster.subscribe").integer("capacity", capacity))
    const id = `subscription-${++subscriptions}`
    yield* Effect.acquireRelease(
      // An engine may subscribe when it is called.
      Effect.suspend(() =>
        broadcaster.subscribe(topic, { id, deliver: (message) => Queue.offerUnsafe(queue, message) })
      ),
      (unsubscribe) => Effect.andThen(Effect.sync(unsubscribe), Queue.shutdown(queue))
    )
    return Stream.fromQueue(queue)
  })
