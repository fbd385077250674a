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

import * as Drawing from "../core/Drawing.ts"
import type { Description, Info } from "../core/Interceptor.ts"
import { tagOf } from "../core/Watch.ts"
import * as Interpreter from "./Interpreter.ts"
import type { App, Request, Response } from "./Model.ts"
import { TypeId } from "./Phases.ts"
import type { Named, Open } from "./Phases.ts"
import { checkResponds, logDefect, respondTo } from "./Respond.ts"
import type { SchemaErrorClass } from "./Respond.ts"
import { toApp, toFunction } from "./Run.ts"
import * as Stage from "./Stage.ts"
import { aroundName } from "./Values.ts"
import type { AfterValue, BeforeValue, OuterValue, PairValue } from "./Values.ts"

/** The rest of the app, for a pipeline that was opened with `next()`. */
export const RestKey = Context.Service<App, App>("fairlead/server/Rest")

interface Link {
  readonly name: string
  readonly previous: Link | undefined
  readonly stages: ReadonlyArray<Stage.Stage>
  readonly wrapper: OuterValue | undefined
  /** The afters of the pairs so far: they open the after phase. */
  readonly afters: ReadonlyArray<Stage.Stage>
  plan: Compiled | undefined
}

interface Compiled extends Interpreter.Plan {
  readonly outers: ReadonlyArray<OuterValue>
  readonly app: App | undefined
}

const link = (
  proto: object,
  previous: Link,
  stages: ReadonlyArray<Stage.Stage>,
  more: { readonly wrapper?: OuterValue; readonly afters?: ReadonlyArray<Stage.Stage> } = {}
): any =>
  Object.assign(Object.create(proto), {
    name: previous.name,
    previous,
    stages,
    wrapper: more.wrapper,
    afters: more.afters ?? previous.afters,
    plan: undefined
  } satisfies Link)

/** Opens a pipeline. */
export const make = (name: string): Open<never, never, never> =>
  Object.assign(Object.create(OpenProto), {
    name,
    previous: undefined,
    stages: [],
    wrapper: undefined,
    afters: [],
    plan: undefined
  } satisfies Link)

const compile = (last: Link): Compiled => {
  if (last.plan !== undefined) return last.plan
  const links: Array<Link> = []
  for (let at: Link | undefined = last; at !== undefined; at = at.previous) links.push(at)
  links.reverse()
  const stages = links.flatMap((link) => link.stages)
  const outers = links.flatMap((link) => link.wrapper ?? [])
  const ensures = stages.flatMap((stage, index) => (stage.op === Stage.Op.ensure ? [index] : []))
  const inner: Interpreter.Plan = { name: last.name, stages, ensures }
  const app =
    outers.length === 0
      ? undefined
      : outers.reduceRight<App>(
          (app, outer) => Interpreter.named(last.name, outer.name, "outer", outer.wrap(app)),
          Effect.withFiber((fiber) => Interpreter.evaluate(inner, fiber))
        )
  return (last.plan = { ...inner, outers, app })
}

type Cases = Record<string, (error: any, request: Request) => unknown>

/** A stage that recovers by tag. */
const recovering = (
  op: "recover" | "catch",
  name: string,
  cases: Cases,
  more: { readonly jump?: number; readonly kind: string }
): Stage.Stage =>
  Stage.make(
    op,
    name,
    (error, request) => {
      const tag = tagOf(error)
      return tag !== undefined && Object.hasOwn(cases, tag) ? cases[tag]!(error, request) : Stage.Pass
    },
    { jump: more.jump ?? 0, info: { kind: more.kind, recovers: Object.keys(cases) } }
  )

const casesOf = (tags: string | ReadonlyArray<string>, f: Cases[string]): Cases =>
  Object.fromEntries((typeof tags === "string" ? [tags] : tags).map((tag) => [tag, f]))

const nameOf = (method: string, cases: Cases): string => `${method}(${Object.keys(cases).join(", ")})`

const OpenProto = {
  [TypeId]: TypeId,
  before(this: Link, { stages }: BeforeValue, orRecover?: Cases) {
    if (orRecover === undefined) return link(OpenProto, this, stages)
    const name = stages.map((stage) => stage.name).join(", ")
    const recover = recovering("recover", name, orRecover, { kind: "recover", jump: stages.length })
    return link(OpenProto, this, [recover, ...stages])
  },
  link(this: Link, pair: PairValue) {
    const linked = pair.link(this.afters.length)
    return link(OpenProto, this, [linked.before], { afters: [...this.afters, linked.after] })
  },
  recover(this: Link, tags: string | ReadonlyArray<string>, f: Cases[string]) {
    const cases = casesOf(tags, f)
    return link(OpenProto, this, [recovering("recover", nameOf("recover", cases), cases, { kind: "recover" })])
  },
  outer(this: Link, wrapper: OuterValue) {
    return link(OpenProto, this, [], { wrapper })
  },
  handle(this: Link, handler: unknown, ...arounds: ReadonlyArray<(app: App) => App>) {
    return link(ClosedProto, this, [handleStage(this.name, handler, arounds), ...this.afters])
  },
  next(this: Link) {
    const rest = Stage.make("handle", "next", (_, __, context) =>
      Context.getUnsafe(context as Context.Context<App>, RestKey)
    )
    return link(ClosedProto, this, [rest, ...this.afters])
  }
}

const handleStage = (pipeline: string, handler: unknown, arounds: ReadonlyArray<(app: App) => App>): Stage.Stage => {
  const inner = isPipeline(handler) ? describe(handler).interceptors : []
  const name = isPipeline(handler)
    ? handler.name
    : typeof handler === "function" && !Effect.isEffect(handler) && handler.name !== ""
      ? handler.name
      : "handler"
  const run = toFunction(handler)
  if (arounds.length === 0) return Stage.make("handle", name, run, { info: { inner } })
  // Each entry reads the request anew, so that an around may run the handler twice, or beside itself.
  const app: App = Effect.withFiber((fiber) =>
    toApp(run(Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)))
  )
  const wrapped = arounds.reduce<App>(
    (app, around) => Interpreter.named(pipeline, aroundName(around), "around", around(app)),
    Interpreter.named(pipeline, name, "handle", app)
  )
  return Stage.make("handle", name, () => wrapped, {
    silent: true,
    info: {
      inner: arounds
        .map((around): Info => ({ name: aroundName(around), kind: "around", provides: [], recovers: [], inner: [] }))
        .toReversed()
        .concat(inner)
    }
  })
}

const ClosedProto: any = Object.assign(
  Effectable.Prototype<App>({
    label: "Pipeline",
    evaluate(this: unknown, fiber: Fiber.Fiber<any, any>) {
      const plan = compile(this as Link)
      return plan.app ?? Interpreter.evaluate(plan, fiber)
    }
  }),
  {
    [TypeId]: TypeId,
    after(this: Link, { stage }: AfterValue) {
      return link(ClosedProto, this, [stage])
    },
    catchTag(this: Link, tags: string | ReadonlyArray<string>, f: Cases[string]) {
      const cases = casesOf(tags, f)
      return link(ClosedProto, this, [recovering("catch", nameOf("catchTag", cases), cases, { kind: "catch" })])
    },
    catchTags(this: Link, cases: Cases) {
      return link(ClosedProto, this, [recovering("catch", nameOf("catchTags", cases), cases, { kind: "catch" })])
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
      return link(ClosedProto, this, [
        { ...stage, info: { ...stage.info, recovers: wanted.map((reason) => `${tag}/${reason}`) } }
      ])
    },
    catch(this: Link, f: (error: unknown) => unknown) {
      const stage = Stage.make("catch", "catch", (error) => f(error), { info: { recovers: ["*"] } })
      return link(ClosedProto, this, [stage])
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
      return link(ClosedProto, this, [stage])
    },
    catchDefect(this: Link, f: (defect: unknown) => unknown) {
      const stage = Stage.make(
        "defect",
        "catchDefect",
        (defect, request, cause) =>
          Effect.flatMap(logDefect(request, cause as Cause.Cause<unknown>), () => toApp(f(defect))),
        { info: { kind: "catch", recovers: ["defects"] } }
      )
      return link(ClosedProto, this, [stage])
    },
    ensure(this: Link, name: string, f: (exit: Exit.Exit<Response, unknown>) => Effect.Effect<void, never, unknown>) {
      return link(ClosedProto, this, [Stage.make("ensure", name, f)])
    },
    outer(this: Link, wrapper: OuterValue) {
      return link(ClosedProto, this, [], { wrapper })
    }
  }
)

const isPipeline = (value: unknown): value is Named => typeof value === "object" && value !== null && TypeId in value

/**
 * A pipeline as data: its outers, then its stages in the order in which they run.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = (pipeline: Named): Description => {
  const plan = compile(pipeline as unknown as Link)
  const outers = plan.outers.map((outer): Info => ({
    name: outer.name,
    kind: "outer",
    provides: outer.key === undefined ? [] : [outer.key],
    recovers: [],
    inner: []
  }))
  return { part: "server", name: plan.name, interceptors: [...outers, ...plan.stages.map((stage) => stage.info)] }
}

/**
 * A pipeline as text, one stage a line, for a terminal.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawing = (pipeline: Named): string => Drawing.toText(describe(pipeline))

/**
 * A pipeline as a Mermaid flowchart.
 *
 * @category drawing
 * @since 0.1.0
 */
export const mermaid = (pipeline: Named): string => Drawing.toMermaid(describe(pipeline))
