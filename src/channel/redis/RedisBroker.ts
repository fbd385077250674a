/**
 * Redis as a broker: a script for each publish, and a stream for each log. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Position } from "../broadcaster/Position.ts"
import type { Retention } from "../broadcaster/Retention.ts"
import type { Broker, BrokerMessage, BrokerRange, BrokerStatus } from "../nodes/Broker.ts"
import type { Connection } from "./Connection.ts"
import * as Scripts from "./Scripts.ts"
import { Subscriptions } from "./Subscriptions.ts"

/** The names of the keys of a topic, all in one slot. */
export class Names {
  private readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  of(topic: string, part: string): string {
    // A brace in a topic would end the tag.
    return `${this.prefix}:{${topic.replaceAll(/[{}%]/g, encodeURIComponent)}}:${part}`
  }
}

const retentionOf = (retention: Retention | undefined): ReadonlyArray<string> =>
  retention === undefined
    ? ["", "", "", ""]
    : [
        String(retention.maxMessages),
        String(retention.timeToLiveMillis),
        retention.mode,
        retention.recoveryId ? "1" : "0"
      ]

const knownOf = (known: Position | undefined): ReadonlyArray<string> => [known?.epoch ?? "", String(known?.offset ?? 0)]

const positionOf = (reply: unknown): Position | undefined => {
  if (!Array.isArray(reply)) return undefined
  const [epoch, offset] = reply as ReadonlyArray<unknown>
  return { epoch: String(epoch), offset: Number(offset) }
}

const head = /^\+([^:]{1,64}):(\d{1,15}):([01]) /

/** The message of a text that was published; nothing where it is not in our format. */
const messageOf = (text: string): BrokerMessage | undefined => {
  if (text.startsWith("-")) return { position: undefined, recoveryId: false, body: text.slice(1) }
  const [whole, epoch, offset, recovery] = head.exec(text) ?? []
  if (whole === undefined || epoch === undefined) return undefined
  return { position: { epoch, offset: Number(offset) }, recoveryId: recovery === "1", body: text.slice(whole.length) }
}

const rowOf = (row: unknown) => {
  const [id, fields] = row as readonly [string, ReadonlyArray<string>]
  const [, atMillis, , body = ""] = fields
  return { offset: Number.parseInt(id, 10), atMillis: Number(atMillis), body }
}

const rangeOf = (reply: unknown): BrokerRange | undefined => {
  if (!Array.isArray(reply)) return undefined
  const [epoch, offset, timeToLive, mode, recovery, now, rows] = reply as ReadonlyArray<unknown>
  return {
    top: { epoch: String(epoch), offset: Number(offset) },
    mode: mode === "cache" ? "cache" : "recoverable",
    timeToLiveMillis: Number(timeToLive),
    recoveryId: recovery === "1",
    nowMillis: Number(now),
    messages: (rows as ReadonlyArray<unknown>).map(rowOf)
  }
}

/** How a broker over Redis runs. */
export interface RedisBrokerSettings {
  readonly connection: Connection
  readonly names: Names
  /** How long a log is kept after its last use, in milliseconds. */
  readonly keepMillis: number
  /** An epoch that no other has. */
  readonly epoch: () => string
}

/** Redis as a broker. */
export class RedisBroker implements Broker {
  private readonly settings: RedisBrokerSettings
  private readonly subscriptions: Subscriptions<BrokerMessage>
  private readonly statusListeners: Array<(status: BrokerStatus) => void> = []
  private isUp = true
  private runId = ""

  constructor(settings: RedisBrokerSettings) {
    this.settings = settings
    this.subscriptions = new Subscriptions(settings.connection, messageOf)
  }

  publish(topic: string, body: string, retention: Retention | undefined, known: Position | undefined) {
    const { connection, epoch, keepMillis } = this.settings
    return Effect.map(
      connection.run(Scripts.publish, this.keys(topic), [
        this.channel(topic),
        body,
        ...retentionOf(retention),
        epoch(),
        ...knownOf(known),
        String(keepMillis)
      ]),
      positionOf
    )
  }

  subscribe(topic: string, onMessage: (message: BrokerMessage) => void): Effect.Effect<void, unknown> {
    return this.subscriptions.add(this.channel(topic), onMessage)
  }

  unsubscribe(topic: string, onMessage: (message: BrokerMessage) => void): Effect.Effect<void> {
    return this.subscriptions.remove(this.channel(topic), onMessage)
  }

  top(topic: string, retention: Retention | undefined, known: Position | undefined) {
    const { connection, epoch, keepMillis } = this.settings
    const values = [...retentionOf(retention), epoch(), ...knownOf(known), String(keepMillis)]
    return Effect.map(connection.run(Scripts.top, this.keys(topic), values), positionOf)
  }

  range(topic: string, after: Position | undefined, limit: number) {
    const { connection } = this.settings
    const values = [after?.epoch ?? "", String(after?.offset ?? ""), String(limit)]
    return Effect.map(connection.run(Scripts.range, this.keys(topic), values), rangeOf)
  }

  listen(listener: (status: BrokerStatus) => void): void {
    this.statusListeners.push(listener)
  }

  /** A connection has ended. */
  lost(description: string): void {
    this.change({ _tag: "Down", description })
  }

  /** Asks both connections whether they answer, and which run of the server does. */
  get probe(): Effect.Effect<void> {
    const { connection } = this.settings
    return Effect.matchEffect(Effect.andThen(connection.ping, connection.command("INFO", "replication")), {
      onFailure: (problem) => Effect.sync(() => this.change({ _tag: "Down", description: String(problem) })),
      onSuccess: (info) =>
        Effect.sync(() => {
          const [, runId = ""] = /^master_replid:(\w+)/m.exec(String(info)) ?? []
          const isSameRun = this.runId === "" || (this.runId === runId && runId !== "")
          const wasUp = this.isUp
          this.runId = runId
          if (!wasUp || !isSameRun) this.change({ _tag: "Up", isSameRun })
        })
    })
  }

  private change(status: BrokerStatus): void {
    const isUp = status._tag === "Up"
    if (!isUp && !this.isUp) return
    this.isUp = isUp
    for (const listener of this.statusListeners) listener(status)
  }

  private keys(topic: string): ReadonlyArray<string> {
    const { names } = this.settings
    return [names.of(topic, "top"), names.of(topic, "log")]
  }

  private channel(topic: string): string {
    return this.settings.names.of(topic, "all")
  }
}
