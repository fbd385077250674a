/**
 * Takes something and returns it, whatever happens in between: a slot, a trial, a place in a queue. Internal to Fairlead.
 *
 * An interruption can arrive between any two operations of a fiber. So the change of a shared state, and the registration of its undoing, are one uninterruptible
 * step: an interruption before it finds nothing taken, one after it returns it. `take` and `giveBack` are synchronous, so no other fiber sees a check without its change.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** Takes until the scope ends. `take` checks and changes in one go, and fails where there is nothing to take. */
export const scoped = <A, E>(
  take: () => Exit.Exit<A, E>,
  giveBack: (taken: A, exit: Exit.Exit<unknown, unknown>) => void
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.acquireRelease(Effect.suspend(take), (taken, exit) => Effect.sync(() => giveBack(taken, exit)))

/** Takes for as long as `use` runs. */
export const during = <A, E, B, E2, R>(
  take: () => Exit.Exit<A, E>,
  use: (taken: A) => Effect.Effect<B, E2, R>,
  giveBack: (taken: A, exit: Exit.Exit<B, E2>) => void
): Effect.Effect<B, E | E2, R> =>
  Effect.acquireUseRelease(Effect.suspend(take), use, (taken, exit) => Effect.sync(() => giveBack(taken, exit)))

interface Flight<A, E> {
  /** Those who wait. */
  readonly waiting: Set<(exit: Exit.Exit<A, E>) => void>
  fiber: Fiber.Fiber<A, E> | undefined
}

/**
 * One piece of work for a key, shared by all who wait for it. The first to come starts it, with its own services; it ends when it is done, or when the last who waits
 * for it is interrupted. Its failure is the failure of all who wait, and is not remembered.
 */
export class Flights<K, A, E = never> {
  private readonly flights = new Map<K, Flight<A, E>>()
  private readonly startImmediately: boolean

  /** Work that starts immediately runs until it first waits before anybody can join it; other work starts at the scheduler's next turn. */
  constructor({ startImmediately = false }: { readonly startImmediately?: boolean } = {}) {
    this.startImmediately = startImmediately
  }

  /** How many are under way. */
  get size(): number {
    return this.flights.size
  }

  /** Waits for the running work of `key`, or starts it. */
  join<R>(key: K, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    // The work starts in the same step in which the interruption of its waiter is registered.
    return Effect.callback((resume) => {
      const present = this.flights.get(key)
      const flight = present ?? { waiting: new Set(), fiber: undefined }
      flight.waiting.add(resume)
      if (present === undefined) this.start(key, flight, work)
      return Effect.suspend(() => this.leave(key, flight, resume))
    })
  }

  private start<R>(key: K, flight: Flight<A, E>, work: Effect.Effect<A, E, R>): void {
    this.flights.set(key, flight)
    const { context } = Fiber.getCurrent()!
    const flying = this.startImmediately ? work : Effect.andThen(Effect.yieldNow, work)
    flight.fiber = Effect.runForkWith(context as Context.Context<R>)(flying)
    // An interruption lands too.
    flight.fiber.addObserver((exit) => {
      if (this.flights.get(key) === flight) this.flights.delete(key)
      for (const resume of flight.waiting) resume(exit)
    })
  }

  private leave(key: K, flight: Flight<A, E>, resume: (exit: Exit.Exit<A, E>) => void): Effect.Effect<void> {
    flight.waiting.delete(resume)
    if (flight.waiting.size > 0 || this.flights.get(key) !== flight) return Effect.void
    // From here on a newcomer starts its own.
    this.flights.delete(key)
    return flight.fiber === undefined ? Effect.void : Fiber.interrupt(flight.fiber)
  }
}
