/**
 * Waits until something can be done: what a queue does for items, for any condition. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/** Wakes those who wait for a change. */
export class Signal {
  private readonly waiters = new Set<() => void>()
  private version = 0

  /** Whoever waits tries again. */
  notify(): void {
    this.version++
    const waiting = [...this.waiters]
    this.waiters.clear()
    for (const wake of waiting) wake()
  }

  /** Tries, and again after each `notify`, until there is an Exit. Nothing is taken for a waiter that was interrupted. */
  until<A, E>(attempt: () => Exit.Exit<A, E> | undefined): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const done = attempt()
      if (done !== undefined) return done
      const seen = this.version
      const changed = Effect.callback<void>((resume) => {
        if (seen !== this.version) return resume(Effect.void)
        const wake = (): void => resume(Effect.void)
        this.waiters.add(wake)
        return Effect.sync(() => this.waiters.delete(wake))
      })
      return Effect.flatMap(changed, () => this.until(attempt))
    })
  }
}
