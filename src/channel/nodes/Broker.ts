/**
 * A broker that carries topics between nodes, as the engine of a node uses it. Internal to the channel part.
 *
 * Rules for a broker:
 *
 * 1. `publish` numbers a message, keeps it and publishes it in one step. Offsets of an epoch have no gap.
 * 2. `subscribe` succeeds when the subscription is active. Published messages may be lost on their way, but never overtake one another.
 * 3. A broker may lose the end of a log that it had acknowledged, as a replica that takes over. Before it then numbers or tells anything of that log, it begins a new epoch.
 * 4. Every operation ends within the broker's own time-out. An operation that failed may have taken effect.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

import type { Position } from "../broadcaster/Position.ts"
import type { Retention } from "../broadcaster/Retention.ts"

/** A published message as it arrives. */
export interface BrokerMessage {
  /** Its place in the log of its topic, if the topic has one. */
  readonly position: Position | undefined
  /** Whether its payload shows its position. */
  readonly recoveryId: boolean
  readonly body: string
}

/** A kept message. */
export interface KeptMessage {
  readonly offset: number
  readonly body: string
  readonly atMillis: number
}

/** The kept messages after a position. */
export interface BrokerRange {
  readonly top: Position
  readonly mode: Retention["mode"]
  readonly timeToLiveMillis: number
  readonly recoveryId: boolean
  readonly nowMillis: number
  readonly messages: ReadonlyArray<KeptMessage>
}

/**
 * A change of the connection to the broker: it is back, or another run of the broker answers; or it does not answer. In the same run it has lost nothing that it had acknowledged.
 *
 * Where topics are spread over several servers, `covers` holds for the topics of those that are back. A partial `Down` leaves the other topics in use.
 */
export type BrokerStatus =
  | { readonly _tag: "Up"; readonly isSameRun?: boolean; readonly covers?: (topic: string) => boolean }
  | { readonly _tag: "Down"; readonly description: string; readonly isPartial?: boolean }

/** What a node asks of a broker. */
export interface Broker {
  /** Publishes to all nodes, after it was added to the log of a topic that has one. `known` is the newest position that this node knows. */
  readonly publish: (
    topic: string,
    body: string,
    retention: Retention | undefined,
    known: Position | undefined
  ) => Effect.Effect<Position | undefined, unknown>
  readonly subscribe: (topic: string, onMessage: (message: BrokerMessage) => void) => Effect.Effect<void, unknown>
  readonly unsubscribe: (topic: string, onMessage: (message: BrokerMessage) => void) => Effect.Effect<void>
  /** The newest position of a topic's log. With a retention a missing log is made. `known` is the newest position that this node knows. */
  readonly top: (
    topic: string,
    retention: Retention | undefined,
    known: Position | undefined
  ) => Effect.Effect<Position | undefined, unknown>
  /** At most `limit` messages after a position; of a cache the last one. Nothing where the topic has no log. */
  readonly range: (
    topic: string,
    after: Position | undefined,
    limit: number
  ) => Effect.Effect<BrokerRange | undefined, unknown>
  /** Listens to changes of the connection, which is up when the broker was made. */
  readonly listen: (listener: (status: BrokerStatus) => void) => void
}
