/**
 * One direction between two endpoints: data arrives in order, after the network's latency, and not during a partition. Internal to the memory network.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { EndpointId } from "../../endpoint/EndpointId.ts"
import { Source } from "../../endpoint/EndpointTransport.ts"

/** The network, as its links use it. */
export interface Air {
  readonly clock: Clock.Clock
  /** Milliseconds from one end to the other, drawn for each event. */
  readonly delay: () => number
  /** Milliseconds that one way takes at least. */
  readonly latency: () => number
  /** Whether what may be lost is lost this time. */
  readonly loses: () => boolean
  /** Runs for as long as the network is there. */
  readonly run: (effect: Effect.Effect<void>) => void
  readonly parted: Parted
}

/** The pairs of endpoints between which nothing passes. */
export class Parted {
  private readonly pairs = new Set<string>()
  private readonly waiters = new Set<Source<void>>()

  private static key(a: EndpointId, b: EndpointId): string {
    return a < b ? a + b : b + a
  }

  has(a: EndpointId, b: EndpointId): boolean {
    return this.pairs.has(Parted.key(a, b))
  }

  set(a: EndpointId, b: EndpointId, parted: boolean): void {
    if (parted) this.pairs.add(Parted.key(a, b))
    else this.pairs.delete(Parted.key(a, b))
    this.notify()
  }

  /** Waits until something holds of the pairs. */
  until(holds: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const change = new Source<void>({
        poll: () => (holds() ? Exit.void : undefined),
        isReady: holds
      })
      this.waiters.add(change)
      return Effect.ensuring(
        change.next,
        Effect.sync(() => this.waiters.delete(change))
      )
    })
  }

  /** Something has changed for those who wait. */
  notify(): void {
    for (const waiter of this.waiters) waiter.notify()
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

  /** Calls `arrive` at once without a latency and a partition; otherwise after it and after everything sent before. */
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

  /** Drops all data underway. */
  cut(): void {
    this.underway.length = 0
    this.air.parted.notify()
  }

  get latency(): number {
    return this.air.latency()
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
      // In whole microseconds: less than a nanosecond would be no time at all, again and again.
      const wait = Math.ceil((next.due - this.air.clock.currentTimeMillisUnsafe()) * 1000) / 1000
      if (wait > 0) return Effect.andThen(Effect.sleep(wait), this.pump())
      const whole = this.air.parted.until(() => !this.parted || this.underway.length === 0)
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
