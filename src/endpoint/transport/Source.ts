/**
 * Something that fibers wait for and take: streams, bytes, datagrams. Taking and keeping are one step, so that nothing is left that belongs to nobody. Internal to
 * the endpoint part.
 *
 * 1. `poll` takes, in the fiber of the taker; where the value is kept, in an uninterruptible region in which `keep` runs too.
 * 2. Only waiting can be interrupted, and waiting takes nothing. A fiber interrupted in the step in which it takes has kept the value: a stream ends with
 *    the scope that keeps it. Effect has no way to put it back, since an interruption skips every handler up to the end of the fiber.
 * 3. Those who wait are served in the order in which they came.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** The functions of a source. */
export interface SourceOptions<A, E> {
  /** Takes the next value, or fails at the end; `undefined` to wait. */
  readonly poll: () => Exit.Exit<A, E> | undefined
  /** Whether `poll` would return something. It changes nothing. */
  readonly isReady: () => boolean
  /** Runs when somebody begins to wait. */
  readonly onDemand?: () => void
}

/** Hands values to those who wait. */
export class Source<out A, out E = never> {
  private readonly options: SourceOptions<any, E>
  /** In the order in which they came; made when somebody first waits. */
  private waiters: Set<() => void> | undefined

  constructor(options: SourceOptions<A, E>) {
    this.options = options
  }

  /** How many wait. */
  get waiting(): number {
    return this.waiters?.size ?? 0
  }

  /** Something has changed: wakes those who wait for as long as there is something to take. */
  notify(): void {
    const { waiters } = this
    if (waiters === undefined || waiters.size === 0) return
    // Whoever waits again because of this is not woken again by it.
    for (const wake of Array.from(waiters)) {
      if (!this.options.isReady()) return
      wake()
    }
  }

  /** Takes without keeping. */
  get next(): Effect.Effect<A, E> {
    return this.nextBy(this.options.poll)
  }

  /** Takes without keeping, in another way than usual. */
  nextBy(poll: () => Exit.Exit<A, E> | undefined): Effect.Effect<A, E> {
    const attempt = (): Effect.Effect<A, E> => poll() ?? Effect.flatMap(this.wait, attempt)
    return Effect.suspend(attempt)
  }

  /** Takes the next one and keeps it. */
  take<R>(keep: (value: A) => Effect.Effect<unknown, never, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      const attempt = (): Effect.Effect<A, E, R> => {
        const polled = this.options.poll()
        if (polled === undefined) return Effect.flatMap(restore(this.wait), attempt)
        return Exit.isFailure(polled) ? polled : Effect.andThen(keep(polled.value), polled)
      }
      return attempt()
    })
  }

  private get wait(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const waiters = (this.waiters ??= new Set())
      const wake = (): void => {
        waiters.delete(wake)
        resume(Effect.void)
      }
      waiters.add(wake)
      this.options.onDemand?.()
      if (this.options.isReady()) wake()
      return Effect.sync(() => {
        waiters.delete(wake)
      })
    })
  }
}

/** A source of values from a list, until it ends. */
export class Mailbox<out A, out E = never> {
  private readonly items: Array<any> = []
  private end: Exit.Exit<never, E> | undefined
  readonly source: Source<A, E>

  constructor(onDemand?: () => void) {
    this.source = new Source<A, E>({
      poll: () => (this.items.length > 0 ? Exit.succeed(this.items.shift() as A) : this.end),
      isReady: () => this.items.length > 0 || this.end !== undefined,
      ...(onDemand !== undefined && { onDemand })
    })
  }

  get size(): number {
    return this.items.length
  }

  /** How many wait beyond what is there. */
  get demand(): number {
    return this.end === undefined ? this.source.waiting - this.items.length : 0
  }

  put(...items: ReadonlyArray<A>): void {
    this.items.push(...items)
    this.source.notify()
  }

  /** Waiting values can still be taken; after them takers get `end`. */
  finish(end: Exit.Exit<never, E>): void {
    this.end ??= end
    this.source.notify()
  }

  /** Takes all waiting values. */
  drain(): ReadonlyArray<A> {
    return this.items.splice(0)
  }
}
