/**
 * Slots with a bounded queue before them. Internal to the server part.
 *
 * A place is left when the scope of the request ends, however it ends; a waiting one also when its fiber stops waiting. The undoing is registered before anything can
 * interrupt, so that no slot is lost.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

interface Place {
  state: "waiting" | "running" | "left"
  /** Wakes the request that waits. */
  wake: (() => void) | undefined
}

/** Slots for so many at once, and places for so many more that wait. */
export class Slots {
  private readonly maxRunning: number
  private readonly maxPending: number
  private readonly queue = new Set<Place>()
  private isRejecting = false
  /** How many hold a slot. */
  running = 0

  constructor(maxRunning: number, maxPending: number) {
    this.maxRunning = maxRunning
    this.maxPending = maxPending
  }

  /** How many wait. */
  get pending(): number {
    return this.queue.size
  }

  /** Whether one more would get a slot at once. */
  get isFree(): boolean {
    return this.running < this.maxRunning
  }

  /** Takes a slot until the scope ends, after a wait where need be; `false` where the queue is full. */
  readonly enter: Effect.Effect<boolean, never, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const place = this.take()
      if (place === undefined) return Effect.succeed(false)
      const leave = Effect.sync(() => this.leave(place))
      const wait = Effect.onInterrupt(restore(waiting(place)), () => leave)
      return Effect.as(
        Effect.andThen(
          Effect.addFinalizer(() => leave),
          wait
        ),
        true
      )
    })
  )

  /** Whether a rejection is the first one since a slot was free. */
  warns(): boolean {
    return !this.isRejecting && (this.isRejecting = true)
  }

  private take(): Place | undefined {
    if (this.isFree) {
      this.running++
      return { state: "running", wake: undefined }
    }
    if (this.queue.size >= this.maxPending) return undefined
    const place: Place = { state: "waiting", wake: undefined }
    this.queue.add(place)
    return place
  }

  private leave(place: Place): void {
    const { state } = place
    place.state = "left"
    if (state === "waiting") this.queue.delete(place)
    if (state !== "running") return
    const [next] = this.queue
    if (next === undefined) {
      this.running--
      this.isRejecting = false
      return
    }
    // The slot goes over to the one that has waited for the longest time.
    this.queue.delete(next)
    next.state = "running"
    next.wake?.()
  }
}

const waiting = (place: Place): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (place.state !== "waiting") return resume(Effect.void)
    place.wake = () => resume(Effect.void)
  })
