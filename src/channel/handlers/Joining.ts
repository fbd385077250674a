/**
 * Tracks a socket's joins for its handlers: when one was requested, and its reply. Internal to the ready-made handlers.
 *
 * A join hook sees the request only. While a topic is being joined, the next reply on it is the answer to the join.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"

import type { OutgoingMessage } from "../ChannelHandler.ts"

/** A join that was answered. */
export interface Joined {
  readonly ok: boolean
  readonly millis: number
}

/** The joins of one socket, and its handler's context. */
export class Joins {
  /** The context of the socket's handlers: the clock, the loggers, the metrics. */
  readonly context: Context.Context<never>
  readonly since: number
  private readonly now: () => number
  private readonly asked = new Map<string, number>()
  private readonly joined = new Map<string, number>()

  constructor(context: Context.Context<never>, now: () => number) {
    this.context = context
    this.now = now
    this.since = now()
  }

  /** How long the socket is there. */
  get millis(): number {
    return this.now() - this.since
  }

  ask(topic: string): void {
    this.asked.set(topic, this.now())
  }

  /** The answer to a join, if the message is one. */
  answer({ event, kind, topic }: OutgoingMessage): Joined | undefined {
    const since = kind === "reply" ? this.asked.get(topic) : undefined
    if (since === undefined) return undefined
    this.asked.delete(topic)
    if (event === "ok") this.joined.set(topic, this.now())
    return { ok: event === "ok", millis: this.now() - since }
  }

  /** How long a channel was joined; nothing when its join was not seen to succeed. */
  leave(topic: string): number | undefined {
    const since = this.joined.get(topic)
    this.joined.delete(topic)
    return since === undefined ? undefined : this.now() - since
  }
}
