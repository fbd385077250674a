/**
 * A response on its way out: the `sending` stages of all pipelines that the request met, and their `ended` observers. Internal to
 * the server part.
 *
 * A server of Effect keeps a state for each request, with a handler that it calls when the response is decided, whoever produced it. The first pipeline
 * with such stages hangs one `Outgoing` on that state; pipelines inside of it add theirs.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpEffect from "effect/http/HttpEffect"
import * as Scope from "effect/Scope"

import { isEffect, isExit } from "../core/Effects.ts"
import type { Watch } from "../core/Watch.ts"
import { abort, hungUp, isAborted } from "./ClientAborts.ts"
import * as ContinuationFrame from "./ContinuationFrame.ts"
import type { App, Request, Response } from "./HttpTypes.ts"
import type { Ending, ResponseEnd } from "./MiddlewareTypes.ts"
import type { OutgoingPlan } from "./OutgoingPlan.ts"
import { attempt, begin, ended, observe, settle } from "./OutgoingStages.ts"
import type { StageOrigin } from "./OutgoingStages.ts"
import { CurrentState, Route } from "./RequestState.ts"
import type { RequestState } from "./RequestState.ts"
import { faultOf } from "./Sendable.ts"
import { SentBody } from "./SentBody.ts"
import { upgradeOf } from "./UpgradedRequest.ts"

/** The state of a request that has an outgoing response. */
interface OutgoingState extends RequestState {
  [OutgoingKey]?: Outgoing
}

const OutgoingKey: unique symbol = Symbol("fairlead/server/Outgoing")

const stateOf = (fiber: Fiber.Fiber<any, any>): OutgoingState | undefined =>
  Context.getOrUndefined(fiber.context, CurrentState)

/** Runs `app` with the plan's stages on the response of the request that the fiber handles. */
export const enter = (plan: OutgoingPlan, fiber: Fiber.Fiber<any, any>, app: () => App): App => {
  const state = stateOf(fiber)
  // Evaluated without a server: no response leaves.
  if (state === undefined) return app()
  return within(state, fiber, (outgoing) => {
    outgoing.add(plan, fiber.context)
    const observing = plan.ended.length === 0 ? undefined : outgoing.observe(fiber)
    return observing === undefined ? app() : Effect.andThen(observing, Effect.suspend(app))
  })
}

/** Runs `app` as a flow that ends when the response has ended. Evaluated without a server, it ends with `app`. */
export const watchToEnd = (watch: Watch, fiber: Fiber.Fiber<any, any>, app: App): App => {
  const outgoing = responseOf(fiber)
  return outgoing === undefined ? watch.run(app) : outgoing.watch(watch, fiber, app)
}

/** The outgoing response of the request that the fiber handles, for a flow that ends when it has ended; `undefined` without a server. */
export const responseOf = (fiber: Fiber.Fiber<any, any>): Outgoing | undefined => {
  const state = stateOf(fiber)
  const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
  if (state === undefined || scope === undefined || scope.state._tag === "Closed") return undefined
  return state[OutgoingKey] ?? (state[OutgoingKey] = new Outgoing(state, fiber))
}

/** Runs with the request's response, which the first to come creates and hands to the server. */
const within = (state: OutgoingState, fiber: Fiber.Fiber<any, any>, run: (outgoing: Outgoing) => App): App => {
  const present = state[OutgoingKey]
  if (present !== undefined) return run(present)
  const outgoing = (state[OutgoingKey] = new Outgoing(state, fiber))
  outgoing.owner = state
  const append = (): undefined => outgoing.appendUnsafe(fiber)
  if (!(ContinuationFrame.support.isSupported ?? ContinuationFrame.isSupported())) {
    return Effect.onExitPrimitive(
      Effect.suspend(() => run(outgoing)),
      append
    )
  }
  // Before `run`, whose frames end first.
  ContinuationFrame.push(fiber, { [ContinuationFrame.onEnd]: append })
  return run(outgoing)
}

/** Passes the fiber's current context and request to the plan's stages. */
export const refresh = (plan: OutgoingPlan, fiber: Fiber.Fiber<any, any>): void =>
  stateOf(fiber)?.[OutgoingKey]?.refresh(plan, fiber.context)

/** Notes the route that the router left in a context. Code around the router may restore the context of before, whatever services it provides. */
export const noteRoute = (context: Context.Context<never>): void => {
  const state: OutgoingState | undefined = Context.getOrUndefined(context, CurrentState)
  const outgoing = state?.[OutgoingKey]
  if (outgoing !== undefined) outgoing.route ??= Context.getOrUndefined(context, Route)?.route.path
}

/** A flow of the probe that ends with the response, and how its composite ended. */
interface OpenFlow {
  readonly watch: Watch
  exit: Exit.Exit<unknown, unknown> | undefined
}

interface Entry {
  readonly plan: OutgoingPlan
  /** The context in which the composite began. */
  readonly context: Context.Context<never>
  readonly request: Request
}

/** The outgoing response of one request. */
export class Outgoing {
  private readonly state: RequestState
  private readonly clock: Clock.Clock
  private readonly startedAt: bigint
  /** Outermost first. */
  private readonly entries: Array<Entry> = []
  private request: Request
  private response: Response | undefined = undefined
  private body: SentBody | undefined = undefined
  route: string | undefined = undefined
  private hasObservers = false
  private observes = false
  /** Whether the end of the scope is sure to be seen. */
  private isObserved = false
  /** The flows of the probe that end with the response, outermost first. */
  private readonly flows: Array<OpenFlow> = []
  /** The flow in which stages are reported: that of the outermost pipeline. */
  private stageWatch: Watch | undefined = undefined
  /** Who hands it to the server. */
  owner: object | undefined = undefined

  constructor(state: RequestState, fiber: Fiber.Fiber<any, any>) {
    this.state = state
    this.request = requestIn(fiber.context)
    this.clock = fiber.getRef(Clock.Clock)
    this.startedAt = this.clock.monotonicTimeNanosUnsafe()
  }

  add(plan: OutgoingPlan, context: Context.Context<never>): void {
    // A second evaluation, by a retry, takes the place of the first.
    const again = this.entries.findIndex((entry) => entry.plan === plan)
    if (again !== -1) this.entries.splice(again, 1)
    this.entries.push({ plan, context, request: requestIn(context) })
    this.hasObservers ||= plan.ended.length > 0
    if (plan.sendingInside.length === 0) return
    const outside = this.state.preResponseHandler
    const inside: HttpEffect.PreResponseHandler = (_, response) => {
      const at = this.entries.findIndex((entry) => entry.plan === plan)
      return this.send("sendingInside", response, at, at)
    }
    this.state.preResponseHandler =
      outside === undefined
        ? inside
        : (request, response) => Effect.flatMap(inside(request, response), (next) => outside(request, next))
  }

  /** Replaces the context of a plan, in its place. */
  refresh(plan: OutgoingPlan, context: Context.Context<never>): void {
    const at = this.entries.findIndex((entry) => entry.plan === plan)
    if (at !== -1) this.entries[at] = { plan, context, request: requestIn(context) }
  }

  /** Observes the end of the request's scope; nothing when it is observed already. */
  observe(fiber: Fiber.Fiber<any, any>): Effect.Effect<void> | undefined {
    const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
    if (this.observes || scope === undefined) return undefined
    this.observes = true
    return Effect.map(
      Scope.addFinalizerExit(scope, (exit) => this.end(exit)),
      () => {
        this.isObserved = true
      }
    )
  }

  /** Runs `app` as a flow, and keeps the flow open until the response has ended. */
  watch(watch: Watch, fiber: Fiber.Fiber<any, any>, app: App): App {
    return Effect.uninterruptibleMask((restore) => {
      watch.open()
      const observing = this.hold(watch, fiber)
      const watched = Effect.onExitPrimitive(watch.enclose<Response, unknown, unknown>(restore(app)), (exit) => {
        this.leaveFlow(watch, exit, fiber)
        return undefined
      })
      return observing === undefined ? watched : Effect.andThen(observing, watched)
    })
  }

  /** Keeps a flow open until the response has ended. */
  hold(watch: Watch, fiber: Fiber.Fiber<any, any>): Effect.Effect<void> | undefined {
    this.owner ??= watch
    if (watch.part === "server") this.stageWatch = watch
    this.flows.push({ watch, exit: undefined })
    return this.observe(fiber)
  }

  /** Notes how the app that ran as a flow ended: the flow itself ends with the response. */
  leaveFlow(watch: Watch, exit: Exit.Exit<unknown, unknown>, fiber: Fiber.Fiber<any, any>): void {
    const flow = this.flows.find((flow) => flow.watch === watch)
    if (flow !== undefined) flow.exit = exit
    // An interruption may come before the scope is observed.
    if (!this.isObserved) watch.close(exit)
    if (this.owner === watch) this.appendUnsafe(fiber)
  }

  /** After all that the app registered, so that it sees the response as it leaves. */
  appendUnsafe(fiber: Fiber.Fiber<any, any>): undefined {
    this.route ??= routeIn(fiber)
    HttpEffect.appendPreResponseHandlerUnsafe(fiber.context, (request, response) => this.leave(request, response))
  }

  private leave(request: Request, response: Response): Effect.Effect<Response> {
    this.request = request
    this.route ??= routeIn(Fiber.getCurrent()!)
    // After an upgrade there is no response left to send: the transport wrote its own, and discards this one.
    const upgraded = upgradeOf(request)
    if (upgraded !== undefined) {
      this.response = upgraded
      return Exit.succeed(response)
    }
    const sent = this.send("sending", response, this.entries.length - 1, 0)
    return this.observes
      ? Effect.mapEager(sent, (response) => {
          this.body = new SentBody(request, response)
          return (this.response = this.body.response)
        })
      : sent
  }

  /** Runs the stages of the entries between two places; the inner composites come first. */
  private send(
    place: "sending" | "sendingInside",
    response: Response,
    from: number,
    to: number
  ): Effect.Effect<Response> {
    if (from < to) return Exit.succeed(response)
    const watch = this.stageWatch
    const ending: Ending = { cause: this.state.cause, route: this.route ?? routeIn(Fiber.getCurrent()!) }
    const step = (at: number, index: number, response: Response): Effect.Effect<Response> => {
      for (let entryAt = at; entryAt >= to; entryAt--, index = 0) {
        const { context, plan, request } = this.entries[entryAt]!
        const stages = plan[place]
        for (let next = index; next < stages.length; next++) {
          const stage = stages[next]!
          if (this.isReplaced(stage.name, entryAt, "names")) continue
          const previous = response
          const started = begin(watch, plan.composite, stage, "sending")
          const out = attempt(stage.run, context, previous, request, ending)
          if (out === response || (!isEffect(out) && faultOf(out) === undefined)) {
            ended(watch, started)
            response = out as Response
            continue
          }
          const origin: StageOrigin = {
            composite: plan.composite,
            stage: stage.name,
            request,
            context,
            watch,
            started
          }
          const settled = settle(out, previous, origin)
          return Effect.flatMap(settled, (response) => step(entryAt, next + 1, response))
        }
      }
      return Exit.succeed(response)
    }
    return step(from, 0, response)
  }

  // The innermost of a name runs, for all that have it.
  private isReplaced(name: string, at: number, names: "names" | "endedNames"): boolean {
    if (at === this.entries.length - 1 || !this.entries[at]!.plan.replaceable) return false
    for (let inner = at + 1; inner < this.entries.length; inner++) {
      if (this.entries[inner]!.plan[names].has(name)) return true
    }
    return false
  }

  /** The request's scope has closed: the body was sent, or never will be. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const info = this.info(exit)
    const bodyExit = this.bodyExit(exit, info.aborted)
    const observed = this.hasObservers ? this.observeAll(this.entries.length - 1, 0, bodyExit, info) : Exit.void
    if (this.flows.length === 0) return observed
    if (!isExit(observed))
      return Effect.ensuring(
        observed,
        Effect.sync(() => this.closeFlows(bodyExit, info))
      )
    this.closeFlows(bodyExit, info)
    return observed
  }

  /** Calls the observers from a place on. Those of inner composites come first; of one name the innermost alone is called. */
  private observeAll(
    from: number,
    index: number,
    exit: Exit.Exit<void, unknown>,
    info: ResponseEnd
  ): Effect.Effect<void> {
    const watch = this.stageWatch
    for (let at = from; at >= 0; at--, index = 0) {
      const { context, plan } = this.entries[at]!
      for (let next = index; next < plan.ended.length; next++) {
        const stage = plan.ended[next]!
        if (this.isReplaced(stage.name, at, "endedNames")) continue
        const started = begin(watch, plan.composite, stage, "ended")
        const out = attempt(stage.run, context, exit, info, undefined)
        if (!isEffect(out) || (isExit(out) && out._tag === "Success")) {
          ended(watch, started)
          continue
        }
        const { composite } = plan
        const origin: StageOrigin = { composite, stage: stage.name, request: info.request, context, watch, started }
        return Effect.flatMap(observe(out, origin), () => this.observeAll(at, next + 1, exit, info))
      }
    }
    return Exit.void
  }

  // A flow whose composite failed ends with that failure, although a response to it was sent.
  private closeFlows(bodyExit: Exit.Exit<void, unknown>, { bytes, response, route, status }: ResponseEnd): void {
    const sent: Record<string, string | number> = {}
    if (route !== undefined) sent["http.route"] = route
    if (response !== undefined) {
      sent["http.response.status_code"] = status
      if (bytes !== undefined) sent["http.response.body.size"] = bytes
    }
    for (const { exit, watch } of this.flows.toReversed()) {
      watch.close(exit !== undefined && Exit.isFailure(exit) ? exit : bodyExit, undefined, sent)
    }
  }

  private info(exit: Exit.Exit<unknown, unknown>): ResponseEnd {
    const { request } = this
    const streamed = this.body?.exit
    const aborted =
      streamed === undefined
        ? (Exit.isFailure(exit) && isAborted(exit.cause)) || hungUp(request, this.response)
        : Exit.isFailure(streamed) && Cause.hasInterruptsOnly(streamed.cause)
    return {
      request,
      response: this.response,
      status: this.response?.status ?? 500,
      bytes: this.body === undefined ? 0 : this.body.bytes(Exit.isSuccess(exit) && !aborted),
      duration: Duration.nanos(this.clock.monotonicTimeNanosUnsafe() - this.startedAt),
      aborted,
      route: this.route
    }
  }

  // A scope closes with the app's own failure although its answer was sent: the body did not fail.
  private bodyExit(exit: Exit.Exit<unknown, unknown>, aborted: boolean): Exit.Exit<void, unknown> {
    const streamed = this.body?.exit
    if (streamed !== undefined) return streamed
    if (Exit.isSuccess(exit)) return aborted ? Exit.failCause(abort) : Exit.void
    return this.state.cause !== undefined && this.response !== undefined && !aborted
      ? Exit.void
      : Exit.failCause(exit.cause)
  }
}

const routeIn = ({ context }: Fiber.Fiber<any, any>): string | undefined =>
  Context.getOrUndefined(context, Route)?.route.path

const requestIn = (context: Context.Context<never>): Request =>
  Context.getUnsafe(context as Context.Context<Request>, RequestKey)

const RequestKey = Context.Service<Request, Request>("effect/http/HttpServerRequest")
