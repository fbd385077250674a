/**
 * The long-poll sessions of one mount, and the messages of their clients. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { Hub } from "../engine/Hub.ts"
import type { Frame } from "../Payload.ts"
import type { Wire } from "../wire/Message.ts"
import { Undecodable } from "../wire/Message.ts"
import { batchOf } from "./Batch.ts"
import type { Session } from "./Session.ts"

/** A session and the serializer of its client. */
export interface Polled {
  readonly session: Session
  readonly wire: Wire
}

/** The limits of sessions. */
export interface SessionLimits {
  readonly windowMillis: number
  readonly maxBatch: number
  readonly onExcess: "reply" | "ignore"
  readonly maxFrameBytes: number
}

/** The outcome of a request with messages: all handled, the session has ended, or a line is neither a message nor base64. */
export type Published = "ok" | "ended" | "malformed"

/** The open sessions of a mount. */
export class Sessions {
  private readonly hub: Hub
  private readonly limits: SessionLimits
  private readonly all = new Map<string, Polled>()

  constructor(hub: Hub, limits: SessionLimits) {
    this.hub = hub
    this.limits = limits
  }

  get size(): number {
    return this.all.size
  }

  add(polled: Polled): void {
    this.all.set(polled.session.id, polled)
  }

  delete(id: string): void {
    this.all.delete(id)
  }

  find(id: string): Polled | undefined {
    return this.all.get(id)
  }

  /** Ends the sessions that nobody has polled for one and a half windows. */
  sweep(nowMillis: number): void {
    for (const { session } of this.all.values()) {
      if (session.lastPollMillis + this.limits.windowMillis * 1.5 <= nowMillis) session.close(1001)
    }
  }

  /** Hands the messages of a request to their session. */
  publish(polled: Polled, contentType: string | undefined, body: string): Published {
    const { maxBatch, maxFrameBytes } = this.limits
    const batch = batchOf(contentType, body, maxBatch)
    if (batch === undefined) return "malformed"
    for (const frame of batch.frames) {
      if (frame.length > maxFrameBytes) polled.session.close(1009)
      else polled.session.receive(frame)
      if (!polled.session.isOpen) return "ended"
    }
    for (const frame of batch.excess) this.refuse(polled, frame)
    return "ok"
  }

  private refuse({ session, wire }: Polled, frame: Frame): void {
    const { hub, limits } = this
    const message = wire.decode(frame, hub.settings.wire)
    if (message instanceof Undecodable || message.ref === null || limits.onExcess === "ignore") return
    const { joinRef, ref, topic } = message
    const reply = wire.reply(joinRef, ref, topic, "error", { reason: "batch too large" })
    if (reply !== undefined) session.write(reply)
  }
}
