/**
 * Runs a pipeline: one loop over its stages for each request. Internal to the server part.
 *
 * The meaning is a left fold: a stage with a normal method is `flatMap`, one that recovers is `catch`. It is run as one loop over a small
 * mutable object, because a fold of `matchCauseEffect` costs a fiber step for each stage: stages that return a plain value or an `Exit` are
 * run synchronously here, and only an Effect that has to be run leaves the loop. The flow then waits for it as a frame on the fiber's stack.
 *
 * Each evaluation makes a fresh `Flow`, so concurrent requests, and retries and races of an around, never share one.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"

import { isEffect, isExit } from "../core/Effects.ts"
import * as ContinuationFrame from "./ContinuationFrame.ts"
import type { App, Request, Response } from "./HttpTypes.ts"
import { copyOf } from "./MissingHeaders.ts"
import { noteRoute } from "./Outgoing.ts"
import type { StageWatch } from "./PipelineWatch.ts"
import { Route } from "./RequestState.ts"
import { faultOf, isResponse } from "./Sendable.ts"
import { ManyKeys, Op, Pass } from "./Stage.ts"
import type { Caught, Stage } from "./Stage.ts"
import { annotated, failureOf, withDefects } from "./StageCause.ts"

/** A pipeline without its outers, ready to run. */
export interface Plan {
  readonly name: string
  readonly stages: ReadonlyArray<Stage>
  /** Where the `onExit` stages are. */
  readonly finalizers: ReadonlyArray<number>
}

/** Runs the plan on the request in the fiber's context. */
export const evaluate = (plan: Plan, fiber: Fiber.Fiber<any, any>, watch: StageWatch | undefined): App =>
  start(new Flow(plan, fiber, watch))

const start = (flow: Flow): App => flow.run()

/** Runs a finalizer after `inside`, however that ends. */
const finalizing = (flow: Flow, inside: App, at: number): App => {
  const stage = flow.plan.stages[at]!
  return Effect.onExit(inside, (exit) => {
    flow.watch?.cut(exit)
    flow.watch?.begin(stage, at)
    const finalizer = Effect.suspend(
      () => stage.run(exit, flow.request, undefined, flow.context) as Effect.Effect<void, never, any>
    )
    return Effect.onExit(finalizer, (ended) => Effect.sync(() => flow.watch?.settle(stage, ended)))
  })
}

// An `onExit` stage is a finalizer of everything before it, so the first is the innermost. Only where frames cannot be used.
const guard = (flow: Flow, suspended: App, first: number): App => {
  const { finalizers, stages } = flow.plan
  return finalizers.slice(first).reduce<App>((inside, at, index) => {
    const stage = stages[at]!
    const end = finalizers[first + index + 1] ?? stages.length
    return Effect.matchCauseEffect(finalizing(flow, inside, at), {
      onSuccess: (response) => flow.resume(at + 1, end, response, undefined),
      onFailure: (cause) => flow.resume(at + 1, end, undefined, flow.named(stage, cause))
    })
  }, suspended)
}

const RequestKey = HttpServerRequest.HttpServerRequest.key

class Flow implements ContinuationFrame.Frame {
  readonly plan: Plan
  readonly fiber: Fiber.Fiber<any, any>
  readonly outside: Context.Context<never>
  pc = 0
  end: number
  context: Context.Context<never>
  request: Request
  response: Response | undefined = undefined
  cause: Cause.Cause<unknown> | undefined = undefined
  stored: Array<unknown> | undefined = undefined
  readonly watch: StageWatch | undefined
  private current: Stage | undefined = undefined
  /** The copy of the response that headers stages in a row write to. */
  private owned: Response | undefined = undefined
  /** The last stage that returned another response. */
  private replacer: Stage | undefined = undefined
  private restores = false
  private handlers: Handlers | undefined = undefined
  /** Whether the `onExit` stages to come are frames already. */
  private guarded = false
  /** Whether `onExit` stages come after the suspended effect, which an interruption must not skip. */
  private protects = false
  /** Whether the frame that makes the fiber interruptible again is the next one on its stack. */
  private masked = false
  /** The context that the suspended effect left, where it is another one than it got. */
  private left: Context.Context<never> | undefined = undefined
  /** The response that finalizers see, as an Exit. */
  private answered: Exit.Exit<Response> | undefined = undefined

  constructor(plan: Plan, fiber: Fiber.Fiber<any, any>, watch: StageWatch | undefined) {
    this.plan = plan
    this.fiber = fiber
    this.watch = watch
    this.end = plan.stages.length
    this.outside = this.context = fiber.context
    this.request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
  }

  run(): App {
    const stages = this.plan.stages
    while (this.pc < this.end) {
      const stage = stages[this.pc++]!
      let out: unknown
      let effect: Stage["effect"]
      try {
        if (this.cause === undefined) {
          if (stage.op === Op.before || stage.op === Op.handle) {
            this.watch?.begin(stage, this.pc - 1)
            effect = stage.effect
            if (effect === undefined) {
              out = stage.run(this.request, this.request, undefined, this.context)
              if (out === undefined && stage.returnsNothing) {
                this.watch?.settle(stage, Exit.void)
                continue
              }
            }
          } else if (stage.op === Op.after) {
            this.watch?.begin(stage, this.pc - 1)
            const stored = stage.slot === -1 ? undefined : this.storedAt(stage.slot)
            this.owned = undefined
            out = stage.run(this.response, this.request, stored, this.context)
            if (out === this.response) {
              this.watch?.settle(stage, Exit.void)
              continue
            }
          } else if (stage.op === Op.headers) {
            this.watch?.begin(stage, this.pc - 1)
            this.setHeaders(stage)
            continue
          } else if (stage.op === Op.onExit) {
            out = this.finalize(stage, (this.answered ??= Exit.succeed(this.response!)))
          } else if (stage.op === Op.defect && !this.isSendable()) {
            // An unsendable response is a defect of the stage that returned it, for this stage to catch.
            out = this.recover(stage, this.cause!)
            this.watch?.begin(stage, this.pc - 1)
          } else continue
        } else if (stage.op === Op.onExit) {
          out = this.finalize(stage, Exit.failCause(this.cause))
        } else {
          out = this.recover(stage, this.cause)
          if (out === Pass) continue
          this.watch?.begin(stage, this.pc - 1)
        }
      } catch (defect) {
        if (this.cause !== undefined && stage.op !== Op.onExit) this.watch?.begin(stage, this.pc - 1)
        this.fail(stage, Cause.die(defect))
        continue
      }
      if (effect !== undefined) return this.suspend(stage, effect)
      if (!isEffect(out)) this.accept(stage, out)
      else if (!isExit(out)) return this.suspend(stage, out)
      else if (out._tag === "Success") this.accept(stage, out.value)
      else this.fail(stage, out.cause)
    }
    if (this.cause === undefined && (this.end < stages.length || this.isSendable())) return Exit.succeed(this.response!)
    return Exit.failCause(this.cause!)
  }

  /** Whether the response can be sent; if not, the last stage that returned another one has a defect. */
  private isSendable(): boolean {
    const fault = faultOf(this.response)
    if (fault === undefined) return true
    const defect = Cause.die(new TypeError(`The response cannot be sent: ${fault}`))
    this.cause = this.replacer === undefined ? defect : this.named(this.replacer, defect)
    return false
  }

  // The copy of the previous headers stage is seen by nobody else yet.
  private setHeaders(stage: Stage): void {
    if (this.response !== this.owned) {
      this.response = this.owned = copyOf(this.response!)
      this.answered = undefined
    }
    const headers = this.owned!.headers as Record<string, string>
    const { headers: added } = stage
    for (const name in added) headers[name] = added[name]!
    this.replacer = stage
    this.watch?.settle(stage, Exit.void)
  }

  private finalize(stage: Stage, exit: Exit.Exit<Response, unknown>): unknown {
    this.owned = undefined
    this.watch?.begin(stage, this.pc - 1)
    return stage.run(exit, this.request, undefined, this.context)
  }

  resume(pc: number, end: number, response: Response | undefined, cause: Cause.Cause<unknown> | undefined): App {
    this.pc = pc
    this.end = end
    this.response = response
    this.answered = undefined
    this.cause = cause
    // The frame that restores the context was inside of the `onExit` stage's.
    this.restores = false
    return this.run()
  }

  // Only a typed failure is for catches, and only a defect for a defect stage: interruption passes all of them.
  private recover(stage: Stage, cause: Cause.Cause<unknown>): unknown {
    if (stage.op === Op.recover || stage.op === Op.catch) {
      const failure = failureOf(cause)
      if (failure === undefined) return Pass
      const caught = stage.slot === -1 ? cause : ({ cause, stored: this.storedAt(stage.slot) } satisfies Caught)
      return stage.run(failure.error, this.request, caught, this.context)
    }
    if (stage.op !== Op.defect) return Pass
    const death = cause.reasons.find(Cause.isDieReason)
    return death === undefined ? Pass : stage.run(death.defect, this.request, cause, this.context)
  }

  private accept(stage: Stage, value: any): void {
    if (stage.op === Op.onExit) return this.watch?.settle(stage, Exit.void)
    if (stage.op > Op.recover && stage.op < Op.onExit && !isResponse(value)) {
      return this.fail(stage, Cause.die(new TypeError(`The response cannot be sent: ${faultOf(value)}`)))
    }
    this.watch?.settle(stage, Exit.void)
    if (stage.op === Op.before) {
      if (stage.slot !== -1) (this.stored ??= [])[stage.slot] = value
      if (stage.key === undefined) return
      if (stage.key === ManyKeys) return this.provideAll(value)
      if (stage.key === RequestKey) this.request = value
      this.context = Context.addUnsafe(this.context, stage.key, value)
    } else if (stage.op === Op.recover) {
      this.cause = undefined
      if (Context.isContext(value)) this.context = Context.merge(this.context, value)
      this.pc += stage.jump
    } else {
      this.cause = undefined
      this.pc += stage.jump
      if (value === this.response) return
      this.replacer = stage
      this.response = value
      this.answered = undefined
    }
  }

  private provideAll(provided: Context.Context<never>): void {
    this.context = Context.merge(this.context, provided)
    this.request = Context.getUnsafe(this.context, HttpServerRequest.HttpServerRequest)
  }

  private fail(stage: Stage, cause: Cause.Cause<unknown>): void {
    const earlier = stage.op === Op.onExit ? this.cause : undefined
    this.cause = this.named(stage, earlier === undefined ? cause : withDefects(earlier, cause))
    this.watch?.settle(stage, Exit.failCause(cause))
  }

  named<E>(stage: Stage, cause: Cause.Cause<E>): Cause.Cause<E> {
    return Cause.hasDies(cause) ? annotated(cause, this.fiber, this.plan.name, stage.name) : cause
  }

  private storedAt(slot: number): Option.Option<unknown> {
    return this.stored !== undefined && slot in this.stored ? Option.some(this.stored[slot]) : Option.none()
  }

  private suspend(stage: Stage, effect: Effect.Effect<unknown, unknown, unknown>): App {
    if (!(ContinuationFrame.support.isSupported ?? ContinuationFrame.isSupported())) {
      return this.suspendPublicly(stage, effect)
    }
    const { fiber } = this
    const { finalizers } = this.plan
    let context = this.context
    if (finalizers.length > 0) {
      this.protects = finalizers[finalizers.length - 1]! >= this.pc
      if (stage.op === Op.onExit) {
        // A finalizer runs to its end, in the context around the pipeline, which the fiber has here.
        context = fiber.context
        if (!this.masked) this.masked = ContinuationFrame.mask(fiber)
      } else if (this.masked) {
        this.masked = false
        ContinuationFrame.unmask(fiber)
      }
    }
    this.current = stage
    if (fiber.context !== context) fiber.setContext(context)
    return ContinuationFrame.enter(fiber, this, effect) as App
  }

  private suspendPublicly(stage: Stage, effect: Effect.Effect<unknown, unknown, unknown>): App {
    const { finalizers } = this.plan
    const isFinalizer = stage.op === Op.onExit
    if (!isFinalizer && (finalizers.length === 0 || this.guarded)) return this.waitFor(stage, effect, this.context)
    const waited = isFinalizer ? Effect.uninterruptible(effect) : effect
    const context = isFinalizer ? this.outside : this.context
    if (this.guarded || finalizers.at(-1)! < this.pc) return this.waitFor(stage, waited, context)
    const first = finalizers.findIndex((at) => at >= this.pc)
    this.guarded = true
    this.end = finalizers[first]!
    return guard(
      this,
      Effect.suspend(() => this.waitFor(stage, waited, context)),
      first
    )
  }

  private waitFor(
    stage: Stage,
    effect: Effect.Effect<unknown, unknown, unknown>,
    context: Context.Context<never>
  ): App {
    this.current = stage
    if (this.fiber.context !== context) this.fiber.setContext(context)
    const next: App = Effect.matchCauseEffect(effect, (this.handlers ??= this.makeHandlers()))
    if (this.restores) return next
    this.restores = true
    return Effect.onExitPrimitive(next, () => this.restore())
  }

  /** The suspended effect has ended, or was interrupted: the context around the pipeline is in force again. */
  [ContinuationFrame.onEnd](): undefined {
    const left = this.fiber.context
    if (left !== this.context) this.left = left
    if (left !== this.outside) this.restore()
    // An interruption skips the frames of an interruptible fiber, and the finalizers have to run.
    if (this.protects && !this.masked && ContinuationFrame.interruptionOf(this.fiber) !== undefined) {
      this.masked = ContinuationFrame.mask(this.fiber)
    }
  }

  [ContinuationFrame.onSuccess](value: unknown): App {
    if (this.masked) {
      const interruption = ContinuationFrame.interruptionOf(this.fiber)
      if (interruption !== undefined) return this.finalizeAll(interruption)
    }
    if (this.left !== undefined) this.adopt(this.left)
    this.accept(this.current!, value)
    return this.run()
  }

  [ContinuationFrame.onFailure](cause: Cause.Cause<unknown>): App {
    if (this.masked && ContinuationFrame.interruptionOf(this.fiber) !== undefined) return this.finalizeAll(cause)
    if (this.left !== undefined) this.adopt(this.left)
    this.fail(this.current!, cause)
    return this.run()
  }

  /** After an interruption of the fiber: runs the later finalizers, and no other stage. */
  private finalizeAll(cause: Cause.Cause<unknown>): App {
    const left = this.plan.finalizers.filter((at) => at >= this.pc)
    return left.reduce<App>((inside, at) => finalizing(this, inside, at), Exit.failCause(cause))
  }

  private makeHandlers(): Handlers {
    return {
      onSuccess: (value) => {
        this.adopt(this.fiber.context)
        this.accept(this.current!, value)
        return this.run()
      },
      onFailure: (cause) => {
        this.adopt(this.fiber.context)
        this.fail(this.current!, cause)
        return this.run()
      }
    }
  }

  // A stage may leave something in the fiber's context on purpose: the router its route, `annotateLogsScoped` its annotations. Later
  // stages keep it, but the request that the router cut to its prefix is not theirs.
  private adopt(left: Context.Context<never>): void {
    this.left = undefined
    // The context of a finalizer is not adopted.
    if (left === this.context || this.current!.op === Op.onExit) return
    noteRoute(left)
    this.context =
      Context.getUnsafe(left, HttpServerRequest.HttpServerRequest) === this.request
        ? left
        : Context.addUnsafe(left, RequestKey, this.request)
  }

  // The code around the pipeline sees none of its services, but the route, as it does after the router itself.
  private restore(): undefined {
    const route = Context.getOrUndefined(this.fiber.context, Route)
    this.fiber.setContext(route === undefined ? this.outside : Context.addUnsafe(this.outside, Route.key, route))
  }
}

interface Handlers {
  readonly onSuccess: (value: unknown) => App
  readonly onFailure: (cause: Cause.Cause<unknown>) => App
}
