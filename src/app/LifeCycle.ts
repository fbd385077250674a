/**
 * The life of an application after its ignition: bind, liftoff, serve, and a shutdown that always ends.
 *
 * 1. The server binds and the handler is in place, but every request waits, save those of routes served during liftoff. Further listeners serve at once.
 * 2. The liftoff hooks run concurrently. When all have ended, the waiting requests are answered. A hook that dies fails the launch: the waiting requests are
 *    answered 503 and the shutdown runs. When a stop comes meanwhile, the hooks have `grace` to end.
 * 3. A stop comes from `Shutdown.notify` or from the end of the scope. Then answers carry `Connection: close` and readiness is withdrawn for `readinessDelay`; new
 *    connections are refused; the shutdown hooks run concurrently; requests in flight have `grace` to end.
 * 4. The remaining requests are interrupted: 503 where nothing was sent, 1001 for WebSockets. They have `mercy` to end. Then every socket is destroyed.
 *
 * Each step ends as soon as there is nothing to wait for. Hooks do not extend grace or mercy: those that outlive them are reported.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import { logDefect } from "../core/CauseOrigin.ts"
import type { Shutdown } from "../core/Shutdown.ts"
import { urlOf } from "./Address.ts"
import type { Active } from "./FairingRecipe.ts"
import type { Kind } from "./FairingTypes.ts"
import type { Host } from "./Host.ts"
import type { Ignited } from "./Ignited.ts"
import type { IgnitedValue } from "./Ignition.ts"
import { Launched } from "./Launched.ts"
import { callHook, originOf } from "./LifeWatch.ts"
import type { LifeWatch } from "./LifeWatch.ts"
import type { Listener } from "./Listeners.ts"
import { once } from "./Once.ts"
import { withHooks } from "./RequestHooks.ts"
import type { LaunchOptions, StopReport } from "./StopOptions.ts"
import { defaults, stop } from "./Stopping.ts"
import type { NamedHook } from "./Stopping.ts"

/** The shutdown of an ignited application. Internal to the app part. */
export const shutdownOf = (app: Ignited): Shutdown => (app as IgnitedValue).shutdown

/** The services of an ignited application. Internal to the app part. */
export const contextOf = (app: Ignited): Context.Context<never> => (app as IgnitedValue).context

/** Observes a life. Internal to the app part. */
export interface Watcher {
  /** Called with the things that the life waits for. */
  readonly waits?: (what: () => ReadonlyArray<string>) => void
}

/** Runs an application from its ignition to its end; the host of a further listener is made from that listener. Internal to the app part. */
export const run = Effect.fnUntraced(function* <E, R, E2, R2>(
  igniting: Effect.Effect<Ignited, E, R>,
  makeHost: (listener: Listener | undefined) => Effect.Effect<Host, E2, R2 | Scope.Scope>,
  options: LaunchOptions,
  { waits = () => {} }: Watcher = {}
) {
  const app = (yield* igniting) as IgnitedValue
  const { fairings, listeners, name, shutdown } = app
  const launched = (host: Host | undefined, others: ReadonlyArray<Host>, stopped: Effect.Effect<StopReport>) =>
    Launched.of({
      app: name,
      address: host?.address,
      url: host === undefined ? undefined : urlOf(host.address),
      listeners: Object.fromEntries(others.map(({ address }, index) => [listeners[index]!.name, address])),
      fairings,
      shutdown,
      stopped
    })
  if (yield* shutdown.notified) {
    return launched(undefined, [], Effect.succeed({ duration: Duration.zero, cut: [] }))
  }
  const host = yield* makeHost(undefined)
  const others = yield* Effect.forEach(listeners, makeHost)
  const life: Life = { app, host, others, options, serves: false, toldAt: undefined, lifting: undefined, cut: [] }
  const stopping = Effect.suspend(() => {
    enter(app, "shutdown")
    return stop(
      { ...life, app: name, shutdown, hooks: hooksOf(app, "shutdown", ({ hooks }) => hooks.onShutdown), waits },
      options
    )
  }).pipe(Effect.onExit((exit) => Effect.sync(() => app.watch?.close(exit))))
  // With the services of the application, its loggers among them.
  const stopOnce = once(Effect.uninterruptible(Effect.provideContext(stopping, app.context)))
  yield* Effect.addFinalizer(() => stopOnce)
  // Not ready until liftoff has ended.
  const lifting = yield* Scope.make()
  yield* Scope.provide(shutdown.notReady, lifting)
  const serving = Effect.gen(function* () {
    for (const [index, other] of others.entries()) {
      const { handler } = listeners[index]!
      yield* other.serve(withHooks(name, [], handler))
      yield* other.open
    }
    const early = app.early && { ...app.early, handler: withHooks(name, [], app.early.handler) }
    yield* host.serve(withHooks(name, app.active, app.handler), early)
    return yield* liftoff(life)
  })
  if (!(yield* Effect.provideContext(serving, app.context))) {
    return launched(host, others, Effect.succeed(yield* stopOnce))
  }
  yield* host.open
  life.serves = true
  enter(app, "serve")
  yield* Scope.close(lifting, Exit.void)
  const stopped = Effect.andThen(shutdown.await, stopOnce)
  yield* Effect.forkScoped(stopped)
  return launched(host, others, stopped)
})

interface Life {
  readonly app: IgnitedValue
  readonly host: Host
  readonly others: ReadonlyArray<Host>
  readonly options: LaunchOptions
  readonly cut: Array<string>
  serves: boolean
  toldAt: number | undefined
  /** The liftoff hooks. */
  lifting: Fiber.Fiber<void> | undefined
}

const enter = ({ watch }: IgnitedValue, phase: LifeWatch["phase"]): void => {
  if (watch !== undefined) watch.phase = phase
}

const hooksOf = (
  app: IgnitedValue,
  kind: Kind,
  hook: (fairing: Active) => (() => unknown) | undefined
): ReadonlyArray<NamedHook> =>
  app.active.flatMap((fairing) => {
    const call = hook(fairing)
    if (call === undefined) return []
    const effect = Effect.suspend(() => {
      const given = callHook(app.watch?.watch, fairing, kind, call)
      return Effect.isEffect(given) ? (given as Effect.Effect<unknown>) : Effect.void
    })
    return [{ name: fairing.name, run: Effect.scoped(Effect.provideContext(effect, app.context)) }]
  })

/** Runs the liftoff hooks; `false` when a stop came meanwhile, and they did not end within grace. */
const liftoff = Effect.fnUntraced(function* (life: Life) {
  const { app, options } = life
  enter(app, "liftoff")
  const patience = Effect.gen(function* () {
    yield* app.shutdown.await
    life.toldAt = yield* Clock.currentTimeMillis
    yield* Effect.sleep(options.grace ?? defaults.grace)
    life.cut.push("the liftoff hooks, which did not end within grace")
  })
  return yield* Effect.acquireUseRelease(
    // Its own fiber: a hook that cannot be interrupted does not hold the shutdown beyond mercy.
    Effect.map(Effect.forkDetach(lifting(life)), (hooks) => (life.lifting = hooks)),
    (hooks) => Effect.raceFirst(Effect.as(Fiber.join(hooks), true), Effect.as(patience, false)),
    (hooks) => Effect.sync(() => hooks.interruptUnsafe())
  )
})

const lifting = ({ app, host: { address }, others }: Life): Effect.Effect<void> => {
  const { fairings, name, routes } = app
  const listeners = app.listeners.map(({ name, routes }, index) => {
    const { address } = others[index]!
    return { name, routes, address, url: urlOf(address) }
  })
  const hooks = hooksOf(app, "liftoff", ({ hooks }) =>
    hooks.onLiftoff === undefined
      ? undefined
      : () => hooks.onLiftoff!({ app: name, address, url: urlOf(address), fairings, routes, listeners })
  )
  return Effect.forEach(
    hooks,
    (hook) =>
      Effect.tapCause(hook.run, (cause) =>
        logDefect(`Fairing "${hook.name}" died at liftoff`, cause, originOf(name, hook.name, "liftoff"))
      ),
    { concurrency: "unbounded", discard: true }
  )
}
