/**
 * A long-poll session: keeps the frames for its client until a poll takes them. Internal to the channel part.
 *
 * 1. A waiting poll is answered in the turn of its first message, and at once when the session ends.
 * 2. Of two polls at once, the newer gets the messages; the older waits until its time is up.
 * 3. A poll of another node borrows the messages. They come back when that poll did not get them; until then no other poll gets any, so that the order stays.
 * 4. Frames with bytes cannot be sent to a client that polls: they are dropped, with a line of log.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Frame } from "../Payload.ts"
import type { Prepared, Receiver, Transport } from "../Transport.ts"

/** The limits of frames that wait for a poll, before the outbox of the connection takes over. */
const [maxWaiting, maxWaitingBytes] = [1000, 1024 * 1024]

const prepare = (frame: Frame): Prepared => frame

/** Messages for a poll. `settle` is called once: true when the poll has them, false when it will not get them. */
export interface Lent {
  readonly messages: ReadonlyArray<string>
  readonly settle: (isTaken: boolean) => void
}

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
  /** Messages of a loan without an end so far. */
  private lent: ReadonlyArray<string> = []
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
    if (this.hasMessages) this.wakeSoon()
  }

  ready(): boolean {
    return this.waiting.length + this.lent.length < maxWaiting && this.bytes < maxWaitingBytes
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
    const taken = Effect.map(this.lend(nowMillis, windowMillis), ({ messages, settle }) => {
      settle(true)
      return messages
    })
    // A loan that nobody settles would hold all later messages.
    return Effect.uninterruptible(taken)
  }

  /** Lends the waiting messages, or waits as `take` does. Its wait is interruptible; a caller in an uninterruptible region gets every loan that it has to settle. */
  lend(nowMillis: number, windowMillis: number): Effect.Effect<Lent> {
    return Effect.suspend(() => {
      this.lastPollMillis = nowMillis
      this.receiver?.touch()
      const first = Effect.callback<void>((resume) => {
        if (this.hasMessages || this.closed) return resume(Effect.void)
        const poll = () => resume(Effect.void)
        this.poll = poll
        return Effect.sync(() => {
          if (this.poll === poll) this.poll = undefined
        })
      })
      const waiting = Effect.timeoutOrElse(first, { duration: windowMillis, orElse: () => Effect.void })
      return Effect.uninterruptible(Effect.map(Effect.interruptible(waiting), () => this.drain()))
    })
  }

  private get hasMessages(): boolean {
    return this.waiting.length > 0 && this.lent.length === 0
  }

  private drain(): Lent {
    if (!this.hasMessages) return { messages: [], settle: () => {} }
    const messages = this.waiting
    this.waiting = []
    this.lent = messages
    return { messages, settle: (isTaken) => this.settle(messages, isTaken) }
  }

  private settle(messages: ReadonlyArray<string>, isTaken: boolean): void {
    if (this.lent !== messages) return
    this.lent = []
    if (isTaken) {
      for (const { length } of messages) this.bytes -= length
      for (const listener of this.drained.splice(0)) listener()
    } else this.waiting = [...messages, ...this.waiting]
    if (this.hasMessages) this.wakeSoon()
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
