/**
 * Runs a pipeline: one loop over its stages for each request. Internal to the server part.
 *
 * The meaning is a left fold: a stage with a normal method is `flatMap`, one that recovers is `catch`. It is run as one loop over a small
 * mutable object, because a fold of `matchCauseEffect` costs a fiber step for each stage: stages that give a plain value or an `Exit` are
 * run synchronously here, and only an Effect that has to be run leaves the loop.
 *
 * Each evaluation makes a fresh `Flow`, so concurrent requests, and retries and races of an around, never share one.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import * as References from "effect/References"

import { isEffect, isExit } from "../core/Effects.ts"
import { annotate } from "../core/Interceptor.ts"
import * as Probe from "../core/Probe.ts"
import { endOf, Watch as CoreWatch } from "../core/Watch.ts"
import type { App, Request, Response } from "./Model.ts"
import { Op, Pass } from "./Stage.ts"
import type { Stage } from "./Stage.ts"

/** A pipeline without its outers, ready to run. */
export interface Plan {
  readonly name: string
  readonly stages: ReadonlyArray<Stage>
  /** Where the ensure stages are. */
  readonly ensures: ReadonlyArray<number>
}

/** Runs the plan on the request in the fiber's context. */
export const evaluate = (plan: Plan, fiber: Fiber.Fiber<any, any>): App =>
  fiber.getRef(Probe.Probe) === undefined
    ? start(new Flow(plan, fiber, undefined))
    : Watch.over(plan.name, plan.name, "flow", fiber, (watch) =>
        Effect.withFiber((fiber) => start(new Flow(plan, fiber, watch)))
      )

const start = (flow: Flow): App => (flow.plan.ensures.length === 0 ? flow.run() : enter(flow))

/** Puts the name of an around, an outer or a wrapped handler on its defects, and reports it to the probe. */
export const named = (composite: string, name: string, phase: string, app: App): App => {
  const plain = Effect.matchCauseEffect(app, {
    onSuccess: (response) => Exit.succeed(response),
    onFailure: (cause) => withOrigin(cause, composite, name)
  })
  return Effect.withFiber((fiber) =>
    fiber.getRef(Probe.Probe) === undefined ? plain : Watch.over(composite, name, phase, fiber, () => plain)
  )
}

const withOrigin = <E>(cause: Cause.Cause<E>, composite: string, interceptor: string): Effect.Effect<never, E> =>
  Cause.hasDies(cause)
    ? Effect.withFiber((fiber) => Exit.failCause(annotated(cause, fiber, composite, interceptor)))
    : Exit.failCause(cause)

const annotated = <E>(
  cause: Cause.Cause<E>,
  fiber: Fiber.Fiber<any, any>,
  composite: string,
  interceptor: string
): Cause.Cause<E> => {
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  return annotate(cause, { part: "server", composite, interceptor, annotations })
}

// An ensure stage is a finalizer of everything before it, so the frame of the first is the innermost.
const enter = (flow: Flow): App => {
  const { ensures, stages } = flow.plan
  flow.end = ensures[0]!
  return ensures.reduce<App>(
    (inside, at, index) => {
      const stage = stages[at]!
      const end = ensures[index + 1] ?? stages.length
      const guarded = Effect.onExit(inside, (exit) => {
        flow.watch?.cut(exit)
        flow.watch?.begin(stage)
        const finalizer = Effect.suspend(
          () => stage.run(exit, flow.request, undefined) as Effect.Effect<void, never, any>
        )
        return Effect.onExit(finalizer, (ended) => Effect.sync(() => flow.watch?.settle(stage, ended)))
      })
      return Effect.matchCauseEffect(guarded, {
        onSuccess: (response) => flow.resume(at + 1, end, response, undefined),
        onFailure: (cause) => flow.resume(at + 1, end, undefined, flow.named(stage, cause))
      })
    },
    Effect.suspend(() => flow.run())
  )
}

const RequestKey = HttpServerRequest.HttpServerRequest.key

// The key of HttpRouter.RouteContext, by name: importing the router for it would put it into every bundle.
const Route = Context.Service<unknown, unknown>("effect/http/HttpRouter/RouteContext")

class Flow {
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
  readonly watch: Watch | undefined
  private current: Stage | undefined = undefined
  private restores = false
  private handlers: Handlers | undefined = undefined

  constructor(plan: Plan, fiber: Fiber.Fiber<any, any>, watch: Watch | undefined) {
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
      try {
        if (this.cause === undefined) {
          if (stage.op === Op.before || stage.op === Op.handle) {
            this.watch?.begin(stage)
            out = stage.run(this.request, this.request, this.context)
          } else if (stage.op === Op.after) {
            this.watch?.begin(stage)
            out = stage.run(this.response, this.request, stage.slot === -1 ? undefined : this.storedAt(stage.slot))
          } else continue
        } else {
          out = this.recover(stage, this.cause)
          if (out === Pass) continue
          this.watch?.begin(stage)
        }
      } catch (defect) {
        if (this.cause !== undefined) this.watch?.begin(stage)
        this.fail(stage, Cause.die(defect))
        continue
      }
      if (!isEffect(out)) this.accept(stage, out)
      else if (!isExit(out)) return this.suspend(stage, out)
      else if (out._tag === "Success") this.accept(stage, out.value)
      else this.fail(stage, out.cause)
    }
    return this.cause === undefined ? Exit.succeed(this.response!) : Exit.failCause(this.cause)
  }

  resume(pc: number, end: number, response: Response | undefined, cause: Cause.Cause<unknown> | undefined): App {
    this.pc = pc
    this.end = end
    this.response = response
    this.cause = cause
    // The frame that restores the context was inside of the ensure stage's.
    this.restores = false
    return this.run()
  }

  // Only a typed failure is for catches, and only a defect for a defect stage: interruption passes all of them.
  private recover(stage: Stage, cause: Cause.Cause<unknown>): unknown {
    if (stage.op === Op.recover || stage.op === Op.catch) {
      const failure = failureOf(cause)
      return failure === undefined ? Pass : stage.run(failure.error, this.request, cause)
    }
    if (stage.op !== Op.defect) return Pass
    const death = cause.reasons.find(Cause.isDieReason)
    return death === undefined ? Pass : stage.run(death.defect, this.request, cause)
  }

  private accept(stage: Stage, value: any): void {
    this.watch?.settle(stage, Exit.void)
    if (stage.op === Op.before) {
      if (stage.slot !== -1) (this.stored ??= [])[stage.slot] = value
      if (stage.key === undefined) return
      if (stage.key === RequestKey) this.request = value
      this.context = Context.addUnsafe(this.context, stage.key, value)
    } else if (stage.op === Op.recover) {
      this.cause = undefined
      if (Context.isContext(value)) this.context = Context.merge(this.context, value)
      this.pc += stage.jump
    } else {
      this.cause = undefined
      this.response = value
    }
  }

  private fail(stage: Stage, cause: Cause.Cause<unknown>): void {
    this.cause = this.named(stage, cause)
    this.watch?.settle(stage, Exit.failCause(cause))
  }

  named<E>(stage: Stage, cause: Cause.Cause<E>): Cause.Cause<E> {
    return Cause.hasDies(cause) ? annotated(cause, this.fiber, this.plan.name, stage.name) : cause
  }

  private storedAt(slot: number): Option.Option<unknown> {
    return this.stored !== undefined && slot in this.stored ? Option.some(this.stored[slot]) : Option.none()
  }

  private suspend(stage: Stage, effect: Effect.Effect<unknown, unknown, unknown>): App {
    this.current = stage
    if (this.fiber.context !== this.context) this.fiber.setContext(this.context)
    const next: App = Effect.matchCauseEffect(effect, (this.handlers ??= this.makeHandlers()))
    if (this.restores) return next
    this.restores = true
    return Effect.onExitPrimitive(next, () => this.restore())
  }

  private makeHandlers(): Handlers {
    return {
      onSuccess: (value) => {
        this.adopt()
        this.accept(this.current!, value)
        return this.run()
      },
      onFailure: (cause) => {
        this.adopt()
        this.fail(this.current!, cause)
        return this.run()
      }
    }
  }

  // A stage may leave something in the fiber's context on purpose: the router its route, `annotateLogsScoped` its annotations. Later
  // stages keep it, but the request that the router cut to its prefix is not theirs.
  private adopt(): void {
    if (this.fiber.context === this.context) return
    const left = this.fiber.context
    this.context =
      Context.getUnsafe(left, HttpServerRequest.HttpServerRequest) === this.request
        ? left
        : Context.addUnsafe(left, RequestKey, this.request)
  }

  // What is around the pipeline sees none of its services, but the route, as behind the router itself.
  private restore(): undefined {
    const route = Context.getOrUndefined(this.fiber.context, Route)
    this.fiber.setContext(route === undefined ? this.outside : Context.addUnsafe(this.outside, Route.key, route))
  }
}

// A cause that holds a failure and a defect is a defect, as for `Effect.catch`.
const failureOf = (cause: Cause.Cause<unknown>): Cause.Fail<unknown> | undefined =>
  Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)

interface Handlers {
  readonly onSuccess: (value: unknown) => App
  readonly onFailure: (cause: Cause.Cause<unknown>) => App
}

const phases = ["before", "recover", "handle", "after", "catch", "defect", "ensure"]

/** The number of the flow that the fiber is in, so that a pipeline inside a pipeline reports to the same flow. */
const CurrentFlow = Context.Reference<number | undefined>("fairlead/server/CurrentFlow", {
  defaultValue: () => undefined
})

/** Reports one run of a pipeline, an around or an outer to the probe. */
class Watch {
  /** Runs `app` between the reports of its start and its end. */
  static over(
    composite: string,
    interceptor: string,
    phase: string,
    fiber: Fiber.Fiber<any, any>,
    app: (watch: Watch) => App
  ): App {
    const watch = new Watch(composite, fiber)
    const since = watch.start(interceptor, phase)
    return Effect.onExit(Effect.provideService(app(watch), CurrentFlow, watch.flow), (exit) =>
      Effect.sync(() => {
        watch.cut(exit)
        watch.end(interceptor, phase, since, exit, false)
      })
    )
  }

  private readonly watch: CoreWatch
  private open: Stage | undefined = undefined
  private since = 0n

  constructor(composite: string, fiber: Fiber.Fiber<any, any>) {
    const [probe, clock] = [fiber.getRef(Probe.Probe)!, fiber.getRef(Clock.Clock)]
    this.watch = new CoreWatch("server", composite, probe, clock, fiber.getRef(CurrentFlow))
  }

  get flow(): number {
    return this.watch.flow
  }

  begin(stage: Stage): void {
    if (stage.silent) return
    this.open = stage
    this.since = this.start(stage.name, phases[stage.op]!)
  }

  /** Ends the report of a stage that an interruption cut short. */
  cut(exit: Exit.Exit<unknown, unknown>): void {
    if (this.open !== undefined) this.settle(this.open, exit)
  }

  settle(stage: Stage, exit: Exit.Exit<unknown, unknown>): void {
    if (stage.silent) return
    this.open = undefined
    const recovers = stage.op === Op.recover || stage.op === Op.catch || stage.op === Op.defect
    this.end(stage.name, phases[stage.op]!, this.since, exit, recovers)
  }

  private start(interceptor: string, phase: string): bigint {
    return this.watch.start(interceptor, phase)
  }

  private end(
    interceptor: string,
    phase: string,
    since: bigint,
    exit: Exit.Exit<unknown, unknown>,
    recovers: boolean
  ): void {
    const ended = Exit.isSuccess(exit)
      ? ({ outcome: recovers ? "recovered" : "success", tag: undefined } as const)
      : endOf(exit.cause)
    this.watch.end(interceptor, phase, since, ended)
  }
}
