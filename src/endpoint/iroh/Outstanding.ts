/**
 * A native call of which one is outstanding at most. Its promise cannot be aborted: what it gives when nobody waits any more is kept for whoever asks next, so that an
 * interruption loses nothing. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

import { Signal } from "../engine/Signal.ts"

/** The call. */
export class Outstanding<A, E> {
  private readonly call: () => Promise<Exit.Exit<A, E>>
  private readonly signal = new Signal()
  private calling = false
  private given: Exit.Exit<A, E> | undefined

  /** The call must not reject. */
  constructor(call: () => Promise<Exit.Exit<A, E>>) {
    this.call = call
  }

  /** Gives what the call gives, each to one taker. */
  get take(): Effect.Effect<A, E> {
    return this.signal.until(() => {
      const { given } = this
      if (given !== undefined) {
        this.given = undefined
        return given
      }
      if (!this.calling) void this.start()
      return undefined
    })
  }

  private async start(): Promise<void> {
    this.calling = true
    this.given = await this.call()
    this.calling = false
    this.signal.notify()
  }
}
