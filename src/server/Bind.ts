/**
 * Turns middleware into stages: makes the instance of one build of a pipeline, and looks class-tagged middleware up. Internal to the server part.
 *
 * A class is looked up once where a Layer builds the pipeline and has it; else at each evaluation, in the context that the pipeline has then.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"

import * as Composite from "../core/Composite.ts"
import type { Bound, Entry, Recipe } from "../core/Composite.ts"
import type { InterceptorInfo } from "../core/Description.ts"
import { isEffect, isExit } from "../core/Effects.ts"
import * as Interceptor from "../core/Interceptor.ts"
import { isServiceKey } from "../core/ServiceClass.ts"
import type { App, Request } from "./HttpTypes.ts"
import { optionalKey } from "./MiddlewareCombine.ts"
import type {
  AfterValue,
  BeforeValue,
  Choice,
  Condition,
  EndedValue,
  LinkedPair,
  OuterValue,
  PairValue,
  SendingValue
} from "./MiddlewareValue.ts"
import * as Stage from "./Stage.ts"

/** Where a pipeline is built. */
export interface Site {
  readonly composite: string
  /** The services of the build; `undefined` where the pipeline is evaluated directly. */
  readonly context: Context.Context<never> | undefined
}

/** A middleware in one build: known, or found in the context of each evaluation. */
interface MiddlewareLookup<V> {
  readonly name: string
  readonly info: InterceptorInfo
  readonly known: Bound<V> | undefined
  readonly in: (context: Context.Context<never>) => Bound<V>
}

const find = <V extends Recipe>(entry: Entry<V>, { composite, context }: Site): MiddlewareLookup<V> => {
  const build = new Composite.Build<V>({ name: composite, entries: [entry] })
  const isKnown =
    build.fixed !== undefined || (context !== undefined && isServiceKey(entry) && context.mapUnsafe.has(entry.key))
  const known = isKnown ? build.lookUp(context ?? Context.empty())[0] : undefined
  const info = known?.info ?? entry[Interceptor.TypeId]
  const name = isServiceKey(entry) ? entry.key : entry.name
  return { name, info, known, in: (context) => known ?? build.lookUp(context)[0]! }
}

/** Provides the services of its Layer to the Effect of a method; a plain value and an Exit stay unchanged. */
const withServices = (bound: Bound<unknown> | undefined, out: unknown): unknown =>
  bound?.services === undefined || !isEffect(out) || isExit(out)
    ? out
    : bound.services.provide(out as Effect.Effect<unknown>)

const bindStage = (bound: Bound<unknown>, stage: Stage.Stage, name: string, info: InterceptorInfo): Stage.Stage =>
  bound.services === undefined
    ? stage
    : {
        ...stage,
        name,
        info,
        effect: undefined,
        run: (input, request, stored, context) => withServices(bound, stage.run(input, request, stored, context))
      }

/** The stages of a before. */
export const before = (entry: Entry<BeforeValue>, site: Site): ReadonlyArray<Stage.Stage> => {
  const found = find(entry, site)
  const { info, known, name } = found
  if (known !== undefined) {
    const { choice, condition, members, stage } = known.interceptor
    if (choice !== undefined) return [bindStage(known, choosing(choice, name, info, site), name, info)]
    if (condition !== undefined) return [bindStage(known, conditional(condition, name, info, site), name, info)]
    if (members === undefined) return [bindStage(known, stage!, name, info)]
    return members
      .flatMap((member) => before(member, site))
      .map((stage) => {
        const inner = `${name}/${stage.name}`
        return bindStage(known, { ...stage, name: inner, info: { ...stage.info, name: inner } }, inner, info)
      })
  }
  const run: Stage.Run = (request, _, __, context) => {
    const bound = found.in(context)
    return runAll(bound, before(bound.interceptor, site), request as Request, context)
  }
  return [Stage.make("before", name, run, { key: Stage.ManyKeys, info })]
}

/** The one stage of a before with a condition: provides each of its services as an `Option`. */
const conditional = (
  { entry, predicate }: Condition<BeforeValue>,
  name: string,
  info: InterceptorInfo,
  site: Site
): Stage.Stage => {
  const stages = before(entry, site)
  const { provides } = entry[Interceptor.TypeId]
  const optionals = (provided: Context.Context<never>): Context.Context<never> => {
    const found = provided.mapUnsafe
    const values = new Map<string, unknown>(provides.map((key) => [optionalKey(key), optionIn(found, key)]))
    // A request that it changed is the request from here on.
    if (found.has(RequestKey)) values.set(RequestKey, found.get(RequestKey))
    return Context.makeUnsafe(values)
  }
  return Stage.make(
    "before",
    name,
    (request, _, __, context) => {
      if (!predicate(request)) return optionals(Context.empty())
      const out = runAll(undefined, stages, request as Request, context)
      return isEffect(out)
        ? Effect.map(out as Effect.Effect<Context.Context<never>>, optionals)
        : optionals(out as Context.Context<never>)
    },
    { key: Stage.ManyKeys, info }
  )
}

/** The one stage of alternatives: the first that lets the request in provides its services. */
const choosing = (
  { all, alternatives, common }: Choice,
  name: string,
  info: InterceptorInfo,
  site: Site
): Stage.Stage => {
  const choices = alternatives.map((alternative) => before(alternative, site))
  const provided = (services: Context.Context<never>): Context.Context<never> => {
    const values = new Map(services.mapUnsafe)
    for (const key of all) {
      values.set(optionalKey(key), optionIn(services.mapUnsafe, key))
      // Where not every alternative provides it, a later stage takes it from outside.
      if (!common.includes(key)) values.delete(key)
    }
    return Context.makeUnsafe(values)
  }
  const attempt = (at: number, request: Request, context: Context.Context<never>): unknown => {
    const out = runAll(undefined, choices[at]!, request, context)
    if (!isEffect(out)) return provided(out as Context.Context<never>)
    const chosen = Effect.map(out as Effect.Effect<Context.Context<never>, unknown>, provided)
    if (at === choices.length - 1) return chosen
    return Effect.catch(chosen, () => {
      const next = attempt(at + 1, request, context)
      return isEffect(next) ? (next as typeof chosen) : Effect.succeed(next as Context.Context<never>)
    })
  }
  return Stage.make("before", name, (request, _, __, context) => attempt(0, request as Request, context), {
    key: Stage.ManyKeys,
    info
  })
}

const optionIn = (services: ReadonlyMap<string, unknown>, key: string): unknown =>
  services.has(key) ? Option.some(services.get(key)) : Option.none()

const RequestKey = HttpServerRequest.HttpServerRequest.key

/** Runs the stages of a before whose class is looked up at the evaluation; returns their services as a Context. */
const runAll = (
  bound: Bound<BeforeValue> | undefined,
  stages: ReadonlyArray<Stage.Stage>,
  request: Request,
  context: Context.Context<never>
): unknown => {
  const [first, ...more] = stages
  const run = (stage: Stage.Stage, context: Context.Context<never>): unknown =>
    withServices(bound, stage.run(request, request, undefined, context))
  if (first === undefined) return Context.empty()
  if (more.length === 0) {
    const out = run(first, context)
    return isEffect(out)
      ? Effect.map(out as Effect.Effect<unknown>, (value) => providing(first, value, Context.empty()))
      : providing(first, out, Context.empty())
  }
  return Effect.gen(function* () {
    let provided = Context.empty()
    for (const stage of stages) {
      const out = run(stage, Context.merge(context, provided))
      const effect = isEffect(out) ? (out as Effect.Effect<unknown>) : Effect.succeed(out)
      provided = providing(stage, yield* Effect.provideContext(effect, provided), provided)
    }
    return provided
  })
}

const providing = ({ key }: Stage.Stage, value: any, provided: Context.Context<never>): Context.Context<never> =>
  key === undefined
    ? provided
    : key === Stage.ManyKeys
      ? Context.merge(provided, value)
      : Context.addUnsafe(provided, key, value)

/** The stage of an after. */
export const after = (entry: Entry<AfterValue>, site: Site): Stage.Stage => {
  const found = find(entry, site)
  const { info, known, name } = found
  if (known !== undefined) return bindStage(known, afterStage(known.interceptor, name, site), name, info)
  return Stage.make(
    "after",
    name,
    (response, request, stored, context) => {
      const bound = found.in(context)
      return withServices(bound, afterStage(bound.interceptor, name, site).run(response, request, stored, context))
    },
    { info }
  )
}

const afterStage = ({ condition, stage }: AfterValue, name: string, site: Site): Stage.Stage => {
  if (condition === undefined) return stage!
  const inner = after(condition.entry, site)
  return Stage.make(
    "after",
    name,
    (response, request, stored, context) =>
      condition.predicate(request) ? inner.run(response, request, stored, context) : response,
    { info: inner.info }
  )
}

/** The two stages of a pair. */
export const pair = (entry: Entry<PairValue>, slot: number, site: Site): LinkedPair => {
  const found = find(entry, site)
  const { info, known, name } = found
  if (known !== undefined) {
    const linked = known.interceptor.link(slot)
    return {
      before: bindStage(known, linked.before, name, info),
      after: bindStage(known, linked.after, name, info),
      failure: linked.failure === undefined ? undefined : bindStage(known, linked.failure, name, info)
    }
  }
  const [key] = info.provides
  return {
    before: Stage.make(
      "before",
      name,
      (request, _, stored, context) => {
        const bound = found.in(context)
        return withServices(bound, bound.interceptor.link(slot).before.run(request, request, stored, context))
      },
      { slot, info, ...(key === undefined ? {} : { key }) }
    ),
    after: Stage.make(
      "after",
      name,
      (response, request, stored, context) => {
        const bound = found.in(context)
        return withServices(bound, bound.interceptor.link(slot).after.run(response, request, stored, context))
      },
      { slot, info: { ...info, kind: "after", provides: [] } }
    ),
    failure: Stage.make(
      "catch",
      name,
      (error, request, cause, context) => {
        const bound = found.in(context)
        const { failure } = bound.interceptor.link(slot)
        return failure === undefined ? Stage.Pass : withServices(bound, failure.run(error, request, cause, context))
      },
      { slot, silent: true, info: { ...info, kind: "after", provides: [] } }
    )
  }
}

/** An outer, linked. */
export interface LinkedOuter {
  readonly name: string
  readonly info: InterceptorInfo
  readonly wrap: (app: App) => App
  /** Its stages for every response, where it has them or may turn out to. */
  readonly sendings: ReadonlyArray<OutgoingStage<Parameters<SendingValue["run"]>>>
  /** Its observer of the end, likewise. */
  readonly ended: OutgoingStage<Parameters<EndedValue["run"]>> | undefined
}

/** An outer, which the pipeline wraps around its stages when it is built. */
export const outer = (entry: Entry<OuterValue>, site: Site): LinkedOuter => {
  const found = find(entry, site)
  const { info, known, name } = found
  const wrapWith = ({ interceptor, services }: Bound<OuterValue>, app: App): App =>
    services === undefined
      ? interceptor.wrap(app)
      : // The wrapped app gets the call's services back.
        Effect.contextWith((call: Context.Context<never>) =>
          services.provide(
            interceptor.wrap(services.restore(call, app as Effect.Effect<never>)) as Effect.Effect<never>
          )
        )
  const sendings = (["sending", "sendingInside"] as const).flatMap(
    (part) => partOf<Parameters<SendingValue["run"]>>(found, part, (response) => response) ?? []
  )
  const ended = partOf<Parameters<EndedValue["run"]>>(found, "ended", () => {})
  return known !== undefined
    ? { name, info, sendings, ended, wrap: (app) => wrapWith(known, app) }
    : {
        name,
        info,
        sendings,
        ended,
        wrap: (app) => Effect.withFiber((fiber) => wrapWith(found.in(fiber.context), app))
      }
}

/** A stage that an outer has; without an implementation to look at, one that looks at each response. */
const partOf = <Args extends ReadonlyArray<any>>(
  { in: boundIn, info, known, name }: MiddlewareLookup<OuterValue>,
  part: "sending" | "sendingInside" | "ended",
  absent: (...args: Args) => unknown
): OutgoingStage<Args> | undefined =>
  known !== undefined && known.interceptor[part] === undefined
    ? undefined
    : {
        name,
        info,
        inside: part === "sendingInside",
        run: (context, ...args) => {
          const bound = boundIn(context)
          const run = (bound.interceptor[part] ?? absent) as (...args: Args) => unknown
          return withServices(bound, run(...args))
        }
      }

/** A sending stage or an observer of the end, ready to run. */
export interface OutgoingStage<Args extends ReadonlyArray<unknown>> {
  readonly name: string
  readonly info: InterceptorInfo
  readonly inside: boolean
  readonly run: (context: Context.Context<never>, ...args: Args) => unknown
}

/** A sending stage. */
export const sending = (entry: Entry<SendingValue>, site: Site): OutgoingStage<Parameters<SendingValue["run"]>> =>
  outgoing(entry, site, (value) => value.inside)

/** An observer of the end. */
export const ended = (entry: Entry<EndedValue>, site: Site): OutgoingStage<Parameters<EndedValue["run"]>> =>
  outgoing(entry, site, () => false)

const outgoing = <V extends Recipe & { readonly run: (...args: any) => unknown }>(
  entry: Entry<V>,
  site: Site,
  isInside: (value: V) => boolean
): OutgoingStage<Parameters<V["run"]>> => {
  const { in: boundIn, info, known, name } = find(entry, site)
  const inside = known !== undefined && isInside(known.interceptor)
  if (known !== undefined && known.services === undefined) {
    const { interceptor } = known
    const direct: OutgoingStage<any>["run"] = (_, first, second, third) => interceptor.run(first, second, third)
    return { name, info, inside, run: direct }
  }
  return {
    name,
    info,
    inside,
    run: (context, ...args) => {
      const bound = boundIn(context)
      return withServices(bound, bound.interceptor.run(...args))
    }
  }
}
