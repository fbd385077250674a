/**
 * The exchange as one handler sees it in one cycle. It stays what it is when the handler looks at it later, from a fiber or a body that outlives the exchange.
 * Internal to the client part.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"

import { release } from "./Body.ts"
import type { BodyWatcher } from "./BodyWatcher.ts"
import type { CallPlan } from "./CallState.ts"
import type { FollowUp, Request, Response } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"
import type { BoundableExchange, ExchangeBound } from "./ExchangeBounds.ts"

/** The cycle as its views need it. */
export interface ViewedCycle extends Pick<Exchange, "original" | "attempt" | "followUpReason"> {
  readonly haltedBy: string | undefined
  queued: FollowUp | undefined
  readonly state: Pick<Exchange, "get" | "set">
  takeQueued(): FollowUp | undefined
  below(position: number): CallPlan
  bound(position: number, bound: ExchangeBound): void
  watchBody(watcher: BodyWatcher): void
  onInterrupt(position: number, undo: Parameters<Exchange["onInterrupt"]>[0]): void
}

/** An exchange whose inner client is not made for one request. */
interface InnerExchange {
  execute(request: Request): Effect.Effect<Response, unknown>
}

/** Sends a request as `exchange.inner` does, without making that client. */
export const executeInner = (exchange: Exchange, request: Request): Effect.Effect<Response, unknown> =>
  (exchange as Exchange & InnerExchange).execute(request)

/** The view of the handler at a position. */
export class ExchangeView implements Exchange, BoundableExchange, InnerExchange {
  readonly request: Request
  private readonly cycle: ViewedCycle
  private readonly position: number

  constructor(cycle: ViewedCycle, position: number, request: Request) {
    this.request = request
    this.cycle = cycle
    this.position = position
  }

  get original(): Request {
    return this.cycle.original
  }
  get attempt(): number {
    return this.cycle.attempt
  }
  get followUpReason(): string {
    return this.cycle.followUpReason
  }
  get haltedBy(): string | undefined {
    return this.cycle.haltedBy
  }
  get queued(): FollowUp | undefined {
    return this.cycle.queued
  }
  get inner(): HttpClient.HttpClient.With<unknown> {
    return this.cycle.below(this.position).client
  }
  get takeQueued(): Exchange["takeQueued"] {
    return () => this.cycle.takeQueued()
  }
  get get(): Exchange["get"] {
    return (cell) => this.cycle.state.get(cell)
  }
  get set(): Exchange["set"] {
    return (cell, value) => this.cycle.state.set(cell, value)
  }
  get release(): Exchange["release"] {
    return release
  }
  get onBody(): Exchange["onBody"] {
    return (watcher) => this.cycle.watchBody(watcher)
  }
  get onInterrupt(): Exchange["onInterrupt"] {
    return (undo) => this.cycle.onInterrupt(this.position, undo)
  }

  execute(request: Request): Effect.Effect<Response, unknown> {
    return this.cycle.below(this.position).execute(request)
  }

  bound(bound: ExchangeBound): void {
    this.cycle.bound(this.position, bound)
  }
}
