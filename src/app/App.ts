/**
 * An application: an ordered list of fairings, managed layers, configuration and mounted routes, launched as one Layer.
 *
 * 1. Each step can use the services of the steps before it, routes included: manage, configure and attach first, mount last.
 * 2. Ignition runs every step in order, before anything is bound. When one fails the others still run, nothing is bound, and one typed error
 *    lists every failure.
 * 3. Then the server binds, the liftoff hooks run, and only then is the first request served. At shutdown, it drains within grace, is
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
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"

import { AllowedHosts } from "../core/AllowedHosts.ts"
import * as Composite from "../core/Composite.ts"
import { infoOf } from "../core/Description.ts"
import * as Interceptor from "../core/Interceptor.ts"
import { hasTypeId } from "../core/InterceptorKind.ts"
import { checkOptions } from "../core/Options.ts"
import type { Is } from "../core/Types.ts"
import type * as Pipeline from "../server/Pipeline.ts"
import { TypeId as PipelineTypeId } from "../server/PipelineTypes.ts"
import * as AnyHost from "./AnyHost.ts"
import type { AppValue } from "./AppValue.ts"
import { kind as fairingKind } from "./FairingRecipe.ts"
import type { FairingRecipe } from "./FairingRecipe.ts"
import type { Fairing, FairingInfo } from "./FairingTypes.ts"
import { isIgnited } from "./Ignited.ts"
import type { Ignited } from "./Ignited.ts"
import type { IgniteError, OwnFailure } from "./IgniteError.ts"
import * as Ignition from "./Ignition.ts"
import { Launched } from "./Launched.ts"
import * as LifeCycle from "./LifeCycle.ts"
import type { ListenerOptions, MountOptions } from "./MountOptions.ts"
import type { Route } from "./RouteList.ts"
import type { NoRouteError, RouteServices } from "./Routes.ts"
import { labelled } from "./Steps.ts"
import type { AttachedFairing, Queued, Step } from "./Steps.ts"
import type { LaunchOptions } from "./StopOptions.ts"

export { Launched } from "./Launched.ts"
export type { ListenerOptions, MountOptions } from "./MountOptions.ts"
export type { LaunchOptions, StopReport } from "./StopOptions.ts"
export type { Ignited } from "./Ignited.ts"
export {
  DuplicateListener,
  DuplicateService,
  IgniteDefect,
  IgniteError,
  NothingToOverride,
  DuplicateSingleton,
  UnknownListener
} from "./IgniteError.ts"
export type { Failure, OwnFailure } from "./IgniteError.ts"
export type { Route } from "./RouteList.ts"

type PerRequest = HttpServerRequest.HttpServerRequest | Scope.Scope

const TypeId = "~fairlead/app/App"

/**
 * An application: `P` services for later steps, `E` errors of ignition, `R` services still required.
 *
 * @category models
 * @since 0.1.0
 */
export interface App<in out P, in out E, in out R>
  extends Pipeable.Pipeable, Interceptor.Described<Interceptor.Description> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Attaches a fairing. */
  attach<S, E2, R2>(fairing: Fairing<S, E2, R2>): App<P | S, E | E2, R | Exclude<R2, P>>

  /** Builds a layer at ignition, for the application's life, and provides its services. */
  manage<A, E2, R2>(layer: Layer.Layer<A, E2, R2>): App<P | A, E | E2, R | Exclude<R2, P>>

  /** Reads configuration at ignition and provides it; configuration that is missing or wrong fails the ignition with its path. */
  configure<I, S>(key: Context.Key<I, S>, config: Config.Config<S>): App<P | I, E | Config.ConfigError, R>

  /** Builds `replacement` in place of a layer of `manage`, which is not built then: for tests. */
  override<A, E1, R1, E2, R2>(
    managed: Layer.Layer<A, E1, R1>,
    replacement: Layer.Layer<NoInfer<A>, E2, R2>
  ): App<P, E | E2, R | Exclude<R2, P>>

  /** Mounts routes of Effect's router, or of an `HttpApi`. It compiles only when they leave no error open. */
  mount<E2, R2>(
    routes: Layer.Layer<never, E2, R2> & NoRouteError<R2>,
    options?: MountOptions
  ): App<P, E | E2, R | Exclude<RouteServices<R2>, P>>

  /**
   * Declares a further listener, with separate routes: for health and metrics, on a port that only the operator reaches. It serves during liftoff, and until
   * the application's own requests have ended. The options may be an Effect, which is run
   * when the application has ignited, with its services. Routes of fairings join these by `mount(routes, { listener })`. Hooks of fairings do not see its requests.
   */
  listen<O, E2 = never, R2 = never>(
    name: string,
    options: O &
      Is<O, Effect.Effect<ListenerOptions, never, unknown>, "neither options nor an Effect of them, or it may fail">,
    routes?: Layer.Layer<never, E2, R2> & NoRouteError<R2>
  ): App<P, E | E2, R | Exclude<RouteServices<R2> | Effect.Services<O>, P>>
  listen<E2 = never, R2 = never>(
    name: string,
    options: ListenerOptions,
    routes?: Layer.Layer<never, E2, R2> & NoRouteError<R2>
  ): App<P, E | E2, R | Exclude<RouteServices<R2>, P>>

  /** Serves a whole app, such as a `Pipeline`, for every request that no mounted route matches. `routes` are those that it declares to have, for the banner. */
  serve<A>(
    app: A & Serves<A>,
    options?: { readonly routes?: ReadonlyArray<Route> }
  ): App<P, E, R | Exclude<Effect.Services<A>, P | PerRequest>>
}

type Serves<A> = Is<
  A,
  Effect.Effect<HttpServerResponse.HttpServerResponse, never, unknown>,
  "not an app, or errors are left unhandled"
>

const step = (self: AppValue, kind: Step["kind"], ...values: ReadonlyArray<unknown>): AppValue =>
  Composite.change(self, { entries: [...self.entries, { kind, values }] })

const attach = (self: AppValue, fairing: unknown): AppValue => {
  const attached = fairingsOf(self)
  Composite.checkStoreKey(self.name, attached, Composite.accept<FairingRecipe>(self.name, fairingKind, fairing))
  return step(self, "attach", fairing)
}

const Proto = Composite.prototype(
  {
    part: "app",
    typeId: TypeId,
    kind: fairingKind,
    maker: "App.make",
    describe: ({ entries }: AppValue) => labelled(entries).map(infoOfStep)
  },
  {
    use(this: AppValue, fairing: unknown) {
      return attach(this, fairing)
    },
    attach(this: AppValue, fairing: unknown) {
      return attach(this, fairing)
    },
    manage(this: AppValue, layer: unknown) {
      return step(this, "manage", layer)
    },
    configure(this: AppValue, key: unknown, config: unknown) {
      return step(this, "configure", key, config)
    },
    override(this: AppValue, managed: unknown, replacement: unknown) {
      return step(this, "override", managed, replacement)
    },
    listen(this: AppValue, name: string, options: unknown, routes?: unknown) {
      const listening = step(this, "listen", name, options)
      return routes === undefined ? listening : step(listening, "mount", routes, { listener: name })
    },
    mount(this: AppValue, routes: unknown, options?: MountOptions) {
      return step(this, "mount", routes, options)
    },
    serve(this: AppValue, app: unknown, options?: { readonly routes?: ReadonlyArray<Route> }) {
      // A response of Effect is an Effect of itself without a fiber's end.
      if (Effect.isEffect(app) && !HttpServerResponse.isHttpServerResponse(app))
        return step(this, "serve", app, options)
      throw checkOptions(this.name).invalid("serve", "serve takes a Pipeline, or an Effect of a response")
    }
  }
)

const infoOfStep = ({ kind, label, values: [first] }: Queued): Interceptor.InterceptorInfo =>
  kind === "attach"
    ? { ...(first as AttachedFairing)[Interceptor.TypeId], name: label }
    : infoOf({
        name: label,
        kind,
        provides: kind === "configure" ? [(first as Context.Key<unknown, unknown>).key] : [],
        inner: kind === "serve" ? innerOf(first as object) : []
      })

const innerOf = (app: object): ReadonlyArray<Interceptor.InterceptorInfo> =>
  isPipeline(app) ? Interceptor.describe(app).interceptors : []

/**
 * Options of `make`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions {
  /** The hosts of the application's pages, without scheme and port. Channel mounts that name no `allowedOrigins` accept these pages only. Default: none. */
  readonly hosts?: ReadonlyArray<string> | undefined
}

/**
 * Opens an application.
 *
 * **Example** (An application that names its host)
 *
 * ```ts
 * import { App } from "fairlead/app"
 *
 * const chat = App.make("chat", { hosts: ["chat.example"] })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string, { hosts }: MakeOptions = {}): App<never, never, never> => {
  const opened: App<never, never, never> = Composite.open(Proto, { name, entries: [] })
  if (hosts === undefined) return opened
  if (hosts.length === 0) throw checkOptions(name).invalid("hosts", "an empty list allows no page: name a host")
  return opened.manage(Layer.succeed(AllowedHosts, hosts))
}

/**
 * Whether something is an application.
 *
 * @category guards
 * @since 0.1.0
 */
export const isApp: (u: unknown) => u is App<any, any, any> = hasTypeId(TypeId)

/**
 * The fairings of an app, in order, as data. Before it has ignited, class-tagged fairings show their id and no kinds.
 *
 * @category getters
 * @since 0.1.0
 */
export const fairings = <P, E, R>(app: App<P, E, R> | Ignited): ReadonlyArray<FairingInfo> =>
  isIgnited(app)
    ? app.fairings
    : fairingsOf(Composite.cast(app)).map((fairing) => {
        const info = fairing[Interceptor.TypeId] as FairingInfo
        return { ...info, kinds: info.kinds ?? [] }
      })

/**
 * The fairing with this singleton key, or of this class; the last attached when there are several.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = <P, E, R>(
  app: App<P, E, R> | Ignited,
  wanted: string | { readonly key: string }
): FairingInfo | undefined =>
  fairings(app).findLast((fairing) =>
    typeof wanted === "string" ? fairing.singleton === wanted : fairing.service === wanted.key
  )

const fairingsOf = ({ entries }: AppValue): ReadonlyArray<AttachedFairing> =>
  entries.filter(({ kind }) => kind === "attach").map(({ values: [fairing] }) => fairing as AttachedFairing)

const isPipeline = (app: object): app is Pipeline.Named => PipelineTypeId in app

/**
 * Ignites an application: runs every step in order. The scope is the application's life. An ignited application can be launched without
 * igniting again.
 *
 * @category running
 * @since 0.1.0
 */
export const ignite = <P, E, R>(
  app: App<P, E, R>
): Effect.Effect<Ignited, IgniteError<E | OwnFailure>, R | Scope.Scope> => Ignition.igniting<E, R>(app)

/**
 * The application as a Layer over any `HttpServer`: ignites, builds the server, runs the liftoff hooks, serves. Closing the layer's scope, or
 * `Shutdown.notify`, shuts it down: without grace for sockets, which needs a host that knows them. Further
 * listeners take their servers from the option `listeners`. On Node use `NodeApp.launch`.
 *
 * @category running
 * @since 0.1.0
 */
export const launch = <SE, SR, P = never, E = never, R = never>(
  app: App<P, E, R> | Ignited,
  server: Layer.Layer<HttpServer.HttpServer, SE, SR>,
  options: LaunchOptions & {
    readonly listeners?: Readonly<Record<string, Layer.Layer<HttpServer.HttpServer, SE, SR>>>
  } = {}
): Layer.Layer<Launched, IgniteError<E | OwnFailure> | SE, R | SR> =>
  Layer.effect(
    Launched,
    LifeCycle.run(
      Ignition.igniting<E, R>(app),
      (listener) => {
        const found = listener === undefined ? server : options.listeners?.[listener.name]
        return found === undefined
          ? Effect.die(
              new Error(`The listener "${listener?.name}" has no server. Pass its layer in the option "listeners"`)
            )
          : AnyHost.make(found)
      },
      options
    )
  )
