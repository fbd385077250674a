/**
 * Reports the runs of a pipeline to the `Probe`. Internal to the server part.
 *
 * 1. A run of a pipeline is one flow: its outers, stages and arounds are the interceptors in it. A pipeline inside of another is a separate flow, with that one as parent.
 * 2. The subject of a flow is the request's method and path, and at the end the route, the status and the bytes of the body, where they are known.
 * 3. The outermost pipeline of a served request ends its flow with the response: after the last byte, or when the connection has ended. Its status and bytes are those
 *    that were sent, whoever produced the response. A pipeline inside of it ends when it returns, with the response that it returned.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

import type { Subject } from "../core/ProbeEvent.ts"
import { endOf, Watch } from "../core/Watch.ts"
import type { FlowEnd, SubjectOf } from "../core/Watch.ts"
import type { App } from "./HttpTypes.ts"
import { keepingRoute } from "./KeptRoute.ts"
import { watchToEnd } from "./Outgoing.ts"
import { Route } from "./RequestState.ts"
import { Op } from "./Stage.ts"
import type { Stage } from "./Stage.ts"

const phases = ["before", "recover", "handle", "after", "catch", "defect", "onExit", "after"]

/** The flow that the fiber is in, and where its stages are in the description. */
interface PipelineFlow {
  readonly watch: Watch
  /** How many outers the description begins with. */
  readonly outers: number
  /** The place of the handler. */
  readonly handler: number
}

const CurrentPipeline = Context.Reference<PipelineFlow | undefined>("fairlead/server/CurrentPipeline", {
  defaultValue: () => undefined
})

/** Runs a pipeline as one flow, when a probe listens. */
export const observed = (
  {
    name,
    outers,
    stages
  }: { readonly name: string; readonly outers: ReadonlyArray<unknown>; readonly stages: ReadonlyArray<Stage> },
  fiber: Fiber.Fiber<any, any>,
  run: (fiber: Fiber.Fiber<any, any>, watch: StageWatch | undefined) => App
): App => {
  const watch = Watch.of(fiber, "server", name, subjectOf(fiber))
  if (watch === undefined) return run(fiber, undefined)
  const handler = outers.length + stages.findIndex(({ op }) => op === Op.handle)
  const flow: PipelineFlow = { watch, outers: outers.length, handler }
  const watched = keepingRoute(
    Effect.withFiber((fiber) => run(fiber, new StageWatch(flow))),
    (app) => {
      const inFlow = Effect.provideService(app, CurrentPipeline, flow)
      return fiber.getRef(CurrentPipeline) === undefined ? watchToEnd(watch, fiber, inFlow) : watch.run(inFlow)
    }
  )
  return counted(watched)
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
    const route = Context.getOrUndefined(fiber.context, Route)?.route.path
    const routed: Subject = route === undefined ? asked : { ...asked, "http.route": route }
    if (!Exit.isSuccess(exit) || !HttpServerResponse.isHttpServerResponse(exit.value)) return routed
    const { body, status } = exit.value
    const answered: Subject = { ...routed, "http.response.status_code": status }
    return "contentLength" in body && typeof body.contentLength === "number"
      ? { ...answered, "http.response.body.size": body.contentLength }
      : answered
  }
}

const askedIn = (context: Context.Context<never>): Subject => {
  const request = Context.getOrUndefined(context, HttpServerRequest.HttpServerRequest)
  return request === undefined
    ? {}
    : { "http.request.method": request.method, "url.path": request.url.replace(/[?#].*$/s, "") }
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
  const place = { index: index ?? flow.handler }
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
  private since = 0n
  private place: { readonly index: number } = { index: -1 }
  /** When the last stage ended, for the one that starts at once. */
  private ended: bigint | undefined = undefined

  constructor(flow: PipelineFlow) {
    this.flow = flow
  }

  begin(stage: Stage, at: number): void {
    if (stage.silent) return
    this.open = stage
    this.place = { index: this.flow.outers + at }
    // A finalizer may begin later than the stage before it ended.
    const now = stage.op === Op.onExit ? undefined : this.ended
    this.since = this.flow.watch.start(stage.name, phases[stage.op]!, this.place, now)
    this.ended = undefined
  }

  /** Ends the report of a stage that an interruption cut short. */
  cut(exit: Exit.Exit<unknown, unknown>): void {
    if (this.open !== undefined) this.settle(this.open, exit)
  }

  settle(stage: Stage, exit: Exit.Exit<unknown, unknown>): void {
    if (stage.silent) return
    this.open = undefined
    const recovers = stage.op === Op.recover || stage.op === Op.catch || stage.op === Op.defect
    const ended: FlowEnd = Exit.isSuccess(exit)
      ? { outcome: recovers ? "recovered" : "success", tag: undefined }
      : endOf(exit.cause)
    this.ended = this.flow.watch.end(stage.name, phases[stage.op]!, this.since, ended, this.place)
  }
}
