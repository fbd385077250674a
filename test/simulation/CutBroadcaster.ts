/**
 * A broadcaster whose broker can be cut off: meanwhile it fails what is published, subscribed and read, as the contract says. Some of the messages that it reports as failed have
 * been published all the same: a publisher cannot know.
 */
import { Effect, Layer, Random, SubscriptionRef } from "effect"
import { Broadcaster } from "fairlead/channel"
import type { Presence } from "fairlead/channel"

/** The switch of one broker. */
export interface Broker {
  readonly cut: Effect.Effect<void>
  readonly mend: Effect.Effect<void>
  /** The payloads that were published while it was cut, and reached nobody. */
  readonly lost: ReadonlyArray<unknown>
  readonly layer: Layer.Layer<Broadcaster.Broadcaster | Presence.Presence>
}

/** How many of the messages that fail are delivered nevertheless. */
const shareDelivered = 0.3

export const makeBroker: Effect.Effect<Broker> = Effect.gen(function* () {
  const health = yield* SubscriptionRef.make<Broadcaster.Health>({ _tag: "Connected" })
  const lost: Array<unknown> = []
  const isCut = Effect.map(SubscriptionRef.get(health), ({ _tag }) => _tag === "Suspended")

  const cuttable = (inner: Broadcaster.Broadcaster["Service"]): Broadcaster.Broadcaster["Service"] => {
    const unlessCut = <A>(
      topic: string,
      operation: "publish" | "subscribe" | "since" | "survey",
      work: Effect.Effect<A, Broadcaster.BroadcasterUnavailable>,
      whenCut: Effect.Effect<void, Broadcaster.BroadcasterUnavailable> = Effect.void
    ) =>
      Effect.flatMap(isCut, (cut) =>
        cut ? Effect.andThen(whenCut, new Broadcaster.BroadcasterUnavailable({ topic, operation })) : work
      )
    return {
      publish: (message, options) => {
        // An engine may publish when it is called.
        const publishing = Effect.suspend(() => inner.publish(message, options))
        const either = Effect.flatMap(Random.next, (share) =>
          share < shareDelivered ? Effect.asVoid(publishing) : Effect.sync(() => void lost.push(message.payload))
        )
        return unlessCut(message.topic, "publish", publishing, either)
      },
      subscribe: (topic, subscriber, retention) =>
        unlessCut(
          topic,
          "subscribe",
          Effect.suspend(() => inner.subscribe(topic, subscriber, retention))
        ),
      since: (topic, position, limit) =>
        unlessCut(
          topic,
          "since",
          Effect.suspend(() => inner.since(topic, position, limit))
        ),
      subscribers: (topic) => inner.subscribers(topic),
      survey: (topic, question, timeoutMillis) =>
        unlessCut(
          topic,
          "survey",
          Effect.suspend(() => inner.survey(topic, question, timeoutMillis))
        ),
      health: SubscriptionRef.changes(health)
    }
  }
  return {
    cut: SubscriptionRef.set(health, { _tag: "Suspended", sinceMillis: 0, description: "the broker is cut off" }),
    mend: SubscriptionRef.set(health, { _tag: "Connected" }),
    lost,
    layer: Layer.effect(Broadcaster.Broadcaster, Effect.map(Broadcaster.Broadcaster, cuttable)).pipe(
      Layer.provideMerge(Broadcaster.layer)
    )
  }
})
