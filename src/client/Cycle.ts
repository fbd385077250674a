/**
 * One cycle of a logical request: forward through the handlers, over the network, back in reverse. Internal to the client part.
 *
 * One loop each way over a small mutable object, as in the server's interpreter: methods that return a plain decision or an `Exit` run synchronously, and only an
 * Effect that has to be run leaves the loop.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

import { annotate } from "../core/CauseOrigin.ts"
import { isEffect, isExit } from "../core/Effects.ts"
import { cancel, canReplay, carried, close, isOpen, release } from "./Body.ts"
import type { BodyWatcher } from "./BodyWatcher.ts"
import type { CallPlan, CallState, Handlers, ResponseEffect } from "./CallState.ts"
import type { AfterDecision, FollowUp, Request, Response, RunDecision } from "./Decision.ts"
import type { Exchange, Outcome } from "./Exchange.ts"
import type { ExchangeBound } from "./ExchangeBounds.ts"
import { ExchangeView } from "./ExchangeView.ts"
import type { ViewedCycle } from "./ExchangeView.ts"
import { FollowUpError } from "./FollowUpError.ts"
import type { HandlerRecipe, Recovery } from "./HandlerRecipe.ts"
import { watched } from "./WatchedResponse.ts"

type Undo = Parameters<Exchange["onInterrupt"]>[0]

const none: ReadonlyArray<never> = []

/** One cycle. Its methods go on from each other: `start`, `forward`, `turn`, `backward`, `finish`. */
export class Cycle implements ViewedCycle {
  original: Request
  readonly attempt: number
  readonly followUpReason: string
  haltedBy: string | undefined
  queued: FollowUp | undefined
  readonly state: CallState

  private readonly handlers: Handlers
  private readonly first: number
  private readonly views: Array<ExchangeView> = []
  private readonly states: Array<unknown> = []
  /** Made when they are needed, which few exchanges do. */
  private bounds: Array<{ readonly position: number; readonly bound: ExchangeBound }> | undefined
  private undos: Array<{ readonly position: number; readonly undo: Undo }> | undefined
  private waitingWatchers: Array<BodyWatcher> | undefined
  position: number
  /** Where the failure was raised: only a recovery declared before that catches it. */
  private raisedAt = 0
  private outgoing: Request
  private isSent = false
  private outcome: Outcome | undefined
  /** The failure that the queued follow-up recovers. A failure that was raised since then, or joined it, is another. */
  private recovered: Outcome | undefined

  constructor(state: CallState, request: Request, followUpReason: string) {
    this.state = state
    this.original = this.outgoing = request
    this.attempt = state.attempt
    this.followUpReason = followUpReason
    this.handlers = state.handlers
    this.first = this.position = state.plan.settings.first
  }

  start(): ResponseEffect {
    return this.attempt === 1 ? this.once() : this.forward()
  }

  takeQueued(): FollowUp | undefined {
    const taken = this.queued
    this.queued = undefined
    return taken
  }

  below(position: number): CallPlan {
    const bounds = this.bounds?.filter((entry) => entry.position < position).map(({ bound }) => bound) ?? none
    return this.state.plan.below(position, bounds)
  }

  bound(position: number, bound: ExchangeBound): void {
    ;(this.bounds ??= []).push({ position, bound })
  }

  onInterrupt(position: number, undo: Undo): void {
    ;(this.undos ??= []).push({ position, undo })
  }

  watchBody(watcher: BodyWatcher): void {
    const { outcome } = this
    if (outcome === undefined) (this.waitingWatchers ??= []).push(watcher)
    else if (outcome._tag === "Response") {
      this.outcome = { _tag: "Response", response: watched(outcome.response, watcher) }
    }
  }

  /** Undoes the started work of a call that is interrupted, and cleans up after one that fails. */
  abandon(): Effect.Effect<void> {
    const { outcome, position } = this
    const undone = this.undos?.filter((entry) => entry.position <= position).toReversed() ?? none
    this.undos = undefined
    this.cancelUnsent()
    const held = outcome?._tag === "Response" ? outcome.response : undefined
    this.outcome = undefined
    if (undone.length === 0 && held === undefined) return Effect.void
    const undoing = Effect.forEach(undone, ({ undo }) => Effect.suspend(() => undo() ?? Effect.void), { discard: true })
    return held === undefined ? undoing : Effect.andThen(undoing, close(held))
  }

  private once(): ResponseEffect {
    while (this.position < this.handlers.length) {
      const { interceptor } = this.handlers[this.position]!
      if (interceptor.once !== undefined) {
        const out = attempt(() => interceptor.once!(this.view()))
        if (isEffect(out)) {
          if (!isExit(out)) return this.wait(out, (exit) => this.afterOnce(exit))
          if (out._tag === "Failure") return this.failed(this.named(out.cause))
          this.concludeOnce(out.value as RunDecision)
        } else this.concludeOnce(out as RunDecision)
      }
      this.position++
    }
    this.position = this.first
    return this.forward()
  }

  // Its request counts as the caller's: all cycles begin with it.
  private concludeOnce(decision: RunDecision): void {
    if (decision?._tag === "Proceed" && decision.request !== undefined) {
      this.original = this.outgoing = decision.request
    }
  }

  private afterOnce(exit: Exit.Exit<unknown, unknown>): ResponseEffect {
    if (exit._tag === "Failure") return this.failed(this.named(exit.cause))
    this.concludeOnce(exit.value as RunDecision)
    this.position++
    return this.once()
  }

  private forward(): ResponseEffect {
    const { handlers } = this
    while (this.position < handlers.length && this.outcome === undefined) {
      const { interceptor } = handlers[this.position]!
      const view = (this.views[this.position] = new ExchangeView(this, this.position, this.outgoing))
      if (interceptor.run !== undefined) {
        const out = this.runOf(interceptor, view)
        if (isEffect(out)) {
          if (!isExit(out)) return this.wait(out, (exit) => this.afterRun(exit))
          if (out._tag === "Failure") this.fail(this.named(out.cause))
          else this.decide(out.value as RunDecision)
        } else this.decide(out as RunDecision)
      }
      this.position++
    }
    return this.outcome === undefined ? this.send() : this.turn()
  }

  private send(): ResponseEffect {
    const { plan, watch } = this.state
    const { outside, transport } = plan.settings
    const request = this.outgoing
    this.isSent = true
    this.state.bodySent(request)
    const sent = watch?.network(this.state.attempt, transport, request) ?? transport.execute(request)
    const bounded = this.within(sent, "network")
    const network = outside.reduceRight((inside, bound) => bound(inside, "inner", request), bounded)
    return Effect.matchCauseEffect(network, {
      onSuccess: (response) => this.arrived(response),
      onFailure: (cause) => this.failed(cause)
    })
  }

  private failed(cause: Cause.Cause<unknown>): ResponseEffect {
    this.fail(cause)
    return this.turn()
  }

  private arrived(response: Response): ResponseEffect {
    this.outcome = { _tag: "Response", response }
    const watchers = this.waitingWatchers
    if (watchers !== undefined) {
      this.waitingWatchers = undefined
      for (const watcher of watchers.toReversed()) this.watchBody(watcher)
    }
    return this.turn()
  }

  private decide(decision: RunDecision): void {
    if (decision === undefined) return
    if (decision._tag === "Halt") {
      this.haltedBy = this.handlers[this.position]!.name
      this.outcome = { _tag: "Response", response: decision.response }
      return
    }
    if (decision.state !== undefined) this.states[this.position] = decision.state
    if (decision.request !== undefined) this.outgoing = decision.request
  }

  private afterRun(exit: Exit.Exit<unknown, unknown>): ResponseEffect {
    if (exit._tag === "Failure") this.fail(this.named(exit.cause))
    else this.decide(exit.value as RunDecision)
    this.position++
    return this.forward()
  }

  private turn(): ResponseEffect {
    this.position = this.handlers.length - 1
    return this.backward()
  }

  private backward(): ResponseEffect {
    while (this.position >= this.first) {
      const out = this.callAfter()
      if (isEffect(out)) {
        if (!isExit(out)) return this.wait(out, (exit) => this.afterAfter(exit))
        const discarded = this.settle(out)
        if (discarded !== undefined) return this.discard(discarded)
      } else this.conclude(out as AfterDecision | Response)
      this.position--
    }
    return this.finish()
  }

  private callAfter(): unknown {
    const { interceptor } = this.handlers[this.position]!
    if (interceptor.recovery !== undefined) return this.recoveryOf(interceptor.recovery)
    if (interceptor.afterResponse === undefined) return undefined
    const { watch } = this.state
    const { name } = this.handlers[this.position]!
    const state = this.position in this.states ? Option.some(this.states[this.position]) : Option.none()
    const outcome = this.outcome!
    try {
      return watch === undefined
        ? interceptor.afterResponse(outcome, this.view(), state)
        : watch.afterResponse(name, this, outcome, () => interceptor.afterResponse!(outcome, this.view(), state))
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  private recoveryOf({ matches, recover }: Recovery): unknown {
    const outcome = this.outcome!
    if (outcome._tag === "Response" || this.position >= this.raisedAt || Cause.hasDies(outcome.cause)) return undefined
    const error = outcome.cause.reasons.find(Cause.isFailReason)?.error
    if (error === undefined || !matches(error)) return undefined
    const { watch } = this.state
    return attempt(() => {
      const { name } = this.handlers[this.position]!
      const recovery = (): unknown => recover(error, this.view())
      const out = watch === undefined ? recovery() : watch.recover(name, this, recovery)
      return isEffect(out)
        ? Effect.map(out as Effect.Effect<Response>, (response) => ({ _tag: "Respond", response }))
        : { _tag: "Respond", response: out }
    })
  }

  private runOf(interceptor: HandlerRecipe, view: ExchangeView): unknown {
    try {
      const { watch } = this.state
      return watch === undefined
        ? interceptor.run!(view)
        : watch.run(this.handlers[this.position]!.name, this, () => interceptor.run!(view))
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  private view(): ExchangeView {
    return this.views[this.position] ?? new ExchangeView(this, this.position, this.outgoing)
  }

  private conclude(decision: AfterDecision | Response): void {
    if (decision === undefined || !("_tag" in decision)) return
    if (decision._tag === "Respond") this.outcome = { _tag: "Response", response: decision.response }
    else if (decision._tag === "FollowUp") {
      this.queued = decision
      this.recovered = decision.recovers ? this.outcome : undefined
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
      // Whoever receives an error that carries the response may read it.
      return carried(cause).includes(before.response) ? undefined : before.response
    }
    // The error of a recovery takes the place of the error that it caught.
    if (this.handlers[this.position]!.interceptor.recovery !== undefined) this.fail(cause)
    else if (Cause.hasFails(before.cause)) this.outcome = failure(Cause.combine(before.cause, cause))
    else this.fail(Cause.combine(before.cause, cause))
    return undefined
  }

  /** A defect carries the name of the handler that it came from. */
  private named(cause: Cause.Cause<unknown>): Cause.Cause<unknown> {
    if (!Cause.hasDies(cause)) return cause
    const interceptor = this.handlers[this.position]!.name
    return annotate(cause, { part: "client", composite: this.state.plan.settings.name, interceptor, annotations: {} })
  }

  private fail(cause: Cause.Cause<unknown>): void {
    this.raisedAt = this.position
    this.outcome = failure(cause)
  }

  private afterAfter(exit: Exit.Exit<unknown, unknown>): ResponseEffect {
    const discarded = this.settle(exit)
    if (discarded !== undefined) return this.discard(discarded)
    this.position--
    return this.backward()
  }

  private discard(response: Response): ResponseEffect {
    return Effect.flatMap(release(response), () => {
      this.position--
      return this.backward()
    })
  }

  private finish(): ResponseEffect {
    const outcome = this.outcome!
    const queued = this.takeQueued()
    if (outcome._tag === "Failure" && (queued === undefined || this.recovered !== outcome)) {
      return Exit.failCause(outcome.cause)
    }
    if (queued === undefined) {
      this.cancelUnsent()
      return Exit.succeed((outcome as Extract<Outcome, { _tag: "Response" }>).response)
    }
    const discarded = outcome._tag === "Response" ? [outcome.response] : carried(outcome.cause)
    return Effect.flatMap(Effect.forEach(discarded, release, { discard: true }), () => this.follow(queued))
  }

  private follow({ isBounded, reason, request }: FollowUp): ResponseEffect {
    const { state } = this
    if (!isBounded) state.followUps++
    const { maxFollowUps } = state.plan.settings
    if (state.followUps > maxFollowUps) return this.refuse({ _tag: "TooManyFollowUps", maxFollowUps }, reason)
    if (state.hasSentBody(request) && !canReplay(request)) return this.refuse({ _tag: "BodyNotReplayable" }, reason)
    this.cancelUnsent(request)
    this.outcome = undefined
    return state.begin(request, reason)
  }

  private refuse(reason: FollowUpError["reason"], handler: string): ResponseEffect {
    this.outcome = undefined
    return Effect.fail(new FollowUpError({ reason, cycles: this.attempt, handler }))
  }

  /** Cancels request bodies that the network never got, save that of the next request. */
  private cancelUnsent(next?: Request): void {
    if (this.isSent) return
    for (const request of [this.original, this.outgoing]) {
      if (isOpen(request) && request.body !== next?.body) cancel(request)
    }
  }

  private within(effect: Effect.Effect<any, unknown>, work: "network" | "method"): Effect.Effect<any, unknown> {
    if (this.bounds === undefined) return effect
    return this.bounds.reduceRight(
      (inside, { bound, position }) => (position < this.position ? bound(inside, work, this.outgoing) : inside),
      effect
    )
  }

  private wait(
    effect: Effect.Effect<unknown, unknown>,
    then: (exit: Exit.Exit<unknown, unknown>) => ResponseEffect
  ): ResponseEffect {
    const { context, fiber } = this.state
    const { services } = this.handlers[this.position]!
    if (fiber.context !== context) fiber.setContext(context)
    const provided = services === undefined ? effect : services.provide(effect)
    return Effect.matchCauseEffect(this.within(provided, "method"), {
      onSuccess: (value) => then(Exit.succeed(value)),
      onFailure: (cause) => then(Exit.failCause(cause))
    })
  }
}

const failure = (cause: Cause.Cause<unknown>): Outcome => ({ _tag: "Failure", cause })

/** Calls a method: one that throws before it returns anything is a defect like any other. */
const attempt = (method: () => unknown): unknown => {
  try {
    return method()
  } catch (defect) {
    return Exit.die(defect)
  }
}
