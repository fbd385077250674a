/**
 * One piece of work at a time for each key. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"

import * as Held from "../../core/Held.ts"

interface Lock {
  readonly semaphore: Semaphore.Semaphore
  users: number
}

/** Locks by key, which are forgotten when nobody uses them. */
export class KeyedLocks {
  private readonly locks = new Map<string, Lock>()

  /** How many keys are in use. */
  get size(): number {
    return this.locks.size
  }

  /** Runs the work when all earlier work of the key has ended. */
  within<A, E, R>(key: string, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Held.during(
      () => Exit.succeed(this.take(key)),
      ({ semaphore }) => semaphore.withPermits(1)(work),
      (lock) => {
        if (--lock.users === 0) this.locks.delete(key)
      }
    )
  }

  private take(key: string): Lock {
    const lock = this.locks.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
    lock.users++
    this.locks.set(key, lock)
    return lock
  }
}
