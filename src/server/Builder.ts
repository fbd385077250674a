/**
 * The run-time side of the pipeline's fluent interface. Internal to the server part: its types are in `Pipeline`.
 *
 * Each step links a new value to the one before, so pipelines are immutable and can be shared and extended; the list of stages is made
 * once, when the pipeline first runs.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import { pipeArguments } from "effect/Pipeable"

import * as Composite from "../core/Composite.ts"
import type { Entry } from "../core/Composite.ts"
import { infoOf } from "../core/Description.ts"
import type { Description, InterceptorInfo } from "../core/Description.ts"
import * as Interceptor from "../core/Interceptor.ts"
import { checkOptions } from "../core/Options.ts"
import { tagOf } from "../core/Watch.ts"
import * as Bind from "./Bind.ts"
import type { App, HandlerAround, Response, SchemaErrorClass } from "./HttpTypes.ts"
import * as Interpreter from "./Interpreter.ts"
import type { Kind } from "./MiddlewareTypes.ts"
import { aroundName, kinds } from "./MiddlewareValue.ts"
import type { AfterValue, BeforeValue, EndedValue, OuterValue, PairValue, SendingValue } from "./MiddlewareValue.ts"
import { named } from "./NamedApp.ts"
import * as Outgoing from "./Outgoing.ts"
import { planOf } from "./OutgoingPlan.ts"
import type { OutgoingPlan } from "./OutgoingPlan.ts"
import { TypeId } from "./PipelineTypes.ts"
import type { Named, Open } from "./PipelineTypes.ts"
import { isWatching, observed, StageWatch } from "./PipelineWatch.ts"
import { casesOf, nameOf, orRecovering, recovering } from "./RecoveringStage.ts"
import type { Cases } from "./RecoveringStage.ts"
import { checkResponds, logDefect, respondTo } from "./Respond.ts"
import * as Stage from "./Stage.ts"
import { effectOf, toApp, toFunction } from "./StageFunction.ts"

/** The rest of the app, for a pipeline that was opened with `next()`. */
export const RestKey = Context.Service<App, App>("fairlead/server/Rest")

/** The step that a method of the pipeline adds. */
type Step =
  | { readonly kind: "before"; readonly entry: Entry<BeforeValue>; readonly cases: Cases | undefined }
  | { readonly kind: "pair"; readonly entry: Entry<PairValue> }
  | { readonly kind: "after"; readonly entry: Entry<AfterValue>; readonly cases: Cases | undefined }
  | { readonly kind: "close" }
  | { readonly kind: "outer"; readonly entry: Entry<OuterValue> }
  | { readonly kind: "sending"; readonly entry: Entry<SendingValue> }
  | { readonly kind: "ended"; readonly entry: Entry<EndedValue> }
  | { readonly kind: "around"; readonly around: HandlerAround }
  | { readonly kind: "handle"; readonly stage: (site: Bind.Site) => Stage.Stage }
  | { readonly kind: "stage"; readonly stage: Stage.Stage }

interface Link {
  readonly name: string
  readonly previous: Link | undefined
  readonly step: Step | undefined
  /** The services of the build, where a Layer or a terminal built the pipeline. */
  readonly built: Context.Context<never> | undefined
  plan: Compiled | undefined
}

interface Compiled extends Interpreter.Plan {
  readonly outers: ReadonlyArray<Bind.LinkedOuter>
  readonly app: App | undefined
  readonly outgoing: OutgoingPlan | undefined
  /** The descriptions of all that it is made of, in the order in which it runs. */
  readonly infos: ReadonlyArray<InterceptorInfo>
  /** The place of the handler among them. */
  readonly handler: number
}

const link = (proto: object, previous: Link, step: Step): any => {
  if ("entry" in step) Composite.checkStoreKey(previous.name, entriesOf(previous), step.entry)
  return Object.assign(Object.create(proto), {
    name: previous.name,
    previous,
    step,
    built: undefined,
    plan: undefined
  } satisfies Link)
}

/** The steps from the last one to the first. */
function* stepsOf(last: Link): Generator<Step> {
  for (let at: Link | undefined = last; at !== undefined; at = at.previous) if (at.step !== undefined) yield at.step
}

function* entriesOf(last: Link): Generator<Entry<Composite.Recipe>> {
  for (const step of stepsOf(last)) if ("entry" in step) yield step.entry
}

/** Opens a pipeline. */
export const make = (name: string): Open<never, never, never> =>
  Object.assign(Object.create(OpenProto), {
    name,
    previous: undefined,
    step: undefined,
    built: undefined,
    plan: undefined
  } satisfies Link)

/** Builds a pipeline with fresh state, and looks up the classes that the context has; any other app is returned unchanged. */
export const build = <A>(app: A, context: Context.Context<never>): A =>
  isPipeline(app)
    ? Object.assign(Object.create(Object.getPrototypeOf(app) as object), app, { built: context, plan: undefined })
    : app

const compile = (last: Link): Compiled => {
  if (last.plan !== undefined) return last.plan
  const site: Bind.Site = { composite: last.name, context: last.built }
  const stages: Array<Stage.Stage> = []
  const outers: Array<Bind.LinkedOuter> = []
  const sendings: Array<ReturnType<typeof Bind.sending>> = []
  const endeds: Array<ReturnType<typeof Bind.ended>> = []
  /** The afters of the open pairs. */
  const open: Array<Stage.Stage> = []
  let pairs = 0
  for (const step of [...stepsOf(last)].toReversed()) {
    switch (step.kind) {
      case "before": {
        const bound = Bind.before(step.entry, site)
        if (step.cases !== undefined) stages.push(orRecovering(bound, step.cases))
        stages.push(...bound)
        break
      }
      case "pair": {
        const { after, before, failure } = Bind.pair(step.entry, pairs++, site)
        stages.push(before)
        // The failure of the after is not the pair's own to see.
        open.push(...(failure === undefined ? [] : [failure]), after)
        break
      }
      case "handle":
        stages.push(step.stage(site))
        break
      case "after": {
        const after = Bind.after(step.entry, site)
        if (step.cases !== undefined) {
          stages.push(recovering("catch", after.name, step.cases, { kind: "catch", jump: 1 }))
        }
        stages.push(after)
        break
      }
      case "close":
        stages.push(...open.splice(0))
        break
      case "outer": {
        const outer = Bind.outer(step.entry, site)
        outers.push(outer)
        sendings.push(...outer.sendings)
        if (outer.ended !== undefined) endeds.push(outer.ended)
        break
      }
      case "sending":
        sendings.push(Bind.sending(step.entry, site))
        break
      case "ended":
        endeds.push(Bind.ended(step.entry, site))
        break
      case "stage":
        stages.push(step.stage)
    }
  }
  stages.push(...open)
  const finalizers = stages.flatMap((stage, index) => (stage.op === Stage.Op.onExit ? [index] : []))
  const inner: Interpreter.Plan = { name: last.name, stages, finalizers }
  const app =
    outers.length === 0
      ? undefined
      : outers.reduceRight<App>(
          (app, outer, index) => named(last.name, outer.name, "outer", outer.wrap(app), index),
          Effect.withFiber((fiber) =>
            Interpreter.evaluate(inner, fiber, isWatching() ? StageWatch.of(fiber) : undefined)
          )
        )
  const shown = new Set(outers.map(({ info }) => info))
  const infos = [
    ...[...outers, ...stages].map(({ info }) => info),
    // An outer may also be a stage for the response: it is described once.
    ...[...sendings.toReversed(), ...endeds.toReversed()].map(({ info }) => info).filter((info) => !shown.has(info))
  ]
  const placed = <S extends { readonly info: InterceptorInfo }>(stage: S) => ({
    ...stage,
    index: infos.indexOf(stage.info)
  })
  const outgoing = planOf(last.name, sendings.map(placed), endeds.map(placed))
  const handler = outers.length + stages.findIndex(({ op }) => op === Stage.Op.handle)
  return (last.plan = { ...inner, outers, app, outgoing, infos, handler })
}

const running = (plan: Compiled, fiber: Fiber.Fiber<any, any>): App =>
  observed(plan, fiber, (fiber, watch) => plan.app ?? Interpreter.evaluate(plan, fiber, watch))

const infosOf = (self: unknown): ReadonlyArray<InterceptorInfo> => compile(self as Link).infos

/** Refuses anything but middleware of this kind. */
const entryOf = <V extends Composite.Recipe>(self: Link, kind: Kind, given: unknown): Entry<V> =>
  Composite.accept<V>(self.name, kinds[kind], given)

/** The methods of both phases. */
const shared = (proto: () => object) => ({
  outer(this: Link, given: unknown) {
    return link(proto(), this, { kind: "outer", entry: entryOf(this, "outer", given) })
  },
  sending(this: Link, given: unknown) {
    return link(proto(), this, { kind: "sending", entry: entryOf(this, "sending", given) })
  },
  ended(this: Link, given: unknown) {
    return link(proto(), this, { kind: "ended", entry: entryOf(this, "ended", given) })
  }
})

const described = {
  get [Interceptor.TypeId](): Description {
    return { part: "server", name: (this as unknown as Link).name, interceptors: infosOf(this) }
  }
}

const OpenProto: any = Object.defineProperties(
  {
    [TypeId]: TypeId,
    ...shared(() => OpenProto),
    before(this: Link, given: unknown, cases?: Cases) {
      return link(OpenProto, this, { kind: "before", entry: entryOf(this, "before", given), cases })
    },
    befores(this: Link, list: ReadonlyArray<unknown>) {
      return list.reduce<any>((pipeline, given) => pipeline.before(given), this)
    },
    link(this: Link, given: unknown) {
      return link(OpenProto, this, { kind: "pair", entry: entryOf(this, "pair", given) })
    },
    recover(this: Link, tags: string | ReadonlyArray<string>, f: Cases[string]) {
      const cases = casesOf(tags, f)
      const stage = recovering("recover", nameOf("recover", cases), cases, { kind: "recover" })
      return link(OpenProto, this, { kind: "stage", stage })
    },
    handle(this: Link, handler: unknown, ...arounds: ReadonlyArray<(app: App) => App>) {
      for (const around of arounds) {
        if (typeof around === "function") continue
        throw checkOptions(this.name).invalid("handle", "an around is not a function: pass a middleware of Effect")
      }
      // Arounds are linked once; a pipeline as the handler is built with the one around it.
      const all = [...arounds, ...aroundsOf(this, handler)]
      const linked = handleStage(this.name, handler, all)
      const stage = ({ composite, context }: Bind.Site) =>
        context === undefined || !isPipeline(handler) ? linked : handleStage(composite, build(handler, context), all)
      return link(ClosedProto, this, { kind: "handle", stage })
    },
    next(this: Link) {
      const arounds = aroundsOf(this, undefined)
      const next = () => Effect.flatten(RestKey)
      const rest =
        arounds.length > 0
          ? handleStage(this.name, next, arounds)
          : Stage.make("handle", "next", (_, __, ___, context) =>
              Context.getUnsafe(context as Context.Context<App>, RestKey)
            )
      return link(ClosedProto, this, { kind: "handle", stage: () => rest })
    },
    pipe() {
      return pipeArguments(this, arguments)
    }
  },
  Object.getOwnPropertyDescriptors(described)
)

/** An open pipeline whose handler will have the around, outside of those of `handle`; of several the first added is the outermost. */
export const addAround = <O>(open: O, around: HandlerAround): O =>
  link(OpenProto, open as unknown as Link, { kind: "around", around })

const aroundsOf = (last: Link, handler: unknown): ReadonlyArray<(app: App) => App> =>
  Array.from(stepsOf(last)).flatMap((step) => (step.kind === "around" ? [step.around(handler)] : []))

const handleStage = (pipeline: string, handler: unknown, arounds: ReadonlyArray<(app: App) => App>): Stage.Stage => {
  const inner = isPipeline(handler) ? infosOf(handler) : []
  const name = isPipeline(handler)
    ? handler.name
    : typeof handler === "function" && !Effect.isEffect(handler) && handler.name !== ""
      ? handler.name
      : "handler"
  const run = toFunction(handler)
  if (arounds.length === 0) return Stage.make("handle", name, run, { effect: effectOf(handler), info: { inner } })
  // Each entry reads the current request, so that an around may run the handler twice, or concurrently.
  const app: App = Effect.withFiber((fiber) =>
    toApp(run(Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)))
  )
  const wrapped = arounds.reduce<App>(
    (app, around) => named(pipeline, aroundName(around), "around", around(app)),
    named(pipeline, name, "handle", app)
  )
  return Stage.make("handle", name, () => wrapped, {
    effect: wrapped,
    silent: true,
    info: {
      inner: arounds
        .map((around) => infoOf({ name: aroundName(around), kind: "around" }))
        .toReversed()
        .concat(inner)
    }
  })
}

const ClosedProto: any = Object.defineProperties(
  Object.assign(
    Effectable.Prototype<App>({
      label: "Pipeline",
      evaluate(this: unknown, fiber: Fiber.Fiber<any, any>) {
        const plan = compile(this as Link)
        return plan.outgoing === undefined
          ? running(plan, fiber)
          : Outgoing.enter(plan.outgoing, fiber, () => running(plan, fiber))
      }
    }),
    {
      [TypeId]: TypeId,
      ...shared(() => ClosedProto),
      after(this: Link, given: unknown, cases?: Cases) {
        return link(ClosedProto, this, { kind: "after", entry: entryOf(this, "after", given), cases })
      },
      closePairs(this: Link) {
        return link(ClosedProto, this, { kind: "close" })
      },
      catchTag(this: Link, tags: string | ReadonlyArray<string>, f: Cases[string]) {
        const cases = casesOf(tags, f)
        return link(ClosedProto, this, {
          kind: "stage",
          stage: recovering("catch", nameOf("catchTag", cases), cases, { kind: "catch" })
        })
      },
      catchTags(this: Link, cases: Cases) {
        return link(ClosedProto, this, {
          kind: "stage",
          stage: recovering("catch", nameOf("catchTags", cases), cases, { kind: "catch" })
        })
      },
      catchReason(
        this: Link,
        tag: string,
        reasons: string | ReadonlyArray<string>,
        f: (reason: unknown, error: unknown) => unknown
      ) {
        const wanted: ReadonlyArray<string | undefined> = typeof reasons === "string" ? [reasons] : reasons
        const cases: Cases = {
          [tag]: (error) => (wanted.includes(tagOf(error.reason)) ? f(error.reason, error) : Stage.Pass)
        }
        const stage = recovering("catch", `catchReason(${tag}, ${wanted.join(", ")})`, cases, { kind: "catch" })
        const info = { ...stage.info, recovers: wanted.map((reason) => `${tag}/${reason}`) }
        return link(ClosedProto, this, { kind: "stage", stage: { ...stage, info } })
      },
      catch(this: Link, f: (error: unknown) => unknown) {
        const stage = Stage.make("catch", "catch", (error) => f(error), { info: { recovers: ["*"] } })
        return link(ClosedProto, this, { kind: "stage", stage })
      },
      respond(this: Link, ...classes: ReadonlyArray<SchemaErrorClass>) {
        checkResponds(this.name, classes)
        const stage = Stage.make(
          "catch",
          "respond",
          (error, request, cause) => respondTo(error, request, cause as Cause.Cause<unknown>),
          {
            info: { kind: "respond", recovers: ["every error that responds"] }
          }
        )
        return link(ClosedProto, this, { kind: "stage", stage })
      },
      catchDefect(this: Link, f: (defect: unknown) => unknown) {
        const stage = Stage.make(
          "defect",
          "catchDefect",
          (defect, request, cause) =>
            Effect.flatMap(logDefect(request, cause as Cause.Cause<unknown>), () => toApp(f(defect))),
          { info: { kind: "catch", recovers: ["defects"] } }
        )
        return link(ClosedProto, this, { kind: "stage", stage })
      },
      onExit(this: Link, name: string, f: (exit: Exit.Exit<Response, unknown>) => Effect.Effect<void, never, unknown>) {
        return link(ClosedProto, this, { kind: "stage", stage: Stage.make("onExit", name, f) })
      }
    }
  ),
  Object.getOwnPropertyDescriptors(described)
)

/**
 * Whether something is a pipeline.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPipeline = (value: unknown): value is Named =>
  typeof value === "object" && value !== null && TypeId in value
