/**
 * How a launched application stops. Internal to the app part.
 *
 * 1. Each answer closes its connection, and readiness is withdrawn for `readinessDelay`.
 * 2. New connections are refused, the shutdown hooks run concurrently, and requests in flight have `grace` to end.
 * 3. The remaining requests are interrupted and have `mercy` to end. Then every socket is destroyed. Further listeners serve until then.
 *
 * Each cut request, socket, hook or job is named in the log, one line each, and in the report.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

import { logDefect } from "../core/CauseOrigin.ts"
import type { Shutdown } from "../core/Shutdown.ts"
import type { Host } from "./Host.ts"
import { originOf } from "./LifeWatch.ts"
import type { LaunchOptions, StopReport } from "./StopOptions.ts"

/** The default times. Internal to the app part. */
export const defaults = { grace: "2 seconds", mercy: "3 seconds", readinessDelay: 0 } as const

/** A hook of a fairing, ready to run. Internal to the app part. */
export interface NamedHook {
  readonly name: string
  readonly run: Effect.Effect<unknown>
}

/** The parts of an application that stops. Internal to the app part. */
export interface Stoppable {
  readonly app: string
  readonly shutdown: Shutdown
  readonly host: Host
  /** The further listeners: they serve until the application's own requests have ended. */
  readonly others: ReadonlyArray<Host>
  readonly hooks: ReadonlyArray<NamedHook>
  /** Cut before the stop. */
  readonly cut: ReadonlyArray<string>
  /** Whether it serves: readiness is withdrawn only then. */
  readonly serves: boolean
  /** When the stop began, if that was before its liftoff had ended: grace runs from then. */
  readonly toldAt: number | undefined
  /** The liftoff hooks, when there was a liftoff: they may have been interrupted. */
  readonly lifting: Fiber.Fiber<void> | undefined
  /** Says what the stop waits for. */
  readonly waits: (what: () => ReadonlyArray<string>) => void
}

/** Stops an application. Internal to the app part. */
export const stop = Effect.fnUntraced(function* (life: Stoppable, options: LaunchOptions) {
  const { app, host, lifting, others, serves, shutdown, toldAt } = life
  const { mercy = defaults.mercy, readinessDelay = 0 } = options
  const began = yield* Clock.currentTimeMillis
  const elapsed = Effect.map(Clock.currentTimeMillis, (time) => time - began)
  const grace = Math.max(
    0,
    Duration.toMillis(options.grace ?? defaults.grace) - (toldAt === undefined ? 0 : began - toldAt)
  )
  const cut = [...life.cut]

  yield* Effect.logInfo(`The app "${app}" is stopping`)
  yield* shutdown.notify
  yield* Effect.forEach([host, ...others], ({ closing }) => closing, { discard: true })
  if (serves && Duration.toMillis(readinessDelay) > 0) yield* Effect.sleep(readinessDelay)
  const delayed = yield* elapsed
  yield* host.refuse
  const hooks = yield* Effect.forEach(life.hooks, (hook) =>
    Effect.map(Effect.forkDetach(reported(app, hook)), (fiber) => ({ name: hook.name, fiber }))
  )
  const openHooks = () => hooks.filter(({ fiber }) => fiber.pollUnsafe() === undefined)
  life.waits(() => [...host.pending(), ...openHooks().map(({ name }) => `the shutdown hook of "${name}"`)])
  // Idle last: while the hooks ran, a request may have come on a connection that was open already.
  const fibers = [...hooks.map(({ fiber }) => fiber), ...(lifting === undefined ? [] : [lifting])]
  const quiet = Effect.andThen(Effect.andThen(Fiber.awaitAll(fibers), shutdown.idle), host.idle)
  const inGrace = yield* Effect.timeoutOption(quiet, grace)
  if (Option.isNone(inGrace)) {
    cut.push(...(yield* host.interrupt))
    cut.push(...(yield* shutdown.interrupt).map((name) => `work in the background "${name}"`))
    const inMercy = yield* Effect.timeoutOption(quiet, mercy)
    if (Option.isNone(inMercy)) cut.push(...(yield* endHooks(openHooks())))
  }
  cut.push(...without(yield* host.destroy, cut))
  const spare = Duration.toMillis(mercy) + grace + delayed - (yield* elapsed)
  for (const other of others) cut.push(...(yield* end(other, Math.max(0, Math.min(grace, spare)))))

  yield* Effect.forEach(cut.slice(0, shown), (what) => Effect.logWarning(`Cut by the stop of "${app}": ${what}`), {
    discard: true
  })
  if (cut.length > shown) yield* Effect.logWarning(`Cut by the stop of "${app}": ${cut.length - shown} more`)
  const duration = Duration.millis(yield* elapsed)
  yield* Effect.logInfo(`The app "${app}" stopped after ${Duration.toMillis(duration)} ms`)
  const report: StopReport = { duration, cut }
  return report
})

/** How many things that were cut are named in the log. */
const shown = 100

/** Ends a further listener. */
const end = Effect.fnUntraced(function* (host: Host, grace: number) {
  yield* host.refuse
  const cut: Array<string> = []
  if (Option.isNone(yield* Effect.timeoutOption(host.idle, grace))) cut.push(...(yield* host.interrupt))
  cut.push(...without(yield* host.destroy, cut))
  return cut
})

// A request that was interrupted and then destroyed is named once.
const without = (names: ReadonlyArray<string>, named: ReadonlyArray<string>): ReadonlyArray<string> => {
  const rest = [...named]
  return names.filter((name) => {
    const index = rest.indexOf(name)
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
}

const reported = (app: string, hook: NamedHook): Effect.Effect<void> =>
  Effect.exit(hook.run).pipe(
    Effect.flatMap((exit) =>
      Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
        ? logDefect(`Fairing "${hook.name}" died at shutdown`, exit.cause, originOf(app, hook.name, "shutdown"))
        : Effect.void
    )
  )

const endHooks = (hooks: ReadonlyArray<{ readonly name: string; readonly fiber: Fiber.Fiber<void> }>) =>
  Effect.forEach(hooks, ({ fiber, name }) =>
    Effect.as(
      Effect.forkDetach(Fiber.interrupt(fiber)),
      `the shutdown hook of fairing "${name}", which outlived grace and mercy`
    )
  )
