/**
 * A call to another node, as its caller follows it. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { Assembly } from "./CallMessage.ts"
import type { CalledMessage } from "./CallMessage.ts"

/** The state of a call, and the fiber that waits for its change. */
export class MadeCall {
  readonly id: string
  readonly to: string
  /** When the called node was last heard of, or the call was sent. */
  heardMillis: number
  /** Whether the called node has the whole call. */
  isReceived = false
  /** Whether the caller waits no longer for an answer. */
  isEnded = false
  answer: { readonly text: string; readonly isFinal: boolean } | undefined = undefined
  /** Whether a taken answer is the caller's. */
  isTaken: boolean | undefined = undefined
  private readonly assembly = new Assembly()
  private changes = 0
  private wake: (() => void) | undefined = undefined

  constructor(id: string, to: string, nowMillis: number) {
    this.id = id
    this.to = to
    this.heardMillis = nowMillis
  }

  /** The number of changes so far, to wait for the next one. */
  get version(): number {
    return this.changes
  }

  /** The called node has sent a message. */
  heard(message: CalledMessage, nowMillis: number): void {
    this.heardMillis = nowMillis
    this.isReceived = true
    if (message._tag === "Settled") this.isTaken = message.isTaken
    else if (message._tag === "Answer" && this.answer === undefined) {
      const text = this.assembly.add(message)
      if (text !== undefined) this.answer = { text, isFinal: message.isFinal }
    }
    this.change()
  }

  /** The caller waits no longer. */
  end(): void {
    this.isEnded = true
    this.change()
  }

  /** Waits for a change after a version, or until the time is up. */
  changed(version: number, millis: number): Effect.Effect<void> {
    const change = Effect.callback<void>((resume) => {
      if (this.changes !== version) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.wake = wake
      return Effect.sync(() => {
        if (this.wake === wake) this.wake = undefined
      })
    })
    return Effect.timeoutOrElse(change, { duration: millis, orElse: () => Effect.void })
  }

  private change(): void {
    this.changes++
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
