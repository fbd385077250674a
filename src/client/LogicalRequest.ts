/**
 * One call of a client: everything that survives its follow-ups. Each call makes its own, so that concurrent calls share nothing. Internal to the client part.
 *
 * One guard is put around the whole call before anything has happened: an interruption at any operation undoes what the handlers registered, closes the response that was
 * held, and cancels request bodies that were never sent.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

import { bodiesOf } from "./Body.ts"
import type { ResponseEffect, CallPlan, CallState, Handlers } from "./CallState.ts"
import type { ClientWatch } from "./ClientWatch.ts"
import { Cycle } from "./Cycle.ts"
import type { Request, Response } from "./Decision.ts"
import type { Cell } from "./Exchange.ts"

/** One call of a client. */
export class LogicalRequest implements CallState {
  readonly plan: CallPlan
  readonly fiber: Fiber.Fiber<any, any>
  readonly watch: ClientWatch | undefined
  readonly context: Context.Context<never>
  readonly handlers: Handlers
  attempt = 0
  followUps = 0
  private cells: Map<Cell<any>, unknown> | undefined
  private sentBodies: Set<object> | undefined
  private cycle: Cycle | undefined

  constructor(plan: CallPlan, fiber: Fiber.Fiber<any, any>, watch: ClientWatch | undefined) {
    this.plan = plan
    this.fiber = fiber
    this.watch = watch
    this.context = fiber.context
    this.handlers = plan.settings.lookUp(fiber.context)
  }

  execute(request: Request): ResponseEffect {
    const call = Effect.suspend(() => this.begin(request, "request"))
    return Effect.onExit(call, (exit) => this.ended(exit))
  }

  begin(request: Request, followUpReason: string): ResponseEffect {
    this.attempt++
    this.cycle = new Cycle(this, request, followUpReason)
    return this.cycle.start()
  }

  get<S>(cell: Cell<S>): S {
    const cells = (this.cells ??= new Map())
    if (!cells.has(cell)) cells.set(cell, cell.initial())
    return cells.get(cell) as S
  }

  set<S>(cell: Cell<S>, value: S): void {
    ;(this.cells ??= new Map()).set(cell, value)
  }

  bodySent(request: Request): void {
    if (request.body._tag === "Empty") return
    for (const body of bodiesOf(request)) (this.sentBodies ??= new Set()).add(body)
  }

  hasSentBody({ body }: Request): boolean {
    return this.sentBodies?.has(body) === true
  }

  private ended(exit: Exit.Exit<Response, unknown>): Effect.Effect<void> {
    const { cycle } = this
    return exit._tag === "Success" || cycle === undefined ? Effect.void : cycle.abandon()
  }
}
