/**
 * Reports the runs of a pipeline to the `Probe`. Internal to the server part.
 *
 * 1. A run of a pipeline is one flow: its outers, stages and arounds are the interceptors in it. A pipeline inside of another is a separate flow, with that one as parent.
 * 2. The subject of a flow is the request's method and path, and at the end the route, the status and the bytes of the body, where they are known.
 * 3. The outermost pipeline of a served request ends its flow with the response: after the last byte, or when the connection has ended. Its status and bytes are those
 *    that were sent, whoever produced the response. A pipeline inside of it ends when it returns, with the response that it returned.
 * 4. Stages for the response on its way out, and observers of its end, are reported in the flow of the outermost pipeline, under the name of the pipeline that declares them: an
 *    inner flow has ended when they run.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import type { Event, Subject } from "../core/ProbeEvent.ts"
import { endOf, succeeded, Watch } from "../core/Watch.ts"
import type { FlowEnd, SubjectOf } from "../core/Watch.ts"
import * as ContinuationFrame from "./ContinuationFrame.ts"
import type { App, Response } from "./HttpTypes.ts"
import { keepingRoute } from "./KeptRoute.ts"
import * as Outgoing from "./Outgoing.ts"
import { pathOf } from "./RequestPath.ts"
import { Route } from "./RequestState.ts"
import { Op } from "./Stage.ts"
import type { Stage } from "./Stage.ts"

const phases = ["before", "recover", "handle", "after", "catch", "defect", "onExit", "after"]

const recovered: FlowEnd = { outcome: "recovered", tag: undefined }

/** How a stage of each kind ends that succeeds. */
const endings = phases.map((phase) =>
  phase === "recover" || phase === "catch" || phase === "defect" ? recovered : succeeded
)

/** A pipeline as the Probe sees it. */
interface WatchedPlan {
  readonly name: string
  readonly outers: ReadonlyArray<unknown>
  /** The place of the handler in the description. */
  readonly handler: number
}

/** The flow that the fiber is in, and where its stages are in the description. */
interface PipelineFlow {
  readonly watch: Watch
  readonly plan: WatchedPlan
}

const CurrentPipeline = Context.Reference<PipelineFlow | undefined>("fairlead/server/CurrentPipeline", {
  defaultValue: () => undefined
})

/** Runs a pipeline as one flow, when a probe listens. */
export const observed = (
  plan: WatchedPlan,
  fiber: Fiber.Fiber<any, any>,
  run: (fiber: Fiber.Fiber<any, any>, watch: StageWatch | undefined) => App
): App => {
  const watch = Watch.of(fiber, "server", plan.name, subjectOf(fiber))
  if (watch === undefined) return run(fiber, undefined)
  const flow: PipelineFlow = { watch, plan }
  const isOutermost = fiber.getRef(CurrentPipeline) === undefined
  if (ContinuationFrame.support.isSupported ?? ContinuationFrame.isSupported()) {
    const response = isOutermost ? Outgoing.responseOf(fiber) : undefined
    ContinuationFrame.push(fiber, new FlowFrame(fiber, watch, response))
    fiber.setContext(Context.addUnsafe(watch.enter(fiber.context), CurrentPipeline.key, flow))
    watch.open()
    const observing = response?.hold(watch, fiber)
    return observing === undefined
      ? run(fiber, new StageWatch(flow))
      : Effect.flatMap(observing, () => run(fiber, new StageWatch(flow)))
  }
  const watched = keepingRoute(
    Effect.withFiber((fiber) => run(fiber, new StageWatch(flow))),
    (app) => {
      const inFlow = Effect.provideService(app, CurrentPipeline, flow)
      return isOutermost ? Outgoing.watchToEnd(watch, fiber, inFlow) : watch.run(inFlow)
    }
  )
  return counted(watched)
}

/** Ends the flow of a pipeline, or leaves that to the end of the response. */
class FlowFrame implements ContinuationFrame.Frame {
  private readonly fiber: Fiber.Fiber<any, any>
  private readonly outside: Context.Context<never>
  private readonly watch: Watch
  private readonly response: Outgoing.Outgoing | undefined

  constructor(fiber: Fiber.Fiber<any, any>, watch: Watch, response: Outgoing.Outgoing | undefined) {
    this.fiber = fiber
    this.outside = fiber.context
    this.watch = watch
    this.response = response
    running++
  }

  [ContinuationFrame.onEnd](): undefined {
    running--
    const { fiber, outside } = this
    const route = Context.getOrUndefined(fiber.context, Route)
    fiber.setContext(route === undefined ? outside : Context.addUnsafe(outside, Route.key, route))
    // An interruption would pass by this frame.
    ContinuationFrame.mask(fiber)
  }

  [ContinuationFrame.onSuccess](value: Response): App {
    return this.end(Exit.succeed(value))
  }

  [ContinuationFrame.onFailure](cause: Cause.Cause<unknown>): App {
    return this.end(Exit.failCause(cause))
  }

  private end(exit: Exit.Exit<Response, unknown>): App {
    if (this.response === undefined) this.watch.close(exit)
    else this.response.leaveFlow(this.watch, exit, this.fiber)
    return exit
  }
}

/** How many pipelines run while a probe listens: without any, outers and arounds need not look for theirs. */
let running = 0

/** Whether a probe listens to any pipeline that runs now. */
export const isWatching = (): boolean => running > 0

const counted = (app: App): App => {
  let isCounted = false
  const counting = Effect.suspend(() => {
    isCounted = true
    running++
    return app
  })
  return Effect.onExitPrimitive(counting, () => {
    if (isCounted) running--
    return undefined
  })
}

const subjectOf = (fiber: Fiber.Fiber<any, any>): SubjectOf => {
  let asked: Subject | undefined
  return (exit) => {
    asked ??= askedIn(fiber.context)
    if (exit === undefined) return asked
    const subject: Record<string, string | number | boolean> = { ...asked }
    const route = Context.getOrUndefined(fiber.context, Route)?.route.path
    if (route !== undefined) subject["http.route"] = route
    if (!Exit.isSuccess(exit) || !HttpServerResponse.isHttpServerResponse(exit.value)) return subject
    const { body, status } = exit.value
    subject["http.response.status_code"] = status
    if ("contentLength" in body && typeof body.contentLength === "number") {
      subject["http.response.body.size"] = body.contentLength
    }
    return subject
  }
}

const askedIn = (context: Context.Context<never>): Subject => {
  const request = Context.getOrUndefined(context, HttpServerRequest.HttpServerRequest)
  return request === undefined ? {} : { "http.request.method": request.method, "url.path": pathOf(request) }
}

/** Reports an outer, an around or a wrapped handler, within the flow that the fiber is in. */
export const reported = (
  fiber: Fiber.Fiber<any, any>,
  name: string,
  phase: string,
  index: number | undefined,
  app: App
): App => {
  const flow = fiber.getRef(CurrentPipeline)
  if (flow === undefined) return app
  const place = { index: index ?? flow.plan.handler }
  return keepingRoute(app, (app) => flow.watch.around(name, phase, () => app, undefined, place) as App)
}

/** Reports the stages of one evaluation. */
export class StageWatch {
  /** The watch of an evaluation; nothing when no probe listens. */
  static of(fiber: Fiber.Fiber<any, any>): StageWatch | undefined {
    const flow = fiber.getRef(CurrentPipeline)
    return flow === undefined ? undefined : new StageWatch(flow)
  }

  private readonly flow: PipelineFlow
  private open: Stage | undefined = undefined
  /** The report of its start. */
  private started: Event | undefined = undefined
  /** When the last stage ended, for the one that starts at once. */
  private ended: bigint | undefined = undefined

  constructor(flow: PipelineFlow) {
    this.flow = flow
  }

  begin(stage: Stage, at: number): void {
    if (stage.silent) return
    this.open = stage
    // A finalizer may begin later than the stage before it ended.
    const now = stage.op === Op.onExit ? undefined : this.ended
    const { plan, watch } = this.flow
    this.started = watch.start(stage.name, phases[stage.op]!, plan.outers.length + at, undefined, now)
    this.ended = undefined
  }

  /** Ends the report of a stage that an interruption cut short. */
  cut(exit: Exit.Exit<unknown, unknown>): void {
    if (this.open !== undefined) this.settle(this.open, exit)
  }

  settle(stage: Stage, exit: Exit.Exit<unknown, unknown>): void {
    if (stage.silent || this.started === undefined) return
    this.open = undefined
    this.ended = this.flow.watch.end(this.started, Exit.isSuccess(exit) ? endings[stage.op]! : endOf(exit.cause))
  }
}
