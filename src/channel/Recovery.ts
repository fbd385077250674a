/**
 * Recovery of missed broadcasts: a client that comes back gets what was sent to its topics while it was away.
 *
 * 1. Off unless this layer stands in front of the broadcaster. Then every broadcast whose payload is a JSON object carries its id in `recovery_id`; other payloads are not recovered.
 * 2. A client that wants it joins with `recover_from` in its payload: the last id it saw, or `null` the first time. Behind the reply it is pushed `recovery`, with the newest `id`
 *    and whether what follows is `complete`; then it gets what it missed, in order, and then what is new. Nothing comes twice, and nothing in between is lost.
 * 3. What is kept is bounded, by number, age, topics and bytes. A client that was away for longer, or an id of before a restart, is told that it is not `complete`: it reads anew.
 * 4. Who sent a message by `broadcastFrom` and then comes back gets it too: a new connection cannot be known for the old.
 *
 * One process only. The model is socket.io's connection state recovery; Phoenix has none.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Schema from "effect/Schema"

import { Broadcaster } from "./Broadcaster.ts"
import type { Message, Missed } from "./Broadcaster.ts"
import type { Payload } from "./wire/Message.ts"

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many broadcasts of a topic are kept. Default: 100. */
  readonly maxMessages?: number
  /** How long a broadcast is kept. Default: 2 minutes. */
  readonly maxAge?: Duration.Input
  /** Of how many topics broadcasts are kept; beyond, those of the topic that was silent for the longest are forgotten. Default: 10,000. */
  readonly maxTopics?: number
  /** How many bytes of JSON are kept in all; beyond, topics are forgotten as well. Default: 16 MiB. */
  readonly maxBytes?: number
}

interface Kept {
  readonly number: number
  readonly at: number
  readonly bytes: number
  readonly message: Message
}

interface Topic {
  /** Every broadcast of the topic with a higher number is kept. */
  floor: number
  readonly kept: Array<Kept>
}

type JsonObject = { readonly [key: string]: Schema.Json }

const isObject = (payload: Payload): payload is JsonObject =>
  typeof payload === "object" && payload !== null && !Array.isArray(payload) && !(payload instanceof Uint8Array)

const withId = (payload: JsonObject, id: Schema.Json): JsonObject => ({ ...payload, recovery_id: id })

/** Gives what a channel made of a broadcast the id of the broadcast. Internal to the channel part. */
export const sameId = (broadcast: Payload, made: Payload): Payload =>
  isObject(broadcast) && broadcast["recovery_id"] !== undefined && isObject(made)
    ? withId(made, broadcast["recovery_id"])
    : made

/** Keeps broadcasts of a process, numbered in the order in which they were sent. */
class Buffer {
  private readonly epoch: string
  private readonly clock: Clock.Clock
  private readonly limits: { readonly [K in keyof Options]-?: number }
  /** The topic that was silent for the longest is the first. */
  private readonly topics = new Map<string, Topic>()
  private count = 0
  /** The floor of topics that nothing is kept of. */
  private floor = 0
  private bytes = 0

  constructor(epoch: string, clock: Clock.Clock, limits: Buffer["limits"]) {
    this.epoch = epoch
    this.clock = clock
    this.limits = limits
  }

  /** The message with its id, kept. */
  keep(message: Message): Message {
    const { payload, topic } = message
    if (!isObject(payload)) return message
    const at = this.clock.currentTimeMillisUnsafe()
    const entry = this.topics.get(topic) ?? { floor: this.floor, kept: [] }
    const number = ++this.count
    const stamped: Message = { ...message, payload: withId(payload, this.id) }
    const bytes = JSON.stringify(stamped.payload).length
    entry.kept.push({ number, at, bytes, message: stamped })
    this.bytes += bytes
    this.topics.delete(topic)
    this.topics.set(topic, entry)
    this.trim(entry, at)
    this.forget()
    return stamped
  }

  since(topic: string, id: string | null): Missed {
    const newest = this.id
    if (id === null) return { complete: true, id: newest, messages: [] }
    const entry = this.topics.get(topic) ?? { floor: this.floor, kept: [] }
    this.trim(entry, this.clock.currentTimeMillisUnsafe())
    const [, epoch, digits] = /^([^-]*)-(\d{1,15})$/.exec(id) ?? []
    const seen = Number(digits)
    if (epoch !== this.epoch || seen > this.count || seen < entry.floor) {
      return { complete: false, id: newest, messages: [] }
    }
    const messages = entry.kept.filter(({ number }) => number > seen).map(({ message }) => message)
    return { complete: true, id: newest, messages }
  }

  private get id(): string {
    return `${this.epoch}-${this.count}`
  }

  private trim(entry: Topic, now: number): void {
    const { maxAge, maxMessages } = this.limits
    const young = entry.kept.findIndex(({ at }) => at > now - maxAge)
    const old = young === -1 ? entry.kept.length : young
    this.drop(entry, Math.max(old, entry.kept.length - maxMessages))
  }

  private drop(entry: Topic, count: number): void {
    for (const { bytes, number } of entry.kept.splice(0, count)) {
      this.bytes -= bytes
      entry.floor = number
    }
  }

  private forget(): void {
    for (const [topic, entry] of this.topics) {
      if (this.topics.size <= this.limits.maxTopics && this.bytes <= this.limits.maxBytes) return
      this.drop(entry, entry.kept.length)
      this.topics.delete(topic)
      this.floor = Math.max(this.floor, entry.floor)
    }
  }
}

/**
 * Keeps broadcasts for clients that come back: give it the broadcaster that it stands in front of.
 *
 * **Example** (In front of the broadcaster of one process)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Broadcaster, Recovery } from "fairlead/channel"
 *
 * const broadcaster = Recovery.layer({ maxMessages: 500 }).pipe(Layer.provide(Broadcaster.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Broadcaster, never, Broadcaster> =>
  Layer.effect(
    Broadcaster,
    Effect.gen(function* () {
      const below = yield* Broadcaster
      const epoch = (yield* Random.nextIntBetween(0, 2 ** 31)).toString(36)
      const buffer = new Buffer(epoch, yield* Clock.Clock, {
        maxMessages: options.maxMessages ?? 100,
        maxAge: Duration.toMillis(options.maxAge ?? "2 minutes"),
        maxTopics: options.maxTopics ?? 10_000,
        maxBytes: options.maxBytes ?? 16 * 1024 * 1024
      })
      return {
        ...below,
        publish: (message, except) => below.publish(buffer.keep(message), except),
        missed: (topic, id) => buffer.since(topic, id)
      }
    })
  )
