/**
 * The time at which a socket expires, such as that of its token. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** The longest time that a timer of JavaScript waits. */
const longest = 2 ** 31 - 1

/** Calls a function at a time that may change. */
export class Expiry {
  private readonly clock: Clock.Clock
  private readonly onExpired: () => void
  private fiber: Fiber.Fiber<void> | undefined = undefined

  constructor(clock: Clock.Clock, onExpired: () => void) {
    this.clock = clock
    this.onExpired = onExpired
  }

  /** Waits for this time in place of the one before. */
  set(atMillis: number | undefined): void {
    this.stop()
    if (atMillis === undefined) return
    const wait: Effect.Effect<void> = Effect.suspend(() => {
      const left = atMillis - this.clock.currentTimeMillisUnsafe()
      if (left > 0) return Effect.andThen(this.clock.sleep(Duration.millis(Math.min(left, longest))), wait)
      this.fiber = undefined
      return Effect.sync(this.onExpired)
    })
    this.fiber = Effect.runFork(wait)
  }

  stop(): void {
    this.fiber?.interruptUnsafe()
    this.fiber = undefined
  }
}
