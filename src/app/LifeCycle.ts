/**
 * The life of an application behind its ignition: bind, liftoff, serve, and a shutdown that always ends.
 *
 * 1. The server binds and the handler is in place, but every request waits.
 * 2. The liftoff hooks run concurrently. When all have ended, the waiting requests are answered. A hook that dies fails the launch: the waiting requests are
 *    answered 503 and the shutdown runs. Told to stop meanwhile, the hooks have `grace` to end.
 * 3. Told to stop, by `Shutdown.notify` or because the scope closes: readiness is withdrawn for `readinessDelay`; new connections are refused and answers
 *    carry `Connection: close`; the shutdown hooks run concurrently; requests in flight have `grace` to end.
 * 4. What is left is interrupted: 503 where nothing was sent, 1001 for WebSockets. It has `mercy` to get out. Then every socket is destroyed.
 *
 * Each step ends as soon as there is nothing to wait for. Hooks do not extend grace or mercy: those that outlive them are reported.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

import type { Shutdown } from "../core/Shutdown.ts"
import type { Description, Value } from "./Fairing.ts"
import { withHooks } from "./Hooks.ts"
import type { Handler, Ignited, IgnitedValue } from "./Ignition.ts"

/**
 * How an application stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long requests in flight have to end. Default: 2 seconds. */
  readonly grace?: Duration.Input
  /** How long what was interrupted has to get out, before sockets are destroyed. Default: 3 seconds. */
  readonly mercy?: Duration.Input
  /** How long the application still serves, not ready, once it was told to stop: for load balancers. Default: 0. */
  readonly readinessDelay?: Duration.Input
}

/**
 * An application that serves.
 *
 * @category services
 * @since 0.1.0
 */
export class Launched extends Context.Service<
  Launched,
  {
    readonly app: string
    /** Where it listens; `undefined` when it was told to stop before it was launched. */
    readonly address: NetAddress.SocketAddress | undefined
    readonly fairings: ReadonlyArray<Description>
    readonly shutdown: Shutdown
    /** Ends when the shutdown has ended. */
    readonly stopped: Effect.Effect<void>
  }
>()("fairlead/app/Launched") {}

const defaults = { grace: "2 seconds", mercy: "3 seconds" } as const

/** What serves an application's requests. Internal to the app part. */
export interface Host {
  readonly address: NetAddress.SocketAddress
  /** Puts the handler in place; requests wait until `open`. */
  readonly serve: (handler: Handler) => Effect.Effect<void>
  readonly open: Effect.Effect<void>
  /** Takes no new connections, and closes those that are idle or become so. */
  readonly refuse: Effect.Effect<void>
  /** Ends when no request is in flight, and nothing that a request has acquired is left to release. It is awaited once there is nothing else to wait for. */
  readonly idle: Effect.Effect<void>
  /** Interrupts every request in flight. */
  readonly interrupt: Effect.Effect<void>
  /** Destroys every socket, and says how many. */
  readonly destroy: Effect.Effect<number>
}

/** The shutdown of an ignited application. Internal to the app part. */
export const shutdownOf = (app: Ignited): Shutdown => (app as IgnitedValue).shutdown

/** The services of an ignited application. Internal to the app part. */
export const contextOf = (app: Ignited): Context.Context<never> => (app as IgnitedValue).context

/** Runs an application from its ignition to its end. Internal to the app part. */
export const run = Effect.fnUntraced(function* <E, R, E2, R2>(
  igniting: Effect.Effect<Ignited, E, R>,
  makeHost: Effect.Effect<Host, E2, R2 | Scope.Scope>,
  options: Options
) {
  const app = (yield* igniting) as IgnitedValue
  const { fairings, name, shutdown } = app
  if (yield* shutdown.notified) {
    return Launched.of({ app: name, address: undefined, fairings, shutdown, stopped: Effect.void })
  }
  const host = yield* makeHost
  const { address } = host
  const life: Life = { app, host, options, serves: false, toldAt: undefined }
  // With the services of the application, its loggers among them.
  const stop = yield* Effect.cached(Effect.uninterruptible(Effect.provideContext(stopping(life), app.context)))
  yield* Effect.addFinalizer(() => stop)
  const handler = withHooks(name, app.active, app.handler)
  yield* Effect.provideContext(host.serve(handler), app.context)
  const lifted = yield* Effect.provideContext(liftoff(life), app.context)
  if (!lifted) {
    yield* stop
    return Launched.of({ app: name, address, fairings, shutdown, stopped: Effect.void })
  }
  yield* host.open
  life.serves = true
  const stopped = Effect.andThen(shutdown.await, stop)
  yield* Effect.forkScoped(stopped)
  return Launched.of({ app: name, address, fairings, shutdown, stopped })
})

interface Life {
  readonly app: IgnitedValue
  readonly host: Host
  readonly options: Options
  serves: boolean
  /** When it was told to stop, if that was before its liftoff had ended: grace runs from then. */
  toldAt: number | undefined
}

interface NamedHook {
  readonly name: string
  readonly run: Effect.Effect<unknown>
}

const hooksOf = (app: IgnitedValue, hook: (value: Value) => (() => unknown) | undefined): ReadonlyArray<NamedHook> =>
  app.active.flatMap((fairing) => {
    const call = hook(fairing)
    if (call === undefined) return []
    const effect = Effect.suspend(() => {
      const given = call()
      return Effect.isEffect(given) ? (given as Effect.Effect<unknown>) : Effect.void
    })
    return [{ name: fairing.name, run: Effect.scoped(Effect.provideContext(effect, app.context)) }]
  })

/** Runs the liftoff hooks; `false` when the application was told to stop meanwhile, and they did not end within grace. */
const liftoff = Effect.fnUntraced(function* (life: Life) {
  const { app, options } = life
  const patience = Effect.gen(function* () {
    yield* app.shutdown.await
    life.toldAt = yield* Clock.currentTimeMillis
    yield* Effect.sleep(options.grace ?? defaults.grace)
    yield* Effect.logWarning(`"${app.name}" stops before its liftoff has ended: the hooks did not end within grace`)
  })
  // Its own fiber: a hook that cannot be interrupted does not hold the shutdown.
  const hooks = yield* Effect.forkDetach(lifting(life))
  const done = Effect.as(Fiber.join(hooks), true)
  return yield* Effect.raceFirst(done, Effect.as(patience, false)).pipe(
    Effect.onExit(() => Effect.forkDetach(Fiber.interrupt(hooks)))
  )
})

const lifting = ({ app, host: { address } }: Life): Effect.Effect<void> => {
  const { fairings, name, routes } = app
  const hooks = hooksOf(app, ({ hooks }) =>
    hooks.onLiftoff === undefined ? undefined : () => hooks.onLiftoff!({ app: name, address, fairings, routes })
  )
  return Effect.forEach(
    hooks,
    (hook) => Effect.tapCause(hook.run, (cause) => Effect.logError(`Fairing "${hook.name}" died at liftoff`, cause)),
    { concurrency: "unbounded", discard: true }
  )
}

const stopping = Effect.fnUntraced(function* ({ app, host, options, serves, toldAt }: Life) {
  const { mercy = defaults.mercy, readinessDelay = 0 } = options
  const began = yield* Clock.currentTimeMillis
  const spent = toldAt === undefined ? 0 : began - toldAt
  const grace = Math.max(0, Duration.toMillis(options.grace ?? defaults.grace) - spent)
  yield* app.shutdown.notify
  if (serves && Duration.toMillis(readinessDelay) > 0) yield* Effect.sleep(readinessDelay)
  yield* host.refuse
  const hooks = yield* Effect.forEach(
    hooksOf(app, ({ hooks }) => hooks.onShutdown),
    (hook) => Effect.map(Effect.forkDetach(reported(hook)), (fiber) => ({ name: hook.name, fiber }))
  )
  // Idle last: while the hooks ran, a request may have come on a connection that was open already.
  const quiet = Effect.andThen(Fiber.awaitAll(hooks.map(({ fiber }) => fiber)), host.idle)
  const inGrace = yield* Effect.timeoutOption(quiet, grace)
  if (Option.isNone(inGrace)) {
    yield* Effect.forkDetach(host.interrupt)
    const inMercy = yield* Effect.timeoutOption(quiet, mercy)
    if (Option.isNone(inMercy)) yield* reportOutlived(hooks)
  }
  const destroyed = yield* host.destroy
  const took = (yield* Clock.currentTimeMillis) - began
  const note = destroyed === 0 ? "" : `, ${destroyed} sockets destroyed`
  yield* Effect.logDebug(`"${app.name}" stopped after ${took} ms${note}`)
})

const reported = (hook: NamedHook): Effect.Effect<void> =>
  Effect.exit(hook.run).pipe(
    Effect.flatMap((exit) =>
      Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
        ? Effect.logError(`Fairing "${hook.name}" died at shutdown`, exit.cause)
        : Effect.void
    )
  )

const reportOutlived = (hooks: ReadonlyArray<{ readonly name: string; readonly fiber: Fiber.Fiber<void> }>) =>
  Effect.forEach(
    hooks.filter(({ fiber }) => fiber.pollUnsafe() === undefined),
    ({ fiber, name }) =>
      Effect.andThen(
        Effect.logWarning(`The shutdown hook of fairing "${name}" outlived grace and mercy: it is interrupted`),
        Effect.forkDetach(Fiber.interrupt(fiber))
      ),
    { discard: true }
  )
