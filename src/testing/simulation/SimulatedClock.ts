/**
 * A clock of the simulation: it goes on by itself to the next sleep when nothing else can run. Internal to the simulation kit.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as TestClock from "effect/testing/TestClock"

interface Sleep {
  readonly until: number
  readonly wake: () => void
}

/** A `TestClock` from the epoch on: `adjust` waits until the time has come. */
export class SimulatedClock implements TestClock.TestClock {
  private now = 0
  private readonly sleeps: Array<Sleep> = []
  private readonly live: Clock.Clock

  constructor(live: Clock.Clock) {
    this.live = live
  }

  /** Whole, as the milliseconds of a real clock, though a sleep may end between two of them. */
  currentTimeMillisUnsafe(): number {
    return Math.floor(this.now)
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.now * 1000)) * 1000n
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const millis = Duration.toMillis(duration)
      if (millis <= 0) return resume(Effect.void)
      const sleep: Sleep = { until: this.now + millis, wake: () => resume(Effect.void) }
      const later = this.sleeps.findIndex(({ until }) => until > sleep.until)
      this.sleeps.splice(later === -1 ? this.sleeps.length : later, 0, sleep)
      return Effect.sync(() => {
        const index = this.sleeps.indexOf(sleep)
        if (index !== -1) this.sleeps.splice(index, 1)
      })
    })
  }

  adjust(duration: Duration.Input): Effect.Effect<void> {
    return this.sleep(Duration.fromInputUnsafe(duration))
  }

  setTime(timestamp: number): Effect.Effect<void> {
    return Effect.suspend(() => this.sleep(Duration.millis(timestamp - this.now)))
  }

  withLive<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.provideService(effect, Clock.Clock, this.live)
  }

  /** Goes on to the next sleep before `limit` and wakes those who sleep until then. False when nobody does. */
  advance(limit: number): boolean {
    const [next] = this.sleeps
    if (next === undefined || next.until > limit || next.until === Infinity) return false
    this.now = next.until
    while (this.sleeps[0] !== undefined && this.sleeps[0].until <= this.now) this.sleeps.shift()!.wake()
    return true
  }
}
