/**
 * The broadcaster: the contract between the channel server and the engine that carries broadcasts, in one process or over several nodes.
 *
 * Rules for an engine:
 *
 * 1. `subscribe` ends when the subscription is active: an event published after it reaches the subscriber. It ends within the engine's own time-out, and an
 *    interruption leaves no subscription.
 * 2. `deliver` is called in one order for all subscribers of a recoverable topic, and in publishing order for each publisher of an ephemeral one. It is never called
 *    from inside another `deliver`.
 * 3. A message that cannot be delivered on a recoverable topic shows as a jump of the offset, or as another epoch. It is never silent.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

import type { ClientRequestError } from "../ClientRequestError.ts"
import type { Payload } from "../Payload.ts"
import type { Position } from "./Position.ts"
import type { Retention } from "./Retention.ts"
import type { Survey, SurveyQuestion } from "./Survey.ts"

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
 * A message as its subscribers get it. An engine makes a new one for each publish call.
 *
 * @category models
 * @since 0.1.0
 */
export class Delivery implements Message {
  readonly topic: string
  readonly event: string
  readonly payload: Payload
  /** Its place in the topic, where the topic is recoverable. */
  readonly position: Position | undefined
  /** The member that published it, if one did. */
  readonly publisher: string | undefined

  constructor({ event, payload, topic }: Message, position?: Position, publisher?: string) {
    this.topic = topic
    this.event = event
    this.payload = payload
    this.position = position
    this.publisher = publisher
  }
}

/**
 * A receiver of the messages of a topic. Its methods are called in the publisher's own turn: they must be quick.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subscriber {
  /** Unique over all nodes, so that a publisher can exclude it. */
  readonly id: string
  readonly deliver: (delivery: Delivery) => void
  /** A positioned message passed by that was not for this subscriber, or that no position fits on the wire for. */
  readonly passed?: (position: Position) => void
  /** The joined channel that it is, if it is one. */
  readonly member?: JoinedMember
}

/**
 * A member of a topic, as it is listed.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemberInfo {
  readonly id: string
  readonly topic: string
  /** The id of its socket, if a handler chose one. */
  readonly socketId: string | undefined
  readonly joinedAt: DateTime.Utc
}

/**
 * A joined channel as a subscriber.
 *
 * @category models
 * @since 0.1.0
 */
export interface JoinedMember {
  readonly info: MemberInfo
  /** Ends its channel now. */
  readonly kick: () => void
  /** Asks its client, and succeeds with the status and response of the answer. */
  readonly request: (
    event: string,
    payload: Schema.Json,
    timeout: Duration.Duration
  ) => Effect.Effect<{ readonly status: string; readonly response: Schema.Json }, ClientRequestError>
}

/**
 * Options of `publish`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PublishOptions {
  /** The member that publishes. */
  readonly publisher?: string | undefined
  /** The member that does not get it. */
  readonly except?: string | undefined
  /** The retention of the topic. Once a topic has one, it applies also where this is left out. */
  readonly retention?: Retention | undefined
}

/**
 * What follows a position.
 *
 * @category models
 * @since 0.1.0
 */
export interface Since {
  /** Whether `deliveries` are all that followed. */
  readonly complete: boolean
  /** The newest position of the topic; nothing where the topic is ephemeral. */
  readonly top: Position | undefined
  readonly deliveries: ReadonlyArray<Delivery>
}

/**
 * How an engine is. `Suspended` engines deliver nothing, and fail what is published and subscribed. Over several servers, as of a Redis Cluster, only topics
 * of unavailable servers are affected.
 *
 * @category models
 * @since 0.1.0
 */
export type Health =
  | { readonly _tag: "Connected" }
  | { readonly _tag: "Suspended"; readonly sinceMillis: number; readonly description: string }

/**
 * The engine could not publish, subscribe or read. Whether the message was published is unknown.
 *
 * @category errors
 * @since 0.1.0
 */
export class BroadcasterUnavailable extends Schema.TaggedError<BroadcasterUnavailable>(
  "fairlead/channel/BroadcasterUnavailable"
)("BroadcasterUnavailable", {
  topic: Schema.String,
  operation: Schema.Literals(["publish", "subscribe", "since", "presence", "survey"]),
  cause: Schema.optional(Schema.Defect())
}) {
  override get message() {
    const { operation } = this
    const what =
      operation === "presence" ? "read or change presence" : operation === "survey" ? "ask all nodes" : operation
    return `The broadcaster could not ${what} on "${this.topic}": watch its health, and try again`
  }
}

/**
 * Sends to topics, and delivers what is sent to their subscribers.
 *
 * @category services
 * @since 0.1.0
 */
export class Broadcaster extends Context.Service<
  Broadcaster,
  {
    /** Sends to all subscribers of a topic; its position, where the topic is recoverable. */
    readonly publish: (
      message: Message,
      options?: PublishOptions
    ) => Effect.Effect<Position | undefined, BroadcasterUnavailable>
    /** Subscribes, and succeeds when the subscription is active, with the function to end it. */
    readonly subscribe: (
      topic: string,
      subscriber: Subscriber,
      retention?: Retention
    ) => Effect.Effect<() => void, BroadcasterUnavailable>
    /** The messages after a position: at most `limit` messages. Without a position, only the newest position of the topic. */
    readonly since: (
      topic: string,
      position: Position | undefined,
      limit: number
    ) => Effect.Effect<Since, BroadcasterUnavailable>
    /** The subscribers of a topic on this node, in the order in which they subscribed. */
    readonly subscribers: (topic: string) => Iterable<Subscriber>
    /**
     * Asks the members of a topic on all nodes. A node that does not answer in time is counted as missing; the time-out of a request to clients is part of the question, and
     * comes in addition.
     */
    readonly survey: (
      topic: string,
      question: SurveyQuestion,
      timeoutMillis: number
    ) => Effect.Effect<Survey, BroadcasterUnavailable>
    /** How the engine is now, and each change of it. */
    readonly health: Stream.Stream<Health>
  }
>()("fairlead/channel/Broadcaster") {}
