/**
 * Requests to the network, shared by the calls that wait for them. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as Held from "../../../core/Held.ts"
import type { Landed } from "./Landing.ts"
import type { Invalidation } from "./StoreTypes.ts"

/** A request under way, until its body has ended. */
export interface Flight {
  readonly url: string
  readonly name: string
  waiting: number
  landed: Landed | undefined
  isOutdated: boolean
}

/** The requests under way, and the bodies on their way. */
export class SharedRequests {
  private readonly flights = new Held.Flights<string, Landed, unknown>({ startImmediately: true })
  private readonly waited = new Map<string, Flight>()
  private readonly filling = new Map<string, Landed>()
  private readonly live = new Set<Flight>()
  /** Counts invalidations: nobody joins a request that was sent before one. */
  private generation = 0

  /** How many requests and bodies are on their way. */
  get size(): number {
    return this.live.size
  }

  /** A body on its way for this key. */
  open(key: string): Landed | undefined {
    const landed = this.filling.get(this.nameOf(key))
    return landed?.isOpen() === true ? landed : undefined
  }

  isUnderWay(key: string): boolean {
    return this.waited.has(this.nameOf(key))
  }

  /** Whether a request or its body is on its way. */
  isBusy(key: string): boolean {
    return this.isUnderWay(key) || this.filling.has(this.nameOf(key))
  }

  /** Starts the work of a key, or waits for it. The value of `claim` belongs to the caller, whatever happens in between. */
  join<A>(
    key: string,
    url: string,
    work: (flight: Flight) => Effect.Effect<Landed, unknown>,
    claim: (landed: Landed, isLeader: boolean) => A
  ): Effect.Effect<A, unknown> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const name = this.nameOf(key)
        const present = this.waited.get(name)
        const flight = present ?? this.begin(name, url)
        if (present === undefined) this.waited.set(name, flight)
        flight.waiting++
        const working = Effect.onExit(work(flight), (exit) => Effect.sync(() => this.land(flight, exit)))
        let claimed: A | undefined
        const joined = Effect.onExit(restore(this.flights.join(name, working)), (exit) =>
          Effect.suspend(() => {
            flight.waiting--
            if (Exit.isSuccess(exit)) claimed = claim(exit.value, present === undefined)
            if (flight.waiting > 0) return Effect.void
            this.forget(flight)
            return flight.landed?.dispose ?? Effect.void
          })
        )
        return Effect.map(joined, () => claimed as A)
      })
    )
  }

  /** Does work for one call alone. */
  alone<A>(
    url: string,
    work: (flight: Flight) => Effect.Effect<Landed, unknown>,
    claim: (landed: Landed) => A
  ): Effect.Effect<A, unknown> {
    return Effect.uninterruptibleMask((restore) => {
      const flight = this.begin("", url)
      const working = Effect.onExit(restore(work(flight)), (exit) => Effect.sync(() => this.end(flight, exit)))
      return Effect.flatMap(working, (landed) => {
        const claimed = claim(landed)
        return Effect.as(landed.dispose, claimed)
      })
    })
  }

  /** Called when a body has ended. */
  filled(flight: Flight): void {
    this.live.delete(flight)
    if (this.filling.get(flight.name) === flight.landed) this.filling.delete(flight.name)
  }

  /** Requests that were sent before an invalidation bring responses from before it. */
  outdate(invalidation: Invalidation): void {
    this.generation++
    this.filling.clear()
    for (const flight of this.live) if (isConcerned(flight.url, invalidation)) flight.isOutdated = true
  }

  private nameOf(key: string): string {
    return `${this.generation} ${key}`
  }

  private begin(name: string, url: string): Flight {
    const flight: Flight = { url, name, waiting: 0, landed: undefined, isOutdated: false }
    this.live.add(flight)
    return flight
  }

  private land(flight: Flight, exit: Exit.Exit<Landed, unknown>): void {
    this.forget(flight)
    this.end(flight, exit)
    if (flight.landed?.isOpen() === true && !flight.isOutdated) this.filling.set(flight.name, flight.landed)
  }

  private end(flight: Flight, exit: Exit.Exit<Landed, unknown>): void {
    if (Exit.isSuccess(exit)) flight.landed = exit.value
    if (Exit.isFailure(exit) || exit.value.isOver()) this.live.delete(flight)
  }

  private forget(flight: Flight): void {
    if (this.waited.get(flight.name) === flight) this.waited.delete(flight.name)
  }
}

const isConcerned = (url: string, invalidation: Invalidation): boolean => {
  switch (invalidation._tag) {
    case "Url":
      return url === invalidation.url
    case "Prefix":
      return url.startsWith(invalidation.prefix)
    // The groups of a response are not known before it is there.
    case "Groups":
      return url.startsWith(`${invalidation.origin}/`)
    default:
      return true
  }
}
