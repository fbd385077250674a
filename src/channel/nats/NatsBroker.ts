/**
 * NATS as a broker: its core for ephemeral topics, and JetStream for logs. Internal to the NATS engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Position } from "../broadcaster/Position.ts"
import type { Retention } from "../broadcaster/Retention.ts"
import type { Broker, BrokerMessage, BrokerRange, BrokerStatus, KeptMessage } from "../nodes/Broker.ts"
import { retentionOf, textOf } from "../nodes/RetentionText.ts"
import type { Connection } from "./Connection.ts"
import type { JetStream } from "./JetStream.ts"
import type { Head, NumberedStream } from "./NumberedStream.ts"
import type { Subjects } from "./Subjects.ts"

/** How a broker over NATS runs. */
export interface NatsBrokerSettings {
  readonly connection: Connection
  readonly jetStream: JetStream
  readonly subjects: Subjects
  readonly logs: NumberedStream
  /** The most messages of a topic, whatever its retention. */
  readonly maxMessages: number
  readonly fork: (work: Effect.Effect<void>) => void
}

const positionOf = ({ epoch, last }: Head): Position => ({ epoch, offset: last })

/** A log is cut when it holds twice as many messages as it keeps, and never for fewer than these. */
const leastCut = 64

/** NATS as a broker. */
export class NatsBroker implements Broker {
  private readonly settings: NatsBrokerSettings
  private readonly statusListeners: Array<(status: BrokerStatus) => void> = []
  private isUp = true

  constructor(settings: NatsBrokerSettings) {
    this.settings = settings
  }

  publish(topic: string, body: string, retention: Retention | undefined, known: Position | undefined) {
    const { connection, logs, subjects } = this.settings
    return Effect.suspend((): Effect.Effect<Position | undefined, unknown> => {
      if (retention !== undefined || known !== undefined || logs.knows(topic)) {
        return this.append(topic, body, retention, known)
      }
      const unlogged = Effect.as(connection.publish(subjects.of("all", topic), body), undefined)
      if (logs.follows(topic)) return unlogged
      return Effect.flatMap(logs.head(topic), (head) =>
        head === undefined ? unlogged : this.append(topic, body, retention, known)
      )
    })
  }

  subscribe(topic: string, onMessage: (message: BrokerMessage) => void): Effect.Effect<void, unknown> {
    const { logs } = this.settings
    return logs.subscribe(
      topic,
      ({ epoch, first, settings, texts }) => {
        const { recoveryId } = retentionOf(settings)
        for (const [index, body] of texts.entries()) {
          onMessage({ position: { epoch, offset: first + index }, recoveryId, body })
        }
      },
      (body) => onMessage({ position: undefined, recoveryId: false, body })
    )
  }

  unsubscribe(topic: string): Effect.Effect<void> {
    return this.settings.logs.unsubscribe(topic)
  }

  top(topic: string, retention: Retention | undefined, known: Position | undefined) {
    return Effect.map(this.settings.logs.top(topic, retention && textOf(retention), known), (head) =>
      head === undefined ? undefined : positionOf(head)
    )
  }

  range(topic: string, after: Position | undefined, limit: number) {
    const { logs, maxMessages } = this.settings
    return Effect.gen(function* () {
      const head = yield* logs.head(topic)
      if (head === undefined) return undefined
      const top = positionOf(head)
      const retention = retentionOf(head.settings)
      const { mode, recoveryId, timeToLiveMillis } = retention
      const isAfter = after?.epoch === top.epoch && after.offset < top.offset
      const range: BrokerRange = { top, mode, recoveryId, timeToLiveMillis, nowMillis: 0, messages: [] }
      if (mode !== "cache" && !isAfter) return range
      const from = mode === "cache" ? { epoch: top.epoch, offset: top.offset - 1 } : after!
      const { messages, nowMillis } = yield* logs.read(topic, from, head)
      const oldest = Math.max(from.offset, top.offset - Math.min(retention.maxMessages, maxMessages))
      const kept = messages
        .filter(({ epoch }) => epoch === top.epoch)
        .flatMap(({ atMillis, first, texts }) =>
          texts.map((body, index): KeptMessage => ({ offset: first + index, body, atMillis }))
        )
        .filter(({ offset }) => offset > oldest)
      return { ...range, nowMillis, messages: kept.slice(0, limit) }
    })
  }

  listen(listener: (status: BrokerStatus) => void): void {
    this.statusListeners.push(listener)
  }

  /** The connection has ended, or does not answer. */
  lost(description: string): void {
    if (!this.isUp) return
    this.isUp = false
    for (const listener of this.statusListeners) listener({ _tag: "Down", description })
  }

  /** A connection is there, with all subscriptions. */
  found(isSameRun: boolean): void {
    if (this.isUp) return
    this.isUp = true
    for (const listener of this.statusListeners) listener({ _tag: "Up", isSameRun })
  }

  private append(topic: string, body: string, retention: Retention | undefined, known: Position | undefined) {
    const appended = this.settings.logs.append(topic, body, { known, settings: retention && textOf(retention) })
    return Effect.map(appended, (position) => {
      if (position === "refused") return undefined
      this.cut(topic, position.offset, retention)
      return position
    })
  }

  private cut(topic: string, offset: number, retention: Retention | undefined): void {
    const { fork, jetStream, maxMessages, subjects } = this.settings
    if (retention === undefined || retention.maxMessages >= maxMessages) return
    const keep = Math.max(retention.maxMessages, leastCut)
    if (offset % keep !== 0) return
    fork(Effect.ignoreCause(jetStream.purge(subjects.stream("log"), subjects.of("log", topic), keep)))
  }
}
