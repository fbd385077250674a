/**
 * One direction between two endpoints: what is sent arrives in order, after the network's latency, and not while the two are parted. Internal to the memory network.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { Signal } from "../../endpoint/engine/Signal.ts"
import type { EndpointId } from "../../endpoint/Identity.ts"

/** What links need of their network. */
export interface Air {
  readonly clock: Clock.Clock
  /** Milliseconds to here from there, drawn anew for each event. */
  readonly delay: () => number
  /** Whether what may be lost is lost this time. */
  readonly loses: () => boolean
  /** Runs for as long as the network is there. */
  readonly run: (effect: Effect.Effect<void>) => void
  readonly parted: Parted
}

/** The pairs of endpoints between which nothing passes. */
export class Parted {
  readonly changed = new Signal()
  private readonly pairs = new Set<string>()

  private static key(a: EndpointId, b: EndpointId): string {
    return a < b ? a + b : b + a
  }

  has(a: EndpointId, b: EndpointId): boolean {
    return this.pairs.has(Parted.key(a, b))
  }

  set(a: EndpointId, b: EndpointId, parted: boolean): void {
    if (parted) this.pairs.add(Parted.key(a, b))
    else this.pairs.delete(Parted.key(a, b))
    this.changed.notify()
  }
}

interface Underway {
  readonly due: number
  readonly arrive: () => void
}

/** Carries one direction, in order. */
export class Link {
  private readonly air: Air
  readonly from: EndpointId
  readonly to: EndpointId
  private readonly underway: Array<Underway> = []
  private pumping = false

  constructor(air: Air, from: EndpointId, to: EndpointId) {
    this.air = air
    this.from = from
    this.to = to
  }

  /** At once where nothing is in the way; what was sent before is waited for. */
  send(arrive: () => void): void {
    const { air } = this
    const [delay, now] = [air.delay(), air.clock.currentTimeMillisUnsafe()]
    if (!this.pumping && delay <= 0 && !this.parted) return arrive()
    this.underway.push({ due: now + delay, arrive })
    if (this.pumping) return
    this.pumping = true
    air.run(this.pump())
  }

  /** A datagram is lost where a stream's bytes would wait, and may overtake. */
  sendLossy(arrive: () => void): void {
    const { air } = this
    if (air.loses() || this.parted) return
    const delay = air.delay()
    if (delay <= 0) return arrive()
    air.run(
      Effect.andThen(
        Effect.sleep(delay),
        Effect.sync(() => {
          if (!this.parted) arrive()
        })
      )
    )
  }

  /** What is underway is lost. */
  cut(): void {
    this.underway.length = 0
    this.air.parted.changed.notify()
  }

  get parted(): boolean {
    return this.air.parted.has(this.from, this.to)
  }

  private pump(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const [next] = this.underway
      if (next === undefined) {
        this.pumping = false
        return Effect.void
      }
      const wait = next.due - this.air.clock.currentTimeMillisUnsafe()
      if (wait > 0) return Effect.andThen(Effect.sleep(wait), this.pump())
      const whole = this.air.parted.changed.until(() =>
        this.parted && this.underway.length > 0 ? undefined : Exit.void
      )
      return Effect.andThen(
        whole,
        Effect.suspend(() => {
          this.underway.shift()?.arrive()
          return this.pump()
        })
      )
    })
  }
}
