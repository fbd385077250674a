/**
 * Waits until something can be done: what a queue does for items, for any condition. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/** Tells those who wait of a change. */
export class Signal {
  private readonly waiters = new Set<() => void>()

  /** How many wait or try. */
  get waiting(): number {
    return this.waiters.size
  }

  /** Whoever waits tries again, in the order of coming. It tries here and now: to wake a fiber that then goes on waiting costs a hundred times as much. */
  notify(): void {
    for (const wake of this.waiters) wake()
  }

  /** Tries, and again at each `notify`, until there is an Exit. Nothing is taken for a waiter that was interrupted. */
  until<A, E>(attempt: () => Exit.Exit<A, E> | undefined): Effect.Effect<A, E> {
    return Effect.callback<A, E>((resume) => {
      let trying = false
      let again = false
      const wake = (): void => {
        again = true
        // What an attempt takes may let others change something: then it is told while it tries.
        if (trying) return
        trying = true
        let done: Exit.Exit<A, E> | undefined
        while (again && done === undefined) {
          again = false
          done = attempt()
        }
        trying = false
        if (done === undefined) return
        this.waiters.delete(wake)
        resume(done)
      }
      this.waiters.add(wake)
      wake()
      return Effect.sync(() => this.waiters.delete(wake))
    })
  }
}
