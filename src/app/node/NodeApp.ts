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
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { ServeError } from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"

import * as Shutdown from "../../core/Shutdown.ts"
import type { Is } from "../../core/Types.ts"
import type { App, Ignited, OwnFailure } from "../App.ts"
import { igniting } from "../App.ts"
import type { IgniteError } from "../IgniteError.ts"
import * as LifeCycle from "../LifeCycle.ts"
import * as NodeHost from "./NodeHost.ts"

export type { ListenTo } from "./NodeHost.ts"

/**
 * How an application listens and stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends NodeHost.ListenTo, LifeCycle.Options {}

/**
 * How a program listens and stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions extends Options {
  /** The signals that tell it to stop; a second one ends the process at once. Default: SIGINT and SIGTERM. */
  readonly signals?: ReadonlyArray<NodeJS.Signals>
}

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
 * The options may be an Effect, which is run when the application has ignited, with what it provides.
 *
 * @category running
 * @since 0.1.0
 */
export const launch: {
  <P = never, E = never, R = never>(
    app: App<P, E, R> | Ignited,
    options?: Options
  ): Layer.Layer<LifeCycle.Launched, IgniteError<E | OwnFailure> | ServeError, R>
  <P, E, R, O>(
    app: App<P, E, R>,
    options: O & Read<O, Options, P>
  ): Layer.Layer<LifeCycle.Launched, IgniteError<E | OwnFailure> | ServeError, R>
} = (app: { readonly name: string }, options: unknown = {}) =>
  Layer.effect(
    LifeCycle.Launched,
    Effect.flatMap(igniting(app), (ignited) => living(ignited, options))
  ) as never

// What an ignited application needs to live, once its options are known.
const living = (ignited: Ignited, options: unknown) => {
  const given = Effect.isEffect(options)
    ? Effect.provideContext(options as Effect.Effect<Options>, LifeCycle.contextOf(ignited))
    : Effect.succeed(options as Options)
  return Effect.flatMap(given, (options) => LifeCycle.run(Effect.succeed(ignited), NodeHost.make(options), options))
}

/**
 * The application as the program itself: runs until it has been told to stop and has stopped, then ends the process.
 *
 * The exit code is 0 after a shutdown, 1 when the launch failed, and 128 plus the signal's number after a second signal. It compiles only when the application
 * needs nothing more.
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
  <P, E>(app: App<P, E, never>, options?: RunOptions): void
  <P, E, O>(app: App<P, E, never>, options: O & Read<O, Options, P>, more?: Pick<RunOptions, "signals">): void
} = (app: { readonly name: string }, options: unknown = {}, more?: Pick<RunOptions, "signals">): void => {
  const { signals = ["SIGINT", "SIGTERM"] } = more ?? (options as RunOptions)
  const signalled = Effect.runSync(Shutdown.make)
  let once = false
  const onSignal = (_: NodeJS.Signals, number: number): void => {
    if (once) process.exit(128 + number)
    once = true
    Effect.runFork(signalled.notify)
  }
  for (const signal of signals) process.on(signal, onSignal)
  // Until it listens nothing else may keep the process alive.
  const alive = setInterval(() => {}, 2 ** 30)

  const program = Effect.scoped(
    Effect.gen(function* () {
      // A signal during ignition ends it: what it had acquired is released.
      const ignited = yield* Effect.raceFirst(igniting(app), Effect.as(signalled.await, undefined))
      if (ignited === undefined) return
      yield* Effect.forkScoped(Effect.andThen(signalled.await, LifeCycle.shutdownOf(ignited).notify))
      const { stopped } = yield* living(ignited, options)
      yield* stopped
    })
  ) as Effect.Effect<void, unknown>

  Effect.runFork(Effect.tapCause(program, (cause) => Effect.logError(whyNot(app.name, cause)))).addObserver((exit) => {
    clearInterval(alive)
    process.exit(Exit.isSuccess(exit) ? 0 : 1)
  })
}

// A typed failure says itself what to do: its stack says nothing more.
const whyNot = (app: string, cause: Cause.Cause<unknown>): unknown => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error instanceof ServeError && error.cause instanceof Error) {
    return `The app "${app}" cannot listen: ${error.cause.message}. Give it another port or host, or stop what listens there`
  }
  return error instanceof Error && error.message !== "" ? error.message : cause
}
