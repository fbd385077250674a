/**
 * Runs an exchange: forward through the handlers, over the network, back in reverse, and again for a follow-up. Internal to the client part.
 *
 * One loop each way over a small mutable object, as in the server's interpreter: methods that give a plain decision or an `Exit` run synchronously, and only an
 * Effect that has to be run leaves the loop. Each call of the client makes its own, so concurrent calls share nothing.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"

import { isEffect, isExit, provideBelow } from "../core/Effects.ts"
import { annotate } from "../core/Interceptor.ts"
import type { Implementation } from "../core/Tagged.ts"
import { cancel, canReplay, carried, close, isOpen, release } from "./Body.ts"
import type { Bound } from "./Bound.ts"
import { afterResponse, attempt, recovered, run } from "./Call.ts"
import type { ClientHandler, HandlerValue } from "./ClientHandler.ts"
import type { AfterDecision, FollowUp, Request, Response, RunDecision } from "./Decision.ts"
import type { Cell, Exchange, Outcome } from "./Exchange.ts"
import { FollowUpError } from "./FollowUpError.ts"
import { View } from "./View.ts"
import type { Shared } from "./View.ts"
import * as Watch from "./Watch.ts"

/** A handler, a class-tagged one that is looked up at each exchange, or a recover. */
export type Entry =
  | { readonly kind: "handler"; readonly name: string; readonly handler: HandlerValue }
  | {
      readonly kind: "service"
      readonly name: string
      readonly key: Context.Key<unknown, Implementation<ClientHandler<any, any>>>
    }
  | {
      readonly kind: "recover"
      readonly name: string
      readonly matches: (error: unknown) => boolean
      readonly recover: (error: unknown, exchange: Exchange) => unknown
    }

/** What all exchanges of one client share. */
export interface Plan {
  readonly name: string
  readonly entries: ReadonlyArray<Entry>
  readonly transport: HttpClient.HttpClient.With<unknown>
  readonly maxFollowUps: number
  /** The bounds of the exchange whose handler has this client for its inner one, outermost first. */
  readonly outside?: ReadonlyArray<Bound>
}

type Run = Effect.Effect<Response, unknown>

/** The client that the plan makes. */
export const client = (plan: Plan): HttpClient.HttpClient.With<any> => {
  const fixed = fixedHandlers(plan)
  const exchange = (request: Request): Run =>
    Effect.withFiber((fiber) =>
      Watch.over(plan.name, fiber, (watch) => new Driver(plan, fixed, fiber, watch).cycle(request, "request"))
    )
  return HttpClient.makeWith<never, never, unknown, never>(
    (requests) =>
      isExit(requests) && requests._tag === "Success"
        ? exchange(requests.value as Request)
        : Effect.flatMap(requests, exchange),
    Effect.succeed
  )
}

type Handlers = ReadonlyArray<HandlerValue | undefined>

/** The handlers of a plan in which none is looked up: the same for all exchanges. */
const fixedHandlers = ({ entries }: Plan): Handlers | undefined =>
  entries.some(({ kind }) => kind === "service")
    ? undefined
    : entries.map((entry) => (entry.kind === "handler" ? entry.handler : undefined))

class Driver implements Shared {
  original!: Request
  attempt = 0
  reason = ""
  haltedBy: string | undefined
  queued: FollowUp | undefined

  private readonly plan: Plan
  private readonly fiber: Fiber.Fiber<any, any>
  private readonly watch: Watch.Watch | undefined
  private readonly outside: Context.Context<never>
  /** Made when they are needed, which few exchanges do. */
  private cells: Map<Cell<any>, unknown> | undefined
  private sent: Set<object> | undefined
  private readonly handlers: Handlers
  /** The exchange as each handler sees it, and the state that its `run` gave. */
  private views: Array<View> = []
  private states: Array<unknown> = []
  private bounds: Array<{ readonly at: number; readonly bound: Bound }> = []
  private at = 0
  /** Where the failure was raised: only a recover declared before that catches it. */
  private raisedAt = 0
  private outgoing!: Request
  /** Whether the network got the request of this cycle. */
  private isSent = false
  private outcome: Outcome | undefined
  /** The failure that the queued follow-up recovers. One that was raised since then, or joined it, is another. */
  private answered: Outcome | undefined

  constructor(plan: Plan, fixed: Handlers | undefined, fiber: Fiber.Fiber<any, any>, watch: Watch.Watch | undefined) {
    this.plan = plan
    this.fiber = fiber
    this.watch = watch
    this.outside = fiber.context
    const handlers = fixed ?? plan.entries.map((entry) => this.resolve(entry))
    this.handlers = watch === undefined ? handlers : handlers.map((handler) => handler && watch.handler(handler))
  }

  below(position: number): HttpClient.HttpClient.With<unknown> {
    const { entries, outside = [] } = this.plan
    const around = this.bounds.filter(({ at }) => at < position).map(({ bound }) => bound)
    return client({ ...this.plan, entries: entries.slice(position + 1), outside: [...outside, ...around] })
  }

  get<S>(cell: Cell<S>): S {
    const cells = (this.cells ??= new Map())
    if (!cells.has(cell)) cells.set(cell, cell.initial())
    return cells.get(cell) as S
  }

  set<S>(cell: Cell<S>, value: S): void {
    ;(this.cells ??= new Map()).set(cell, value)
  }

  takeQueued(): FollowUp | undefined {
    const taken = this.queued
    this.queued = undefined
    return taken
  }

  bound(at: number, bound: Bound): void {
    this.bounds.push({ at, bound })
  }

  cycle(request: Request, reason: string): Run {
    this.attempt++
    this.reason = reason
    this.original = this.outgoing = request
    this.haltedBy = undefined
    this.queued = undefined
    this.outcome = this.answered = undefined
    this.isSent = false
    this.views = []
    this.states = []
    if (this.bounds.length > 0) this.bounds = []
    this.at = 0
    return this.forward()
  }

  // A class-tagged handler runs with what its layer had, below what the call has.
  private resolve(entry: Entry): HandlerValue | undefined {
    if (entry.kind === "recover") return undefined
    if (entry.kind === "handler") return entry.handler
    const { built, interceptor: handler } = Context.getUnsafe(this.fiber.context, entry.key)
    const { afterResponse, run } = handler as unknown as HandlerValue
    const below = (out: unknown): unknown => (isEffect(out) && !isExit(out) ? provideBelow(out, built) : out)
    return {
      name: entry.name,
      run: run === undefined ? undefined : (exchange) => below(run(exchange)),
      afterResponse:
        afterResponse === undefined
          ? undefined
          : (exchange, outcome, state) => below(afterResponse(exchange, outcome, state))
    }
  }

  private forward(): Run {
    const length = this.handlers.length
    while (this.at < length && this.outcome === undefined) {
      const handler = this.handlers[this.at]
      const view = (this.views[this.at] = new View(this, this.at, this.outgoing))
      if (handler?.run !== undefined) {
        const out = run(handler, view)
        if (isEffect(out)) {
          if (!isExit(out)) return this.wait(out, (exit) => this.afterRun(exit))
          if (out._tag === "Failure") this.fail(this.named(out.cause))
          else this.decide(out.value as RunDecision)
        } else this.decide(out as RunDecision)
      }
      this.at++
    }
    if (this.outcome !== undefined) return this.turn()
    this.isSent = true
    if (this.outgoing.body._tag !== "Empty") (this.sent ??= new Set()).add(this.outgoing.body)
    const { outside, transport } = this.plan
    const sent = this.watch?.network(transport, this.outgoing) ?? transport.execute(this.outgoing)
    const bounded = this.within(sent, "network")
    const network = outside?.reduceRight((inner, bound) => bound(inner, "inner", this.outgoing), bounded) ?? bounded
    return Effect.matchCauseEffect(network, {
      onSuccess: (response) => this.turnWith({ _tag: "Response", response }),
      onFailure: (cause) => {
        this.fail(cause)
        return this.turn()
      }
    })
  }

  private decide(decision: RunDecision): void {
    if (decision === undefined) return
    if (decision._tag === "Halt") {
      this.haltedBy = this.plan.entries[this.at]!.name
      this.outcome = { _tag: "Response", response: decision.response }
      return
    }
    if (decision.state !== undefined) this.states[this.at] = decision.state
    if (decision.request !== undefined) this.outgoing = decision.request
  }

  private afterRun(exit: Exit.Exit<unknown, unknown>): Run {
    if (exit._tag === "Failure") this.fail(this.named(exit.cause))
    else this.decide(exit.value as RunDecision)
    this.at++
    return this.forward()
  }

  private turnWith(outcome: Outcome): Run {
    this.outcome = outcome
    return this.turn()
  }

  private turn(): Run {
    this.at = this.handlers.length - 1
    return this.backward()
  }

  private backward(): Run {
    while (this.at >= 0) {
      const out = this.callAfter()
      if (isEffect(out)) {
        if (!isExit(out)) return this.wait(out, (exit) => this.afterAfter(exit))
        const discarded = this.settle(out)
        if (discarded !== undefined) return this.letGo(discarded)
      } else this.conclude(out as AfterDecision | Response)
      this.at--
    }
    return this.finish()
  }

  private callAfter(): unknown {
    const entry = this.plan.entries[this.at]!
    const outcome = this.outcome!
    if (entry.kind === "recover") {
      if (outcome._tag === "Response" || this.at >= this.raisedAt || Cause.hasDies(outcome.cause)) return undefined
      const error = outcome.cause.reasons.find(Cause.isFailReason)?.error
      if (error === undefined || !entry.matches(error)) return undefined
      const recover = this.watch?.recover(entry.name, entry.recover) ?? entry.recover
      return attempt(() => recovered(recover(error, this.view())))
    }
    const handler = this.handlers[this.at]!
    if (handler.afterResponse === undefined) return undefined
    const state = this.at in this.states ? Option.some(this.states[this.at]) : Option.none()
    return afterResponse(handler, this.view(), outcome, state)
  }

  private view(): View {
    return this.views[this.at] ?? new View(this, this.at, this.outgoing)
  }

  private conclude(decision: AfterDecision | Response): void {
    if (decision === undefined || !("_tag" in decision)) return
    if (decision._tag === "Respond") this.outcome = { _tag: "Response", response: decision.response }
    else if (decision._tag === "FollowUp") {
      this.queued = decision
      this.answered = decision.recovers ? this.outcome : undefined
    }
  }

  // A failure on the way back discards the response that was there, and joins a failure that was there.
  private settle(exit: Exit.Exit<unknown, unknown>): Response | undefined {
    if (exit._tag === "Success") {
      this.conclude(exit.value as AfterDecision)
      return undefined
    }
    const before = this.outcome!
    const cause = this.named(exit.cause)
    if (before._tag === "Response") {
      this.fail(cause)
      // Whoever gets an error that carries the response may read it.
      return carried(cause).includes(before.response) ? undefined : before.response
    }
    // What a recover fails with takes the place of what it caught.
    if (this.plan.entries[this.at]!.kind === "recover") this.fail(cause)
    else if (Cause.hasFails(before.cause)) this.outcome = failure(Cause.combine(before.cause, cause))
    else this.fail(Cause.combine(before.cause, cause))
    return undefined
  }

  /** A defect carries the name of the handler that it came from. */
  private named(cause: Cause.Cause<unknown>): Cause.Cause<unknown> {
    if (!Cause.hasDies(cause)) return cause
    const interceptor = this.plan.entries[this.at]!.name
    return annotate(cause, { part: "client", composite: this.plan.name, interceptor, annotations: {} })
  }

  private fail(cause: Cause.Cause<unknown>): void {
    this.raisedAt = this.at
    this.outcome = failure(cause)
  }

  private afterAfter(exit: Exit.Exit<unknown, unknown>): Run {
    const discarded = this.settle(exit)
    if (discarded !== undefined) return this.letGo(discarded)
    this.at--
    return this.backward()
  }

  private letGo(response: Response): Run {
    return Effect.flatMap(release(response), () => {
      this.at--
      return this.backward()
    })
  }

  private finish(): Run {
    const outcome = this.outcome!
    const queued = this.takeQueued()
    if (outcome._tag === "Failure" && (queued === undefined || this.answered !== outcome)) {
      this.cancelUnsent()
      return Exit.failCause(outcome.cause)
    }
    if (queued === undefined) {
      this.cancelUnsent()
      return Exit.succeed((outcome as Extract<Outcome, { _tag: "Response" }>).response)
    }
    const { reason, request } = queued
    const discarded = outcome._tag === "Response" ? [outcome.response] : carried(outcome.cause)
    return Effect.flatMap(Effect.forEach(discarded, release, { discard: true }), () => {
      const refused =
        this.attempt > this.plan.maxFollowUps
          ? "TooMany"
          : this.sent?.has(request.body) === true && !canReplay(request)
            ? "BodyNotReplayable"
            : undefined
      this.cancelUnsent(refused === undefined ? request : undefined)
      return refused === undefined ? this.cycle(request, reason) : this.refuse(refused, reason)
    })
  }

  /** Lets go of request bodies that the network never got, save that of the next request. */
  private cancelUnsent(next?: Request): void {
    if (this.isSent) return
    for (const request of [this.original, this.outgoing]) {
      if (isOpen(request) && request.body !== next?.body) cancel(request)
    }
  }

  // An interruption runs no handler: what they would have dealt with is let go here.
  private abandoned(effect: Effect.Effect<any, unknown>): Effect.Effect<any, unknown> {
    const held = this.outcome?._tag === "Response" ? this.outcome.response : undefined
    const isUnsent = !this.isSent && (isOpen(this.original) || isOpen(this.outgoing))
    if (held === undefined && !isUnsent) return effect
    return Effect.onInterrupt(effect, () => {
      this.cancelUnsent()
      return held === undefined ? Effect.void : close(held)
    })
  }

  private within(effect: Effect.Effect<any, unknown>, what: "network" | "method"): Effect.Effect<any, unknown> {
    if (this.bounds.length === 0) return effect
    return this.bounds.reduceRight(
      (inner, { at, bound }) => (at < this.at ? bound(inner, what, this.outgoing) : inner),
      effect
    )
  }

  private refuse(reason: FollowUpError["reason"], followUp: string): Run {
    return Effect.fail(new FollowUpError({ reason, cycles: this.attempt, for: followUp }))
  }

  private wait(effect: Effect.Effect<unknown, unknown>, then: (exit: Exit.Exit<unknown, unknown>) => Run): Run {
    if (this.fiber.context !== this.outside) this.fiber.setContext(this.outside)
    return Effect.matchCauseEffect(this.abandoned(this.within(effect, "method")), {
      onSuccess: (value) => then(Exit.succeed(value)),
      onFailure: (cause) => then(Exit.failCause(cause))
    })
  }
}

const failure = (cause: Cause.Cause<unknown>): Outcome => ({ _tag: "Failure", cause })
