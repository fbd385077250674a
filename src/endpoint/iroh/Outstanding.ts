/**
 * Native calls whose promises cannot be aborted: what one gives when nobody waits any more is kept for whoever asks next, so that an interruption loses nothing. One is
 * outstanding at most, for what comes in an order; or one for each who waits. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

import { Signal } from "../engine/Signal.ts"

/** The calls. */
export class Outstanding<A, E> {
  private readonly call: () => Promise<Exit.Exit<A, E>>
  private readonly most: number
  private readonly signal = new Signal()
  private readonly given: Array<Exit.Exit<A, E>> = []
  private calling = 0

  /** The call must not reject. */
  constructor(call: () => Promise<Exit.Exit<A, E>>, most: "one" | "each") {
    this.call = call
    this.most = most === "one" ? 1 : Infinity
  }

  /** Gives what the calls give, each to one taker. */
  get take(): Effect.Effect<A, E> {
    return this.signal.until(() => {
      const given = this.given.shift()
      if (given === undefined && this.calling < Math.min(this.most, this.signal.waiting)) void this.start()
      return given
    })
  }

  private async start(): Promise<void> {
    this.calling++
    const given = await this.call()
    this.calling--
    this.given.push(given)
    this.signal.notify()
  }
}
