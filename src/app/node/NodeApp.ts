/**
 * Launches an application on a Node HTTP server, as a Layer or as the program itself.
 *
 * Here the whole life of `LifeCycle` holds: no request is lost between listening and liftoff, and a shutdown ends within `grace + mercy`, whatever the
 * clients and handlers do: endless streams, half-open sockets, uninterruptible handlers, WebSocket peers that ignore Close.
 *
 * **Example** (A program)
 *
 * ```ts
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import { App } from "fairlead/app"
 * import { NodeApp } from "fairlead/app/node"
 *
 * const hello = App.make("hello").mount(HttpRouter.add("GET", "/", HttpServerResponse.text("Hello")))
 *
 * const main = () => NodeApp.run(hello, { port: 3000, grace: "5 seconds" })
 * ```
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ServeError } from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"

import { loadPeer } from "../../core/OptionalPeer.ts"
import * as Shutdown from "../../core/Shutdown.ts"
import type { Is } from "../../core/Types.ts"
import type { App, Ignited, ListenerOptions, OwnFailure } from "../App.ts"
import type { IgniteError } from "../IgniteError.ts"
import { igniting } from "../Ignition.ts"
import { Launched } from "../Launched.ts"
import * as LifeCycle from "../LifeCycle.ts"
import type { Listener } from "../Listeners.ts"
import type { LaunchOptions as StopOptions } from "../StopOptions.ts"
import { defaults } from "../Stopping.ts"
import { endWithApp } from "./EndWithApp.ts"
import * as Failures from "./Failures.ts"
import type { ListenTo } from "./ListenTo.ts"
import * as Supervisor from "./Supervisor.ts"

export type { ListenTo } from "./ListenTo.ts"

/**
 * How an application listens and stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface LaunchOptions extends ListenTo, StopOptions {}

/**
 * How a program listens and stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions extends LaunchOptions {
  /** The signals that stop it; a second one ends the process at once. Default: SIGINT and SIGTERM. */
  readonly signals?: ReadonlyArray<NodeJS.Signals>
  /** The reaction to an uncaught exception or rejection: `"stop"` logs it and runs the shutdown, and the exit code is 1. Default: `"crash"`, as Node does. */
  readonly onUncaught?: "crash" | "stop"
  /**
   * How long after readiness delay, grace and mercy the process is forced to end, with the exit code 70, or by SIGKILL when its event loop is blocked. `false` never
   * forces it. Default: 5 seconds.
   */
  readonly force?: Duration.Input | false
}

type ProcessOptions = Pick<RunOptions, "signals" | "onUncaught" | "force">

/**
 * `unknown` when `O` is an Effect of options that cannot fail and needs nothing but what the application provides, `P`: how options are read from its
 * configuration. Else what is wrong with it.
 *
 * @category checks
 * @since 0.1.0
 */
export type Read<O, T, P> = Is<
  O,
  Effect.Effect<T, never, P>,
  "no options, or they fail or need what the app does not provide"
>

/**
 * The application as a Layer: ignites, listens, lifts off, serves. It shuts down when its scope closes, or when `Shutdown.notify` is called.
 *
 * The options may be an Effect, which is run when the application has ignited, with its services.
 *
 * @category running
 * @since 0.1.0
 */
export const launch: {
  <P, E, R, O>(
    app: App<P, E, R>,
    options: O & Read<O, LaunchOptions, P>
  ): Layer.Layer<Launched, IgniteError<E | OwnFailure> | ServeError, R>
  <P = never, E = never, R = never>(
    app: App<P, E, R> | Ignited,
    options?: LaunchOptions
  ): Layer.Layer<Launched, IgniteError<E | OwnFailure> | ServeError, R>
} = <P, E, R>(app: App<P, E, R> | Ignited, options: unknown) => Layer.effect(Launched, launching<E, R>(app, options))

/**
 * The application as a Layer under another key, for several applications in one process, whose layers are merged.
 *
 * **Example** (Two applications)
 *
 * ```ts
 * import { Context, Layer } from "effect"
 * import { App } from "fairlead/app"
 * import { NodeApp } from "fairlead/app/node"
 *
 * class Shop extends Context.Service<Shop, App.Launched["Service"]>()("main/Shop") {}
 * class Admin extends Context.Service<Admin, App.Launched["Service"]>()("main/Admin") {}
 *
 * const both = Layer.mergeAll(
 *   NodeApp.launchAs(App.make("shop"), Shop, { port: 3000 }),
 *   NodeApp.launchAs(App.make("admin"), Admin, { port: 9090 })
 * )
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const launchAs: {
  <I, P, E, R, O>(
    app: App<P, E, R>,
    key: Context.Key<I, Launched["Service"]>,
    options: O & Read<O, LaunchOptions, P>
  ): Layer.Layer<I, IgniteError<E | OwnFailure> | ServeError, R>
  <I, P = never, E = never, R = never>(
    app: App<P, E, R> | Ignited,
    key: Context.Key<I, Launched["Service"]>,
    options?: LaunchOptions
  ): Layer.Layer<I, IgniteError<E | OwnFailure> | ServeError, R>
} = <I, P, E, R>(app: App<P, E, R> | Ignited, key: Context.Key<I, Launched["Service"]>, options: unknown) =>
  Layer.effect(key, launching<E, R>(app, options))

const nodeHost = loadPeer(() => import("./NodeHost.ts"), {
  entry: "fairlead/app/node",
  install: "@effect/platform-node@4.1"
})

const launching = <E, R>(app: { readonly name: string }, options: unknown) =>
  igniting<E, R>(app).pipe(
    Effect.flatMap((ignited) => living(ignited, options)),
    Effect.flatMap(endWithApp)
  )

// Launches an ignited application, once its options are known.
const living = (
  ignited: Ignited,
  given: unknown,
  watcher: LifeCycle.Watcher & { readonly bound?: (bound: number) => void } = {}
) => {
  const context = LifeCycle.contextOf(ignited)
  const read = <O>(options: unknown): Effect.Effect<O> =>
    Effect.isEffect(options)
      ? Effect.provideContext(options as Effect.Effect<O>, context)
      : Effect.succeed(options as O)
  return Effect.flatMap(read<LaunchOptions>(given ?? {}), (options) => {
    const stopping = inDevelopment(options)
    watcher.bound?.(boundOf(stopping))
    const makeHost = (listener: Listener | undefined) =>
      Effect.flatMap(nodeHost, ({ make }) =>
        listener === undefined ? make(options) : Effect.flatMap(read<ListenerOptions>(listener.options), make)
      )
    return LifeCycle.run(Effect.succeed(ignited), makeHost, stopping, watcher)
  })
}

// `node --watch` waits for the process that it restarts.
const inDevelopment = (options: StopOptions): StopOptions =>
  process.env["WATCH_REPORT_DEPENDENCIES"] === undefined ? options : { grace: 100, mercy: 100, ...options }

const boundOf = ({ grace = defaults.grace, mercy = defaults.mercy, readinessDelay = 0 }: StopOptions): number =>
  [grace, mercy, readinessDelay].reduce<number>((sum, part) => sum + Duration.toMillis(part), 0)

/**
 * The application as the program itself: runs until it has stopped, then ends the process.
 *
 * Several applications may run in one process: a signal stops all of them, and the process ends when the last one has.
 *
 * The exit code is 0 after a shutdown, 70 when the shutdown cut something off after grace, 1 when the launch failed, and 128 plus the signal's number after a
 * second signal. It compiles only when the application needs nothing more.
 *
 * **Example** (Listening where the configuration says)
 *
 * ```ts
 * import { Config, Context, Effect } from "effect"
 * import { App } from "fairlead/app"
 * import { NodeApp } from "fairlead/app/node"
 *
 * class Settings extends Context.Service<Settings, { readonly port: number }>()("shop/Settings") {}
 *
 * const shop = App.make("shop").configure(Settings, Config.all({ port: Config.Port("PORT") }))
 *
 * const main = () => NodeApp.run(shop, Effect.map(Settings, ({ port }) => ({ port })))
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const run: {
  <P, E, O>(app: App<P, E, never>, options: O & Read<O, LaunchOptions, P>, more?: ProcessOptions): void
  <P, E>(app: App<P, E, never>, options?: RunOptions): void
} = (app: { readonly name: string }, options: unknown, more?: ProcessOptions): void => {
  const given: RunOptions = Effect.isEffect(options) ? {} : (options ?? {})
  const { force = "5 seconds", onUncaught = "crash", signals = ["SIGINT", "SIGTERM"] } = more ?? given
  const signalled = Effect.runSync(Shutdown.make)
  let bound = boundOf(inDevelopment(given))
  let waitsFor = (): ReadonlyArray<string> => ["its ignition"]
  const { ended, stops } = Supervisor.join({
    app: app.name,
    signals,
    tell: signalled.notify,
    stopsOnUncaught: onUncaught === "stop",
    force,
    bound: () => bound,
    waitsFor: () => waitsFor()
  })
  const waits = (what: () => ReadonlyArray<string>) => {
    waitsFor = what
    Supervisor.noteWaits()
  }
  const program = Effect.scoped(
    Effect.gen(function* () {
      // A signal during ignition ends it, and its resources are released.
      const ignited = yield* Effect.raceFirst(
        igniting<unknown, never>(app, Failures.report(app.name)),
        Effect.as(signalled.await, undefined)
      )
      if (ignited === undefined) return []
      waits(() => ["its launch"])
      const shutdown = LifeCycle.shutdownOf(ignited)
      yield* Effect.forkScoped(Effect.andThen(signalled.await, shutdown.notify))
      yield* Effect.forkScoped(Effect.andThen(shutdown.await, Effect.sync(stops)))
      const life = Effect.gen(function* () {
        const launched = yield* living(ignited, options, { waits, bound: (ms) => (bound = ms) })
        yield* Failures.listens(launched)
        const { cut } = yield* launched.stopped
        return cut
      })
      const cut = yield* Effect.provideContext(
        Effect.tapCause(life, Failures.report(app.name)),
        LifeCycle.contextOf(ignited)
      )
      waits(() => [])
      return cut
    })
  )

  Effect.runFork(program).addObserver((exit) =>
    ended(Exit.isFailure(exit) ? 1 : exit.value.length > 0 ? Supervisor.cutOff : 0)
  )
}
