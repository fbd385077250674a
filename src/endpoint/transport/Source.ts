/**
 * Something that fibers wait for and take: streams, bytes, datagrams. Taking and keeping are one step, so that nothing is left that belongs to nobody. Internal to
 * the endpoint part.
 *
 * 1. `poll` takes in the step that resumes the taker, and `keep` runs in the same step: no interruption comes between the two.
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

/** A fiber that waits, in a list of those that wait. */
interface Waiter {
  /** Takes and resumes its fiber; returns false when there is nothing for it. */
  readonly wake: () => boolean
  /** When it began to wait. */
  readonly turn: number
  previous: Waiter | undefined
  next: Waiter | undefined
  isWaiting: boolean
}

/** Hands values to those who wait. */
export class Source<out A, out E = never> {
  private readonly options: SourceOptions<any, E>
  private first: Waiter | undefined
  private last: Waiter | undefined
  private count = 0
  private turn = 0

  constructor(options: SourceOptions<A, E>) {
    this.options = options
  }

  /** How many wait. */
  get waiting(): number {
    return this.count
  }

  /** Something has changed: wakes those who wait for as long as there is something to take. */
  notify(): void {
    if (this.count === 0) return
    // Whoever waits again because of this is not woken again by it.
    const { turn } = this
    let waiter = this.first
    while (waiter !== undefined && waiter.turn <= turn && this.options.isReady()) {
      this.leave(waiter)
      if (!waiter.wake()) return this.enterAgain(waiter)
      waiter = this.first
    }
  }

  /** Takes without keeping. */
  get next(): Effect.Effect<A, E> {
    return this.taking(() => this.options.poll())
  }

  /** Takes without keeping, in another way than usual. */
  nextBy(poll: () => Exit.Exit<A, E> | undefined): Effect.Effect<A, E> {
    return this.taking(poll)
  }

  /** Takes the next one and keeps it. `keep` must not throw. */
  take(keep: (value: A) => void): Effect.Effect<A, E> {
    return this.taking(() => {
      const polled: Exit.Exit<A, E> | undefined = this.options.poll()
      if (polled !== undefined && Exit.isSuccess(polled)) keep(polled.value)
      return polled
    })
  }

  private taking(poll: () => Exit.Exit<A, E> | undefined): Effect.Effect<A, E> {
    return Effect.callback((resume) => {
      const polled = poll()
      if (polled !== undefined) return resume(polled)
      const waiter = this.enter(() => {
        const late = poll()
        if (late !== undefined) resume(late)
        return late !== undefined
      })
      const { onDemand } = this.options
      if (onDemand !== undefined) {
        this.options.onDemand?.()
        // It may have brought something at once.
        if (waiter.isWaiting && this.options.isReady()) this.notify()
      }
      return Effect.sync(() => this.leave(waiter))
    })
  }

  private enter(wake: () => boolean): Waiter {
    const waiter: Waiter = { wake, turn: ++this.turn, previous: this.last, next: undefined, isWaiting: true }
    if (this.last === undefined) this.first = waiter
    else this.last.next = waiter
    this.last = waiter
    this.count++
    return waiter
  }

  /** Before those that came later. */
  private enterAgain(waiter: Waiter): void {
    waiter.isWaiting = true
    waiter.next = this.first
    if (this.first === undefined) this.last = waiter
    else this.first.previous = waiter
    this.first = waiter
    this.count++
  }

  private leave(waiter: Waiter): void {
    if (!waiter.isWaiting) return
    waiter.isWaiting = false
    const { next, previous } = waiter
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    waiter.previous = undefined
    waiter.next = undefined
    this.count--
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
