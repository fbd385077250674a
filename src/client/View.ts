/**
 * The exchange as one handler sees it in one cycle. It stays what it is when the handler looks at it later, from a fiber or a body that outlives the exchange.
 * Internal to the client part.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "effect/http/HttpClient"

import { release } from "./Body.ts"
import type { Bound, Boundable } from "./Bound.ts"
import type { FollowUp, Request } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"

/** What is the same for all handlers of an exchange. */
export interface Shared extends Pick<Exchange, "get" | "set" | "takeQueued" | "original" | "attempt" | "reason"> {
  readonly haltedBy: string | undefined
  readonly queued: FollowUp | undefined
  readonly below: (position: number) => HttpClient.HttpClient.With<unknown>
  readonly bound: (position: number, bound: Bound) => void
}

/** What the handler at a position sees. */
export class View implements Exchange, Boundable {
  readonly request: Request
  readonly original: Request
  readonly attempt: number
  readonly reason: string
  private readonly shared: Shared
  private readonly position: number

  constructor(shared: Shared, position: number, request: Request) {
    this.request = request
    this.original = shared.original
    this.attempt = shared.attempt
    this.reason = shared.reason
    this.shared = shared
    this.position = position
  }

  get haltedBy(): string | undefined {
    return this.shared.haltedBy
  }
  get queued(): FollowUp | undefined {
    return this.shared.queued
  }
  get inner(): HttpClient.HttpClient.With<unknown> {
    return this.shared.below(this.position)
  }
  get takeQueued(): Exchange["takeQueued"] {
    return () => this.shared.takeQueued()
  }
  get get(): Exchange["get"] {
    return (cell) => this.shared.get(cell)
  }
  get set(): Exchange["set"] {
    return (cell, value) => this.shared.set(cell, value)
  }
  get release(): Exchange["release"] {
    return release
  }

  bound(bound: Bound): void {
    this.shared.bound(this.position, bound)
  }
}
