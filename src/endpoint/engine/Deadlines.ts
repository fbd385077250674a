/**
 * Time limits by the `Clock`, thousands of them by one fiber: a limit in time costs two changes of a list. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** A limit that somebody may exceed. */
export interface Deadline {
  /** Restarts, with another duration. */
  readonly move: (duration: Duration.Duration) => void
  readonly cancel: () => void
}

interface Entry {
  due: number
  late: (() => void) | undefined
}

/** The limits of one duration: those that began first end first. */
class Lane {
  readonly entries = new Set<Entry>()
  readonly millis: number
  isWatched = false

  constructor(millis: number) {
    this.millis = millis
  }
}

/** The limits of an endpoint. */
export class Deadlines {
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => unknown
  private readonly lanes = new Map<number, Lane>()

  /** `fork` runs for as long as the endpoint is there. */
  constructor(clock: Clock.Clock, fork: (effect: Effect.Effect<void>) => unknown) {
    this.clock = clock
    this.fork = fork
  }

  /** Calls `late` when the time is over, unless it was cancelled before. */
  after(duration: Duration.Duration, late: () => void): Deadline {
    const entry: Entry = { due: 0, late }
    let lane = this.enter(entry, duration)
    return {
      move: (next) => {
        lane.entries.delete(entry)
        if (entry.late !== undefined) lane = this.enter(entry, next)
      },
      cancel: () => {
        entry.late = undefined
        lane.entries.delete(entry)
      }
    }
  }

  private enter(entry: Entry, duration: Duration.Duration): Lane {
    const millis = Duration.toMillis(duration)
    const lane = this.lanes.get(millis) ?? new Lane(millis)
    this.lanes.set(millis, lane)
    entry.due = this.clock.currentTimeMillisUnsafe() + millis
    lane.entries.add(entry)
    if (!lane.isWatched && Number.isFinite(millis)) {
      lane.isWatched = true
      this.fork(this.watch(lane))
    }
    return lane
  }

  private watch(lane: Lane): Effect.Effect<void> {
    return Effect.suspend(() => {
      const now = this.clock.currentTimeMillisUnsafe()
      for (const entry of lane.entries) {
        if (entry.due > now) return Effect.andThen(Effect.sleep(entry.due - now), this.watch(lane))
        lane.entries.delete(entry)
        const { late } = entry
        entry.late = undefined
        late?.()
      }
      lane.isWatched = false
      return Effect.void
    })
  }
}
