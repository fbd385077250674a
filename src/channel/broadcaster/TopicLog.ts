/**
 * The kept events of one recoverable topic. Internal to the memory engine.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import type { Payload } from "../Payload.ts"
import { Delivery } from "./Contract.ts"
import type { Message, Since } from "./Contract.ts"
import { formatPosition } from "./Position.ts"
import type { Position } from "./Position.ts"
import type { Retention } from "./Retention.ts"

interface Kept {
  readonly atMillis: number
  readonly bytes: number
  /** Nothing for bytes: no position fits into a binary frame, so that it is unknown whether a member has seen them. */
  readonly delivery: Delivery | undefined
  readonly offset: number
}

const isObject = (payload: Payload): payload is Schema.JsonObject =>
  typeof payload === "object" && payload !== null && !Array.isArray(payload) && !(payload instanceof Uint8Array)

/** The payload with its position, where it has room for it. */
export const withRecoveryId = (payload: Payload, position: Position): Payload =>
  isObject(payload) ? Object.assign({}, payload, { recovery_id: formatPosition(position) }) : payload

/** A topic's events, numbered from 1. */
export class TopicLog {
  readonly epoch: string
  retention: Retention
  private offset = 0
  /** Every event with a higher offset is kept. */
  private floor = 0
  private kept: Array<Kept> = []

  constructor(epoch: string, retention: Retention) {
    this.epoch = epoch
    this.retention = retention
  }

  get top(): Position {
    return { epoch: this.epoch, offset: this.offset }
  }

  /** Whether it holds events. */
  get isEmpty(): boolean {
    return this.kept.length === 0
  }

  /** The message with its place, kept; and by how many bytes the log has grown. */
  append(message: Message, publisher: string | undefined, now: number): { delivery: Delivery; bytes: number } {
    const position: Position = { epoch: this.epoch, offset: ++this.offset }
    const { payload } = message
    const stamped = this.retention.recoveryId ? { ...message, payload: withRecoveryId(payload, position) } : message
    const delivery = new Delivery(stamped, position, publisher)
    const isBinary = payload instanceof Uint8Array
    const bytes = isBinary ? 0 : JSON.stringify(stamped.payload).length
    this.kept.push({ atMillis: now, bytes, offset: position.offset, delivery: isBinary ? undefined : delivery })
    return { delivery, bytes: bytes - this.trim(now) }
  }

  since(position: Position | undefined, limit: number, now: number): Since {
    this.trim(now)
    const { top } = this
    const told = (complete: boolean, kept: ReadonlyArray<Kept>): Since => {
      const deliveries = kept.flatMap(({ delivery }) => delivery ?? [])
      return complete && deliveries.length === kept.length
        ? { complete, top, deliveries }
        : { complete: false, top, deliveries: [] }
    }
    if (this.retention.mode === "cache") {
      const seen = position?.epoch === this.epoch && position.offset === this.offset
      return told(true, seen ? [] : this.kept.slice(-1))
    }
    if (position === undefined) return told(true, [])
    const { epoch, offset } = position
    if (epoch !== this.epoch || offset > this.offset || offset < this.floor) return told(false, [])
    const missed = this.kept.filter((kept) => kept.offset > offset)
    return told(missed.length <= limit, missed)
  }

  /** Forgets what is beyond its limits; how many bytes that were. */
  trim(now: number): number {
    const { maxMessages, timeToLiveMillis } = this.retention
    const young = this.kept.findIndex(({ atMillis }) => atMillis > now - timeToLiveMillis)
    const expired = young === -1 ? this.kept.length : young
    return this.forget(Math.max(expired, this.kept.length - maxMessages))
  }

  /** Forgets its oldest events; how many bytes they were. */
  forget(count = this.kept.length): number {
    let freed = 0
    for (const { bytes, offset } of this.kept.splice(0, count)) {
      freed += bytes
      this.floor = offset
    }
    return freed
  }
}
