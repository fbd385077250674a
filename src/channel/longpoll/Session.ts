/**
 * A long-poll session: keeps the frames for its client until a poll takes them. Internal to the channel part.
 *
 * 1. A waiting poll is answered in the turn of its first message, and at once when the session ends.
 * 2. Of two polls at once, the newer gets the messages; the older waits until its time is up.
 * 3. Frames with bytes cannot be sent to a client that polls: they are dropped, with a line of log.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Frame } from "../Payload.ts"
import type { Prepared, Receiver, Transport } from "../Transport.ts"

/** The limits of frames that wait for a poll, before the outbox of the connection takes over. */
const [maxWaiting, maxWaitingBytes] = [1000, 1024 * 1024]

const prepare = (frame: Frame): Prepared => frame

/** A client that polls. */
export class Session implements Transport {
  readonly id: string
  readonly prepare = prepare
  lastPollMillis: number
  private readonly onBinary: () => void
  private readonly onEnd: () => void
  private receiver: Receiver | undefined = undefined
  private waiting: Array<string> = []
  private bytes = 0
  private poll: (() => void) | undefined = undefined
  private drained: Array<() => void> = []
  private waking = false
  private closed = false

  constructor(id: string, nowMillis: number, onBinary: () => void, onEnd: () => void) {
    this.id = id
    this.lastPollMillis = nowMillis
    this.onBinary = onBinary
    this.onEnd = onEnd
  }

  get isOpen(): boolean {
    return !this.closed
  }

  /** Begins to receive. */
  open(receiver: Receiver): void {
    this.receiver = receiver
  }

  receive(frame: Frame): void {
    this.receiver?.receive(frame)
  }

  write(prepared: Prepared): void {
    if (this.closed) return
    if (typeof prepared !== "string") return this.onBinary()
    this.waiting.push(prepared)
    this.bytes += prepared.length
    this.wakeSoon()
  }

  ready(): boolean {
    return this.waiting.length < maxWaiting && this.bytes < maxWaitingBytes
  }

  onDrain(listener: () => void): void {
    this.drained.push(listener)
  }

  close(code: number): void {
    if (this.closed) return
    this.closed = true
    this.wake()
    this.receiver?.closed(code)
    this.onEnd()
  }

  /** Takes the waiting messages, or waits for the first ones; returns an empty list at the end of the window. */
  take(nowMillis: number, windowMillis: number): Effect.Effect<ReadonlyArray<string>> {
    this.lastPollMillis = nowMillis
    this.receiver?.touch()
    const first = Effect.callback<void>((resume) => {
      if (this.waiting.length > 0 || this.closed) return resume(Effect.void)
      const poll = () => resume(Effect.void)
      this.poll = poll
      return Effect.sync(() => {
        if (this.poll === poll) this.poll = undefined
      })
    })
    return Effect.map(Effect.timeoutOrElse(first, { duration: windowMillis, orElse: () => Effect.void }), () =>
      this.drain()
    )
  }

  private drain(): ReadonlyArray<string> {
    const { waiting } = this
    this.waiting = []
    this.bytes = 0
    for (const listener of this.drained.splice(0)) listener()
    return waiting
  }

  private wakeSoon(): void {
    if (this.waking || this.poll === undefined) return
    this.waking = true
    queueMicrotask(() => {
      this.waking = false
      this.wake()
    })
  }

  private wake(): void {
    const { poll } = this
    this.poll = undefined
    poll?.()
  }
}
