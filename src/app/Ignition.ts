/**
 * Ignition: runs the steps of an application in order, before anything is bound. Internal to the app part, but for `Ignited`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import * as Shutdown from "../core/Shutdown.ts"
import * as Tagged from "../core/Tagged.ts"
import { describe, valueOf } from "./Fairing.ts"
import type { Description, Value } from "./Fairing.ts"
import { DuplicateService, IgniteDefect, IgniteError, NothingToOverride, SingletonIgnited } from "./IgniteError.ts"
import type { Failure } from "./IgniteError.ts"
import { withLayerServices } from "./LayerServices.ts"
import { noting } from "./RouteList.ts"
import type { Route } from "./RouteList.ts"

const TypeId = "~fairlead/app/Ignited"

/**
 * An application that has ignited: its services are built, its fairings known, nothing is bound yet.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ignited {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** The fairings in use, in order. */
  readonly fairings: ReadonlyArray<Description>
  /** The mounted routes, in order. */
  readonly routes: ReadonlyArray<Route>
}

/** What is behind an `Ignited`. Internal to the app part. */
export interface IgnitedValue extends Ignited {
  readonly active: ReadonlyArray<Value>
  readonly context: Context.Context<never>
  readonly shutdown: Shutdown.Shutdown
  readonly handler: Handler
}

/** What answers requests before any hook. Internal to the app part. */
export type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>

/** Whether it has ignited. Internal to the app part. */
export const isIgnited = (app: object): app is Ignited => TypeId in app

/**
 * A step of an application, with its types erased. Internal to the app part.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  readonly kind: "attach" | "manage" | "configure" | "override" | "mount" | "serve"
  readonly values: ReadonlyArray<unknown>
}

interface Queued extends Step {
  /** What failures call it. */
  readonly label: string
}

interface State {
  /** What is left to do. */
  readonly queue: Array<Queued>
  readonly replaced: ReadonlyMap<unknown, unknown>
  readonly owners: Map<string, string>
  readonly ignited: Set<string>
  readonly active: Array<Value>
  readonly routes: Array<Layer.Layer<never, unknown>>
  readonly listed: Array<Route>
  readonly failures: Array<Failure<unknown>>
  readonly outside: Context.Context<never>
  /** What layers have built: those that share a layer share what it builds. */
  readonly built: Layer.MemoMap
  app: Handler | undefined
  context: Context.Context<never>
}

/** Runs the steps. What they acquire lives as long as the scope, and is released at once when they fail. Internal to the app part. */
export const ignite = Effect.fnUntraced(function* (name: string, steps: ReadonlyArray<Step>) {
  const life = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.onExit(Scope.provide(runAll(name, steps), life), (exit) =>
    Exit.isSuccess(exit) ? Effect.void : Scope.close(life, exit)
  )
})

const runAll = Effect.fnUntraced(function* (name: string, steps: ReadonlyArray<Step>) {
  const shutdown = yield* Shutdown.make
  const outside = yield* Effect.context()
  const built = Layer.CurrentMemoMap.forkOrCreate(outside)
  const state: State = {
    queue: withoutReplaced(labelled(steps), outside),
    replaced: new Map(steps.filter(({ kind }) => kind === "override").map(({ values }) => [values[0], values[1]])),
    owners: new Map(),
    ignited: new Set(),
    active: [],
    routes: [],
    listed: [],
    failures: [],
    outside,
    app: undefined,
    built,
    context: outside.pipe(Context.add(Shutdown.Shutdown, shutdown), Context.add(Layer.CurrentMemoMap, built))
  }
  for (let step = state.queue.shift(); step !== undefined; step = state.queue.shift()) {
    yield* attempt(state, step.label, run(state, step, steps))
  }
  const handler = yield* attempt(state, "routes", handlerOf(state))
  if (state.failures.length > 0 || handler === undefined) {
    return yield* new IgniteError({ app: name, failures: state.failures })
  }
  const { active, context, listed: routes } = state
  const fairings: ReadonlyArray<Description> = active.map(describe)
  return {
    [TypeId]: TypeId,
    name,
    fairings,
    routes,
    active,
    context,
    shutdown,
    handler
  } satisfies IgnitedValue as Ignited
})

/** The steps with the names that failures call them. Internal to the app part. */
export const labelled = (steps: ReadonlyArray<Step>): ReadonlyArray<Queued> => {
  const seen = new Map<string, number>()
  return steps.map((step) => {
    const number = (seen.get(step.kind) ?? 0) + 1
    seen.set(step.kind, number)
    return { ...step, label: labelOf(step, number) }
  })
}

const labelOf = ({ kind, values: [first] }: Step, number: number): string => {
  if (kind === "attach") return Tagged.nameOf(first as object) ?? valueOf(first).name
  if (kind === "configure") return `configure(${(first as Context.Key<unknown, unknown>).key})`
  return `${kind}(${number})`
}

// Of several singletons with one key only the last attached stays, at its own position.
const withoutReplaced = (steps: ReadonlyArray<Queued>, context: Context.Context<never>): Array<Queued> => {
  const keys = steps.map((step) => singletonOf(step, context))
  return steps.filter((_, index) => keys[index] === undefined || keys.lastIndexOf(keys[index]) === index)
}

// The key of a class-tagged fairing is known as soon as its layer is built.
const singletonOf = ({ kind, values: [given] }: Step, context: Context.Context<never>): string | undefined => {
  if (kind !== "attach") return undefined
  if (Tagged.nameOf(given as object) === undefined) return valueOf(given).singleton
  const built = Context.getOrUndefined(context, given as Context.Key<never, Tagged.Implementation<unknown>>)
  return built === undefined ? undefined : valueOf(built.interceptor).singleton
}

/** Runs one step; its failure is noted, and the next step runs all the same. */
const attempt = <A>(state: State, step: string, effect: Effect.Effect<A, unknown, any>): Effect.Effect<A | undefined> =>
  Effect.suspend(() => Effect.provideContext(effect, state.context)).pipe(
    Effect.exit,
    Effect.flatMap((exit) => {
      if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
      // Interruption is not a failure of the step: it ends the ignition.
      if (Cause.hasInterruptsOnly(exit.cause)) return Effect.failCause(exit.cause as Cause.Cause<never>)
      state.failures.push(...failuresOf(state, step, exit.cause))
      return Effect.succeed(undefined)
    })
  ) as Effect.Effect<A | undefined>

const failuresOf = (state: State, step: string, cause: Cause.Cause<unknown>): ReadonlyArray<Failure<unknown>> => {
  const errors = cause.reasons.filter(Cause.isFailReason).map(({ error }) => ({ step, error }))
  if (errors.length > 0) return errors
  const defect = Cause.squash(cause)
  // A step that misses what a failed one would have provided says nothing new.
  if (state.failures.length > 0 && defect instanceof Error && defect.message.startsWith("Service not found")) return []
  return [{ step, error: new IgniteDefect({ cause: defect }) }]
}

const run = (
  state: State,
  { kind, label, values }: Queued,
  steps: ReadonlyArray<Step>
): Effect.Effect<unknown, unknown, any> => {
  const [first, second] = values
  switch (kind) {
    case "attach":
      return attach(state, first)
    case "manage":
      return manage(state, label, (state.replaced.get(first) ?? first) as Layer.Layer<unknown, unknown, any>)
    case "configure":
      return configure(state, label, first as Context.Key<unknown, unknown>, second as Config.Config<unknown>)
    case "override":
      return steps.some((step) => step.kind === "manage" && step.values[0] === first)
        ? Effect.void
        : new NothingToOverride()
    case "mount":
      return Effect.sync(() => state.routes.push(first as Layer.Layer<never, unknown>))
    default:
      return Effect.sync(() => (state.app = first as Handler))
  }
}

const attach = (state: State, given: unknown): Effect.Effect<void, unknown, any> =>
  Effect.suspend(() => {
    const fairing = resolve(state, given)
    const key = fairing.singleton
    if (key !== undefined && state.ignited.has(key)) return new SingletonIgnited({ key, fairing: fairing.name })
    if (key !== undefined) state.ignited.add(key)
    state.active.push(fairing)
    const hook = fairing.hooks.onIgnite
    if (hook === undefined) return Effect.void
    return Effect.map(hook(ignitionOf(state, fairing.name)) as Effect.Effect<unknown, unknown, any>, (provided) => {
      if (Context.isContext(provided)) state.context = Context.merge(state.context, provided)
    })
  })

const resolve = (state: State, given: unknown): Value => {
  const name = Tagged.nameOf(given as object)
  if (name === undefined) return valueOf(given)
  const key = given as Context.Key<unknown, Tagged.Implementation<unknown>>
  const { built, interceptor } = Context.getUnsafe(state.context, key)
  const bound = withLayerServices(valueOf(interceptor), built, state.outside, () => state.context)
  return { ...bound, service: name }
}

const ignitionOf = (state: State, fairing: string) =>
  ({
    attach: (attached: unknown) =>
      Effect.sync(() => {
        const step: Step = { kind: "attach", values: [attached] }
        const queue = [...state.queue, { ...step, label: labelOf(step, 1) }]
        state.queue.splice(0, queue.length, ...withoutReplaced(queue, state.context))
      }),
    mount: (routes: Layer.Layer<never, unknown>) => Effect.sync(() => void state.routes.push(routes)),
    manage: (layer: Layer.Layer<unknown, unknown, any>) => manage(state, fairing, layer),
    configure: (key: Context.Key<unknown, unknown>, config: Config.Config<unknown>) =>
      configure(state, fairing, key, config),
    update: (key: Context.Key<unknown, unknown>, f: (service: unknown) => unknown) =>
      Effect.sync(() => {
        state.context = Context.add(state.context, key, f(Context.getUnsafe(state.context, key)))
      })
  }) as never

const manage = (state: State, owner: string, layer: Layer.Layer<unknown, unknown, any>) =>
  Effect.flatMap(
    Effect.provideContext(
      Effect.flatMap(Effect.scope, (scope) => Layer.buildWithMemoMap(layer, state.built, scope)),
      state.context
    ),
    (built) => own(state, owner, Context.omit(Layer.CurrentMemoMap)(built))
  )

const configure = (state: State, owner: string, key: Context.Key<unknown, unknown>, config: Config.Config<unknown>) =>
  Effect.flatMap(Effect.provideContext(config, state.context), (value) =>
    Effect.as(own(state, owner, Context.make(key, value)), value)
  )

const own = Effect.fnUntraced(function* (state: State, owner: string, context: Context.Context<unknown>) {
  for (const service of context.mapUnsafe.keys()) {
    const first = state.owners.get(service)
    if (first !== undefined) return yield* new DuplicateService({ service, first })
    state.owners.set(service, owner)
  }
  state.context = Context.merge(state.context, context)
  return context
})

// Routes come first; the served app answers what no route matches. Effect's router opens interruption for each route itself.
const handlerOf = (state: State): Effect.Effect<Handler, unknown, any> =>
  Effect.suspend(() => {
    const app = state.app === undefined ? undefined : Effect.interruptible(state.app)
    if (state.routes.length === 0 && app !== undefined) return Effect.succeed(app)
    // One behind the other, not concurrently: so they are listed in mount order.
    const mounted = state.routes.reduce<Layer.Layer<never, unknown>>(
      (all, routes) => Layer.provideMerge(routes, all),
      Layer.empty
    )
    const layer = Layer.provide(mounted, noting(state.listed))
    return Effect.map(HttpRouter.toHttpEffect(layer), (router): Handler =>
      app === undefined
        ? (router as Handler)
        : (Effect.catchReason(router, "HttpServerError", "RouteNotFound", () => app) as Handler)
    )
  })
