/**
 * Redis as a broker: a script for each publish, and a stream for each log. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Position } from "../broadcaster/Position.ts"
import type { Retention } from "../broadcaster/Retention.ts"
import type { Broker, BrokerMessage, BrokerRange, BrokerStatus } from "../nodes/Broker.ts"
import { retentionOf, textOf } from "../nodes/RetentionText.ts"
import type { Connection, ConnectionStatus } from "./Connection.ts"
import * as Scripts from "./Scripts.ts"
import { Subscriptions } from "./Subscriptions.ts"

/** The names of the keys of a topic, all in one slot. */
export class Names {
  private readonly prefix: string
  /** The last topic, since most publish to a few, and its tag. */
  private topic = ""
  private tag = "{%}"

  constructor(prefix: string) {
    this.prefix = prefix
  }

  of(topic: string, part: string): string {
    if (topic !== this.topic) {
      this.topic = topic
      // A brace in a topic would end the tag, and an empty tag has no effect.
      this.tag = `{${topic.replaceAll(/[{}%]/g, encodeURIComponent) || "%"}}`
    }
    return `${this.prefix}:${this.tag}:${part}`
  }
}

const knownOf = (known: Position | undefined): ReadonlyArray<string> => [known?.epoch ?? "", String(known?.offset ?? 0)]

const positionOf = (reply: unknown): Position | undefined => {
  if (!Array.isArray(reply)) return undefined
  const [epoch, offset] = reply as ReadonlyArray<unknown>
  return { epoch: String(epoch), offset: Number(offset) }
}

/** How often the run of a log may change while it is proved. */
const maxProofs = 3

/** The run of a log, where its server has another one. */
const unprovenRun = (reply: unknown): string | undefined =>
  Array.isArray(reply) && reply[0] === "?" ? String(reply[1]) : undefined

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
  const [epoch, offset, settings, now, rows] = reply as ReadonlyArray<unknown>
  const { mode, recoveryId, timeToLiveMillis } = retentionOf(String(settings))
  return {
    top: { epoch: String(epoch), offset: Number(offset) },
    mode,
    timeToLiveMillis,
    recoveryId,
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

  constructor(settings: RedisBrokerSettings) {
    this.settings = settings
    this.subscriptions = new Subscriptions(settings.connection, messageOf)
  }

  publish(topic: string, body: string, retention: Retention | undefined, known: Position | undefined) {
    return this.numbered(Scripts.publish, topic, [this.channel(topic), body], retention, known)
  }

  subscribe(topic: string, onMessage: (message: BrokerMessage) => void): Effect.Effect<void, unknown> {
    return this.subscriptions.add(this.channel(topic), onMessage)
  }

  unsubscribe(topic: string, onMessage: (message: BrokerMessage) => void): Effect.Effect<void> {
    return this.subscriptions.remove(this.channel(topic), onMessage)
  }

  top(topic: string, retention: Retention | undefined, known: Position | undefined) {
    return this.numbered(Scripts.top, topic, [], retention, known)
  }

  /** Runs a script on the log of a topic. A log of another run is proved first, since its end may be lost. */
  private numbered(
    script: Scripts.Script,
    topic: string,
    values: ReadonlyArray<string>,
    retention: Retention | undefined,
    known: Position | undefined
  ): Effect.Effect<Position | undefined, unknown> {
    const { connection, epoch, keepMillis } = this.settings
    const keys = this.keys(topic)
    const asked = [...values, retention === undefined ? "" : textOf(retention), epoch(), ...knownOf(known)]
    const attempt = (proof: string, tries: number): Effect.Effect<Position | undefined, unknown> =>
      Effect.flatMap(connection.run(script, keys, [...asked, proof, String(keepMillis)]), (reply) => {
        const logRun = unprovenRun(reply)
        if (logRun === undefined) return Effect.succeed(positionOf(reply))
        const isWhole = tries < maxProofs ? connection.movedWhole(keys[0]!, logRun) : Effect.succeed(false)
        return Effect.flatMap(isWhole, (whole) =>
          attempt(whole ? Scripts.proofs.whole : Scripts.proofs.lost, tries + 1)
        )
      })
    return attempt(Scripts.proofs.none, 0)
  }

  range(topic: string, after: Position | undefined, limit: number) {
    const { connection } = this.settings
    const values = [after?.epoch ?? "", String(after?.offset ?? ""), String(limit)]
    return Effect.map(connection.run(Scripts.range, this.keys(topic), values), rangeOf)
  }

  listen(listener: (status: BrokerStatus) => void): void {
    this.settings.connection.listen((status) => listener(this.statusOf(status)))
  }

  /** The status of topics, whose keys are in one slot each. */
  private statusOf(status: ConnectionStatus): BrokerStatus {
    if (status._tag === "Down") return status
    const { covers, isSameRun } = status
    if (covers === undefined) return { _tag: "Up", isSameRun }
    return { _tag: "Up", isSameRun, covers: (topic) => covers(this.channel(topic)) }
  }

  private keys(topic: string): ReadonlyArray<string> {
    const { names } = this.settings
    return [names.of(topic, "top"), names.of(topic, "log")]
  }

  private channel(topic: string): string {
    return this.settings.names.of(topic, "all")
  }
}
