/**
 * An application: an ordered list of fairings, managed layers, configuration and mounted routes, launched as one Layer.
 *
 * 1. What is declared earlier is available to what is declared later, routes included: manage, configure and attach first, mount last.
 * 2. Ignition runs every step in order, before anything is bound. When one fails the others still run, nothing is bound, and one typed error
 *    lists every failure.
 * 3. Then the server binds, the liftoff hooks run, and only then is the first request served. Told to stop, it drains within grace, is
 *    interrupted, and after mercy every socket is destroyed: `fairlead/app/node`.
 *
 * The model is Rocket's `Rocket<Build>`, `Rocket<Ignite>` and `Rocket<Orbit>`.
 *
 * **Example** (An application)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { App, Fairing } from "fairlead/app"
 *
 * class Greeting extends Context.Service<Greeting, string>()("app/Greeting") {}
 *
 * const shop = App.make("shop")
 *   .manage(Layer.succeed(Greeting, "Hello"))
 *   .attach(Fairing.onResponse("powered-by", HttpServerResponse.setHeader("x-powered-by", "shop")))
 *   .mount(HttpRouter.add("GET", "/", Effect.map(Greeting, (text) => HttpServerResponse.text(text))))
 * ```
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import * as Drawing from "../core/Drawing.ts"
import type * as Interceptor from "../core/Interceptor.ts"
import * as Tagged from "../core/Tagged.ts"
import type { Is } from "../core/Types.ts"
import { TypeId as PipelineTypeId } from "../server/Phases.ts"
import * as Pipeline from "../server/Pipeline.ts"
import * as AnyHost from "./AnyHost.ts"
import { describe as describeFairing } from "./Fairing.ts"
import type { Description, Fairing, Value as FairingValue } from "./Fairing.ts"
import type { IgniteError, OwnFailure } from "./IgniteError.ts"
import * as Ignition from "./Ignition.ts"
import type { Step } from "./Ignition.ts"
import * as LifeCycle from "./LifeCycle.ts"
import type { NoRouteError, RouteServices } from "./Routes.ts"

export { Launched } from "./LifeCycle.ts"
export type { Options } from "./LifeCycle.ts"
export type { Ignited } from "./Ignition.ts"
export { DuplicateService, IgniteDefect, IgniteError, NothingToOverride, SingletonIgnited } from "./IgniteError.ts"
export type { Failure, OwnFailure } from "./IgniteError.ts"
export type { Route } from "./RouteList.ts"

type PerRequest = HttpServerRequest.HttpServerRequest | Scope.Scope

const TypeId = "~fairlead/app/App"

/**
 * An application: `P` provided so far to what is declared later, `E` what ignition may fail with, `R` still required.
 *
 * @category models
 * @since 0.1.0
 */
export interface App<in out P, in out E, in out R> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Attaches a fairing. */
  attach<S, E2, R2>(fairing: Fairing<S, E2, R2>): App<P | S, E | E2, R | Exclude<R2, P>>

  /** Builds a layer at ignition, for the application's life, and provides what it gives. */
  manage<A, E2, R2>(layer: Layer.Layer<A, E2, R2>): App<P | A, E | E2, R | Exclude<R2, P>>

  /** Reads configuration at ignition and provides it; configuration that is missing or wrong fails the ignition with its path. */
  configure<I, S>(key: Context.Key<I, S>, config: Config.Config<S>): App<P | I, E | Config.ConfigError, R>

  /** Builds `replacement` in place of a layer that was given to `manage`, which is not built then: for tests. */
  override<A, E1, R1, E2, R2>(
    managed: Layer.Layer<A, E1, R1>,
    replacement: Layer.Layer<NoInfer<A>, E2, R2>
  ): App<P, E | E2, R | Exclude<R2, P>>

  /** Mounts routes of Effect's router, or of an `HttpApi`. It compiles only when they leave no error open. */
  mount<E2, R2>(
    routes: Layer.Layer<never, E2, R2> & NoRouteError<R2>
  ): App<P, E | E2, R | Exclude<RouteServices<R2>, P>>

  /** Serves a whole app, such as a `Pipeline`, for every request that no mounted route matches. */
  serve<A>(app: A & Serves<A>): App<P, E, R | Exclude<Effect.Services<A>, P | PerRequest>>
}

type Serves<A> = Is<
  A,
  Effect.Effect<HttpServerResponse.HttpServerResponse, never, unknown>,
  "not an app, or errors are left unhandled"
>

interface Value {
  readonly name: string
  readonly steps: ReadonlyArray<Step>
}

const step = (self: Value, kind: Step["kind"], ...values: ReadonlyArray<unknown>): App<never, never, never> =>
  from({ name: self.name, steps: [...self.steps, { kind, values }] })

const from = (value: Value): App<never, never, never> => Object.assign(Object.create(Proto), value)

const Proto = {
  [TypeId]: TypeId,
  attach(this: Value, fairing: unknown) {
    return step(this, "attach", fairing)
  },
  manage(this: Value, layer: unknown) {
    return step(this, "manage", layer)
  },
  configure(this: Value, key: unknown, config: unknown) {
    return step(this, "configure", key, config)
  },
  override(this: Value, managed: unknown, replacement: unknown) {
    return step(this, "override", managed, replacement)
  },
  mount(this: Value, routes: unknown) {
    return step(this, "mount", routes)
  },
  serve(this: Value, app: unknown) {
    return step(this, "serve", app)
  }
}

/**
 * Opens an application.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string): App<never, never, never> => from({ name, steps: [] })

/**
 * The fairings of an app, in order, as data. Before it has ignited, class-tagged fairings show their id and no kinds.
 *
 * @category getters
 * @since 0.1.0
 */
export const fairings = <P, E, R>(app: App<P, E, R> | Ignition.Ignited): ReadonlyArray<Description> =>
  Ignition.isIgnited(app)
    ? app.fairings
    : valueOf(app)
        .steps.filter(({ kind }) => kind === "attach")
        .map(({ values: [fairing] }) => describeGiven(fairing))

/**
 * The fairing with this singleton key, or of this class; the last attached when there are several.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = <P, E, R>(
  app: App<P, E, R> | Ignition.Ignited,
  wanted: string | { readonly key: string }
): Description | undefined =>
  fairings(app).findLast((fairing) =>
    typeof wanted === "string" ? fairing.singleton === wanted : fairing.service === wanted.key
  )

const describeGiven = (fairing: unknown): Description => {
  const id = Tagged.nameOf(fairing as object)
  return id === undefined ? describeFairing(fairing as FairingValue) : { name: id, kinds: [], service: id }
}

const valueOf = (app: unknown): Value => app as Value

/**
 * An application as data: its steps in declared order, with the pipeline it serves inside.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = <P, E, R>(app: App<P, E, R>): Interceptor.Description => ({
  part: "app",
  name: app.name,
  interceptors: Ignition.labelled(valueOf(app).steps).map(({ kind, label, values: [first] }): Interceptor.Info => {
    const kinds = kind === "attach" ? describeGiven(first).kinds : []
    return {
      name: label,
      kind: kind === "attach" ? ["fairing", ...kinds].join(" ") : kind,
      provides: kind === "configure" ? [(first as Context.Key<unknown, unknown>).key] : [],
      recovers: [],
      inner: kind === "serve" && isPipeline(first) ? Pipeline.describe(first).interceptors : []
    }
  })
})

const isPipeline = (app: unknown): app is Pipeline.Named => PipelineTypeId in (app as object)

/**
 * An application as text, one step a line, for a terminal.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawing = <P, E, R>(app: App<P, E, R>): string => Drawing.toText(describe(app))

/**
 * An application as a Mermaid flowchart.
 *
 * @category drawing
 * @since 0.1.0
 */
export const mermaid = <P, E, R>(app: App<P, E, R>): string => Drawing.toMermaid(describe(app))

/**
 * Ignites an application: runs every step in order. The scope is the application's life. An ignited application can be launched without
 * igniting again.
 *
 * @category running
 * @since 0.1.0
 */
export const ignite = <P, E, R>(
  app: App<P, E, R>
): Effect.Effect<Ignition.Ignited, IgniteError<E | OwnFailure>, R | Scope.Scope> => {
  const { name, steps } = valueOf(app)
  return Ignition.ignite(name, steps) as never
}

/**
 * The application as a Layer over any `HttpServer`: ignites, builds the server, runs the liftoff hooks, serves. Closing the layer's scope, or
 * `Shutdown.notify`, shuts it down: no grace for sockets here, which only a host that knows them can give. On Node use `NodeApp.launch`.
 *
 * @category running
 * @since 0.1.0
 */
export const launch = <SE, SR, P = never, E = never, R = never>(
  app: App<P, E, R> | Ignition.Ignited,
  server: Layer.Layer<HttpServer.HttpServer, SE, SR>,
  options: LifeCycle.Options = {}
): Layer.Layer<LifeCycle.Launched, IgniteError<E | OwnFailure> | SE, R | SR> =>
  Layer.effect(LifeCycle.Launched, LifeCycle.run(igniting(app), AnyHost.make(server), options)) as never

/** The ignition of what may already be ignited. Internal to the app part. */
export const igniting = (app: { readonly name: string }): Effect.Effect<Ignition.Ignited, unknown, any> =>
  Ignition.isIgnited(app) ? Effect.succeed(app) : ignite(app as App<never, unknown, unknown>)
