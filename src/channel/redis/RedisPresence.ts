/**
 * Redis as a broker of presence: leases are keys that expire, and each change is a script. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import { parsePosition } from "../broadcaster/Position.ts"
import type { Position } from "../broadcaster/Position.ts"
import type { HeldEntry, HeldSnapshot, PresenceBroker, PresenceMessage } from "../nodes/PresenceBroker.ts"
import type { Connection } from "./Connection.ts"
import * as Scripts from "./PresenceScripts.ts"
import type { Names } from "./RedisBroker.ts"
import { Subscriptions } from "./Subscriptions.ts"

/** How presence over Redis runs. */
export interface RedisPresenceSettings {
  readonly connection: Connection
  readonly names: Names
  /** How a key of a lease begins. */
  readonly leases: string
  readonly leaseMillis: number
  /** How long a topic is kept after its last change, in milliseconds. */
  readonly keepMillis: number
  /** An epoch that no other has. */
  readonly epoch: () => string
}

const stored = /^(\S+) (\S+) (\d+) /

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The entry of a stored text, with its place among the others; nothing where it is not in our format. */
const entryOf = (text: string): { readonly entry: HeldEntry; readonly sequence: number } | undefined => {
  const [whole, incarnation, ref, sequence] = stored.exec(text) ?? []
  if (whole === undefined || incarnation === undefined || ref === undefined) return undefined
  const fields = jsonOf(text.slice(whole.length))
  if (!Array.isArray(fields)) return undefined
  const [id, key, previousRef, meta] = fields as ReadonlyArray<unknown>
  if (typeof id !== "string" || typeof key !== "string" || typeof meta !== "object" || meta === null) return undefined
  const entry = {
    id,
    key,
    ref,
    previousRef: typeof previousRef === "string" ? previousRef : undefined,
    meta: meta as Schema.JsonObject,
    incarnation
  }
  return { entry, sequence: Number(sequence) }
}

const change = /^([pd]) (\S+) /

const messageOf = (text: string): PresenceMessage | undefined => {
  const [whole, kind, at = ""] = change.exec(text) ?? []
  const position = parsePosition(at)
  if (whole === undefined || position === undefined) return undefined
  const rest = text.slice(whole.length)
  if (kind === "d") {
    const ids = jsonOf(rest)
    return Array.isArray(ids) ? { _tag: "Remove", position, ids: ids as ReadonlyArray<string> } : undefined
  }
  const found = entryOf(rest)
  return found === undefined ? undefined : { _tag: "Put", position, entry: found.entry }
}

/** Redis as a broker of presence. */
export class RedisPresence implements PresenceBroker {
  private readonly settings: RedisPresenceSettings
  private readonly subscriptions: Subscriptions<PresenceMessage>

  constructor(settings: RedisPresenceSettings) {
    this.settings = settings
    this.subscriptions = new Subscriptions(settings.connection, messageOf)
  }

  /** Topics in one slot are held under one lease: a script can check it in its own slot alone. */
  groupOf(topic: string): string {
    return this.settings.connection.tagOf(this.channel(topic))
  }

  lease(incarnation: string): Effect.Effect<void, unknown> {
    return Effect.asVoid(this.leased(incarnation, "SET", "1", "PX", String(this.settings.leaseMillis)))
  }

  renew(incarnation: string): Effect.Effect<boolean, unknown> {
    const renewed = this.leased(incarnation, "PEXPIRE", String(this.settings.leaseMillis))
    return Effect.map(renewed, (reply) => Number(reply) === 1)
  }

  release(incarnation: string): Effect.Effect<void, unknown> {
    return Effect.asVoid(this.leased(incarnation, "DEL"))
  }

  expired(incarnations: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> {
    // Where its server does not answer, a lease may live.
    const isExpired = (incarnation: string) =>
      Effect.match(this.leased(incarnation, "EXISTS"), {
        onFailure: () => false,
        onSuccess: (reply) => Number(reply) === 0
      })
    return Effect.filter(incarnations, isExpired, { concurrency: "unbounded" })
  }

  put(topic: string, { id, incarnation, key, meta, previousRef, ref }: HeldEntry): Effect.Effect<boolean, unknown> {
    const { connection } = this.settings
    const json = JSON.stringify([id, key, previousRef ?? null, meta])
    const values = [this.channel(topic), id, incarnation, ref, json, ...this.made]
    const put = connection.run(Scripts.put, [...this.keys(topic), this.leaseOf(incarnation)], values)
    return Effect.map(put, (reply) => Number(reply) === 1)
  }

  remove(topic: string, ids: ReadonlyArray<string>): Effect.Effect<void, unknown> {
    const { connection } = this.settings
    return Effect.asVoid(connection.run(Scripts.remove, this.keys(topic), [this.channel(topic), ...this.made, ...ids]))
  }

  list(topic: string): Effect.Effect<HeldSnapshot, unknown> {
    const { connection, leases } = this.settings
    const listed = connection.run(Scripts.list, this.keys(topic), [this.channel(topic), ...this.made, leases])
    return Effect.map(listed, (reply) => {
      const [epoch, offset, rows] = reply as readonly [string, string, ReadonlyArray<string>]
      const found = rows.flatMap((row) => entryOf(row) ?? [])
      return {
        position: { epoch, offset: Number(offset) },
        entries: found.toSorted((a, b) => a.sequence - b.sequence).map(({ entry }) => entry)
      }
    })
  }

  position(topic: string): Effect.Effect<Position | undefined, unknown> {
    const key = this.keys(topic)[1]!
    return Effect.map(this.settings.connection.command(key, ["HMGET", key, "e", "o"]), (reply) => {
      const [epoch, offset] = reply as readonly [string | null, string | null]
      return epoch === null ? undefined : { epoch, offset: Number(offset) }
    })
  }

  subscribe(topic: string, onMessage: (message: PresenceMessage) => void): Effect.Effect<void, unknown> {
    return this.subscriptions.add(this.channel(topic), onMessage)
  }

  unsubscribe(topic: string, onMessage: (message: PresenceMessage) => void): Effect.Effect<void> {
    return this.subscriptions.remove(this.channel(topic), onMessage)
  }

  private get made(): ReadonlyArray<string> {
    const { epoch, keepMillis } = this.settings
    return [epoch(), String(keepMillis)]
  }

  private keys(topic: string): ReadonlyArray<string> {
    const { names } = this.settings
    return [names.of(topic, "present"), names.of(topic, "changes")]
  }

  private channel(topic: string): string {
    return this.settings.names.of(topic, "presence")
  }

  /** Runs a command on a lease. */
  private leased(incarnation: string, name: string, ...rest: ReadonlyArray<string>) {
    const key = this.leaseOf(incarnation)
    return this.settings.connection.command(key, [name, key, ...rest])
  }

  private leaseOf(incarnation: string): string {
    return `${this.settings.leases}${incarnation}`
  }
}
