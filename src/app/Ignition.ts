/**
 * Ignition: runs the steps of an application in order, before anything is bound. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { isAmbient } from "../core/LayerServices.ts"
import * as Shutdown from "../core/Shutdown.ts"
import type { AppValue } from "./AppValue.ts"
import { withSources } from "./ConfigFaults.ts"
import type { Active } from "./FairingRecipe.ts"
import type { Early, Handler } from "./Host.ts"
import { isIgnited, TypeId } from "./Ignited.ts"
import type { Ignited } from "./Ignited.ts"
import {
  DuplicateListener,
  DuplicateService,
  IgniteError,
  NothingToOverride,
  DuplicateSingleton,
  UnknownListener
} from "./IgniteError.ts"
import type { OwnFailure } from "./IgniteError.ts"
import { IgnitionFailures } from "./IgnitionFailures.ts"
import { callHook, LifeWatch } from "./LifeWatch.ts"
import type { Listener, Mounted } from "./Listeners.ts"
import { earlyOf, handlerOf } from "./Mounting.ts"
import type { MountOptions } from "./MountOptions.ts"
import { resolve } from "./Resolving.ts"
import type { Route } from "./RouteList.ts"
import { labelled, labelOf, withoutReplaced } from "./Steps.ts"
import type { AttachedFairing, Queued, Step } from "./Steps.ts"

/** The content of an `Ignited`. Internal to the app part. */
export interface IgnitedValue extends Ignited {
  readonly active: ReadonlyArray<Active>
  readonly context: Context.Context<never>
  readonly shutdown: Shutdown.Shutdown
  readonly watch: LifeWatch | undefined
  readonly handler: Handler
  /** The handler for requests during liftoff. */
  readonly early: Early | undefined
  readonly listeners: ReadonlyArray<Listener>
}

/** The services of a test's layer: they must not be ignored where the application manages them. Internal to the app part. */
export const GivenByTest = Context.Reference<ReadonlySet<string>>("fairlead/app/GivenByTest", {
  defaultValue: () => new Set()
})

/** The provider of a service: a step, or a fairing. */
interface Owner {
  readonly label: string
}

interface State {
  readonly app: string
  readonly watch: LifeWatch | undefined
  /** The steps still to run. */
  readonly queue: Array<Queued>
  readonly replaced: ReadonlyMap<unknown, unknown>
  readonly owners: Map<string, Owner>
  readonly ignited: Set<string>
  readonly active: Array<Active>
  readonly mounted: Array<Mounted>
  /** The further listeners' options, by name. */
  readonly listeners: Map<string, unknown>
  readonly failures: IgnitionFailures
  /** The layers built so far: a shared layer is built once. */
  readonly built: Layer.MemoMap
  served: Handler | undefined
  /** The routes that the served app declares. */
  declared: ReadonlyArray<Route>
  context: Context.Context<never>
}

/** Reports a failure, with the services that were built until then. Internal to the app part. */
export type Report = (cause: Cause.Cause<unknown>) => Effect.Effect<void>

/** Runs the steps. Their resources live as long as the scope, and are released at once when a step fails. Internal to the app part. */
const ignite = Effect.fnUntraced(function* (
  name: string,
  steps: ReadonlyArray<Step>,
  report: Report = () => Effect.void
) {
  const life = yield* Scope.fork(yield* Effect.scope)
  return yield* Effect.onExit(Scope.provide(runAll(name, steps, report), life), (exit) =>
    Exit.isSuccess(exit) ? Effect.void : Scope.close(life, exit)
  )
})

const runAll = Effect.fnUntraced(function* (name: string, steps: ReadonlyArray<Step>, report: Report) {
  // Released last, so that the shutdown is part of the flow.
  const watch = yield* Effect.acquireRelease(
    Effect.withFiber((fiber) => Effect.sync(() => LifeWatch.open(fiber, name))),
    (watch, exit) => Effect.sync(() => watch?.close(exit))
  )
  const shutdown = yield* Shutdown.make
  const outside = yield* Effect.context()
  const built = Layer.CurrentMemoMap.forkOrCreate(outside)
  const given = Array.from(yield* GivenByTest, (service) => [service, { label: "the layer of TestApp.make" }] as const)
  const state: State = {
    app: name,
    watch,
    queue: withoutReplaced(labelled(steps), outside),
    replaced: new Map(steps.filter(({ kind }) => kind === "override").map(({ values }) => [values[0], values[1]])),
    owners: new Map(given),
    ignited: new Set(),
    active: [],
    mounted: [],
    listeners: new Map(),
    failures: new IgnitionFailures(),
    served: undefined,
    declared: [],
    built,
    context: outside.pipe(Context.add(Shutdown.Shutdown, shutdown), Context.add(Layer.CurrentMemoMap, built))
  }
  for (let step = state.queue.shift(); step !== undefined; step = state.queue.shift()) {
    yield* attempt(state, step.label, run(state, step, steps))
  }
  const served = yield* attempt(state, "routes", servedOf(state))
  if (state.failures.some || served === undefined) {
    const { all: failures, missing } = state.failures
    const error = new IgniteError({ app: name, failures, missing: Array.from(missing) })
    yield* Effect.provideContext(report(Cause.fail(error)), state.context)
    return yield* error
  }
  const { active, context } = state
  const fairings = active.map(({ info }) => info)
  return {
    [TypeId]: TypeId,
    name,
    fairings,
    active,
    context,
    shutdown,
    watch,
    ...served
  } satisfies IgnitedValue as Ignited
})

/** Runs one step; its failure is noted, and the next step runs all the same. */
const attempt = <A>(state: State, step: string, effect: Effect.Effect<A, unknown, any>): Effect.Effect<A | undefined> =>
  Effect.suspend(() => Effect.provideContext(effect, state.context)).pipe(
    Effect.exit,
    Effect.flatMap((exit) => {
      if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
      // Interruption is not a failure of the step: it ends the ignition.
      if (Cause.hasInterruptsOnly(exit.cause)) return Effect.failCause(exit.cause as Cause.Cause<never>)
      state.failures.note(step, exit.cause)
      unreadable(state, exit.cause)
      return Effect.succeed(undefined)
    })
  ) as Effect.Effect<A | undefined>

/** Configuration that cannot be read is not read from elsewhere by later steps: their faults would be untrue. */
const unreadable = (state: State, { reasons }: Cause.Cause<unknown>): void => {
  const failed = reasons.filter(Cause.isFailReason).find(({ error }) => error instanceof ConfigProvider.SourceError)
  if (failed === undefined) return
  const provider = ConfigProvider.make(() => Effect.fail(failed.error as ConfigProvider.SourceError))
  state.context = Context.add(state.context, ConfigProvider.ConfigProvider, provider)
}

const run = (
  state: State,
  { index, kind, label, values }: Queued,
  steps: ReadonlyArray<Step>
): Effect.Effect<unknown, unknown, any> => {
  const [first, second] = values
  switch (kind) {
    case "attach":
      return attach(state, first as AttachedFairing, index)
    case "manage":
      return manage(state, { label }, (state.replaced.get(first) ?? first) as Layer.Layer<unknown, unknown, any>)
    case "configure":
      return configure(state, { label }, first as Context.Key<unknown, unknown>, second as Config.Config<unknown>)
    case "override":
      return steps.some((step) => step.kind === "manage" && step.values[0] === first)
        ? Effect.void
        : new NothingToOverride()
    case "listen":
      return listen(state, first as string, second)
    case "mount":
      return Effect.sync(() => mount(state, first as Layer.Layer<never, unknown>, second as MountOptions))
    default:
      return Effect.sync(() => {
        state.served = first as Handler
        const { routes = [] } = (second ?? {}) as { readonly routes?: ReadonlyArray<Route> }
        state.declared = routes.map(({ method, path }) => ({ method, path }))
      })
  }
}

const attach = (state: State, given: AttachedFairing, index: number | undefined): Effect.Effect<void, unknown, any> =>
  Effect.suspend(() => {
    const fairing = { ...resolve(state.app, given, state.context), ...(index === undefined ? {} : { index }) }
    const key = fairing.hooks.singleton
    if (key !== undefined && state.ignited.has(key)) return new DuplicateSingleton({ key, fairing: fairing.name })
    if (key !== undefined) state.ignited.add(key)
    state.active.push(fairing)
    const hook = fairing.hooks.onIgnite
    if (hook === undefined) return Effect.void
    const owner: Owner = { label: fairing.name }
    const call = () => hook(ignitionOf(state, owner))
    const igniting = callHook(state.watch?.watch, fairing, "ignite", call) as Effect.Effect<unknown, unknown, any>
    return Effect.flatMap(igniting, (provided) =>
      // A fairing may change a service that it has managed itself.
      Context.isContext(provided) ? own(state, owner, provided as Context.Context<unknown>, true) : Effect.void
    )
  })

const ignitionOf = (state: State, fairing: Owner) =>
  ({
    attach: (attached: unknown) =>
      Effect.sync(() => {
        const step: Step = { kind: "attach", values: [attached] }
        const queue = [...state.queue, { ...step, label: labelOf(step, 1) }]
        state.queue.splice(0, queue.length, ...withoutReplaced(queue, state.context))
      }),
    mount: (routes: Layer.Layer<never, unknown>, options?: MountOptions) =>
      Effect.sync(() => mount(state, routes, options)),
    manage: (layer: Layer.Layer<unknown, unknown, any>) => manage(state, fairing, layer),
    configure: (key: Context.Key<unknown, unknown>, config: Config.Config<unknown>) =>
      configure(state, fairing, key, config),
    update: (key: Context.Key<unknown, unknown>, f: (service: unknown) => unknown) =>
      Effect.sync(() => {
        state.context = Context.add(state.context, key, f(Context.getUnsafe(state.context, key)))
      })
  }) as never

const manage = (state: State, owner: Owner, layer: Layer.Layer<unknown, unknown, any>) =>
  Effect.flatMap(
    Effect.provideContext(
      Effect.flatMap(Effect.scope, (scope) => Layer.buildWithMemoMap(layer, state.built, scope)),
      state.context
    ),
    (built) => own(state, owner, Context.omit(Layer.CurrentMemoMap)(built))
  )

const configure = (state: State, owner: Owner, key: Context.Key<unknown, unknown>, config: Config.Config<unknown>) =>
  Effect.flatMap(Effect.provideContext(withSources(config), state.context), (value) =>
    Effect.as(own(state, owner, Context.make(key, value)), value)
  )

// A Reference has no owner: a logger or a tracer extends the present one.
const own = Effect.fnUntraced(function* (
  state: State,
  owner: Owner,
  context: Context.Context<unknown>,
  mayChangeOwn = false
) {
  const services = Array.from(context.mapUnsafe.keys()).filter((service) => !isAmbient(service))
  const { label } = owner
  const second = /^manage\(\d+\)$/.test(label) && services.length > 0 ? `manage(${services.join(", ")})` : label
  for (const service of services) {
    const first = state.owners.get(service)
    if (first !== undefined && !(mayChangeOwn && first === owner)) {
      return yield* new DuplicateService({ service, first: first.label, second })
    }
    state.owners.set(service, second === label ? owner : { label: second })
  }
  state.context = Context.merge(state.context, context)
  return context
})

const mount = (
  state: State,
  routes: Layer.Layer<never, unknown>,
  { duringLiftoff = false, listener }: MountOptions = {}
): void => {
  state.mounted.push({ routes, listener, duringLiftoff })
}

const listen = (state: State, name: string, options: unknown): Effect.Effect<void, DuplicateListener> =>
  Effect.suspend(() => {
    if (state.listeners.has(name)) return new DuplicateListener({ listener: name })
    state.listeners.set(name, options)
    return Effect.void
  })

// When all steps have run: a fairing may mount on a listener declared after it.
const servedOf = Effect.fnUntraced(function* (state: State) {
  const listener = state.mounted.find(
    ({ listener }) => listener !== undefined && !state.listeners.has(listener)
  )?.listener
  if (listener !== undefined) return yield* new UnknownListener({ listener })
  const on = (name: string | undefined) => state.mounted.filter((mounted) => mounted.listener === name)
  const routes: Array<Route> = []
  const handler = yield* handlerOf(on(undefined), state.served, routes)
  const early = yield* earlyOf(on(undefined))
  const listeners = yield* Effect.forEach(state.listeners, ([name, options]) => {
    const routes: Array<Route> = []
    return Effect.map(handlerOf(on(name), undefined, routes), (handler): Listener => ({
      name,
      options,
      handler,
      routes
    }))
  })
  return { handler, early, routes: [...routes, ...state.declared], listeners }
})

/**
 * The ignition of an application that may have ignited before. A failure is reported by the services built so far. The steps are erased, so that the caller names
 * their errors and needs: those of the application's type. Internal to the app part.
 */
export const igniting = <E, R>(
  app: { readonly name: string },
  report?: Report
): Effect.Effect<Ignited, IgniteError<E | OwnFailure>, R | Scope.Scope> => {
  if (isIgnited(app)) return Effect.succeed(app)
  const { entries, name } = app as AppValue
  return ignite(name, entries, report) as Effect.Effect<Ignited, IgniteError<E | OwnFailure>, R | Scope.Scope>
}
