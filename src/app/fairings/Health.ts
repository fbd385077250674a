/**
 * Says to those who watch the application whether it lives, and whether to send it requests.
 *
 * **Example** (Ready when the database answers, on an admin port)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { App } from "fairlead/app"
 * import { health } from "fairlead/app/fairings"
 *
 * class Database extends Context.Service<Database, { readonly ping: Effect.Effect<void, Error> }>()("app/Database") {}
 *
 * const app = App.make("shop")
 *   .listen("admin", { port: 9090 })
 *   .manage(Layer.succeed(Database, { ping: Effect.void }))
 *   .attach(
 *     health({ listener: "admin", checks: { database: Effect.flatMap(Database, (database) => database.ping) } })
 *   )
 * ```
 *
 * Rules
 * 1. `GET /live` answers 200 as long as requests are answered at all, during liftoff too: a pod that warms up is not killed.
 * 2. `GET /ready` answers 200 when every check succeeds, else 503. It answers 503 until liftoff has ended, while readiness is withdrawn by `Shutdown.notReady`, and from the
 *    moment the application is to stop.
 * 3. The checks run concurrently, each with a timeout, which bounds an uninterruptible check too. Probes that come at once share one run, and a run is younger than
 *    `interval`. A failure, a defect and a timeout all read `down`: the cause is logged, once for each time that the check turns, and never sent.
 *
 * ```json
 * { "status": "not ready", "checks": { "database": "down", "cache": "up" } }
 * ```
 *
 * Gotchas: with the default `readinessDelay` of 0 the application refuses new connections at once when it is to stop, so that a watcher sees that rather than the
 * 503. With a load balancer set `readinessDelay` to a little more than the time between two of its looks, or serve health by a listener, which is open until the
 * application's requests have ended.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { Shutdown } from "../../core/Shutdown.ts"
import type { Is, Yields } from "../../core/Types.ts"
import * as Fairing from "../Fairing.ts"

/**
 * Options of `health`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HealthOptions<Checks> {
  /** Default: `"health"`. */
  readonly name?: string
  /** The path of readiness. Default: `/ready`. */
  readonly readyPath?: HttpRouter.PathInput
  /** The path of liveness. Default: `/live`. */
  readonly livePath?: HttpRouter.PathInput
  /** Effects that must succeed for the application to be ready, by name. The names are sent. Default: none. */
  readonly checks?: {
    readonly [K in keyof Checks]: Checks[K] & Is<Checks[K], Yields<unknown>, "not an Effect">
  }
  /** How long each check may take. Default: 2 seconds. */
  readonly timeout?: Duration.Input
  /** How long the outcome of a check is used again. Default: 1 second. */
  readonly interval?: Duration.Input
  /** The listener that serves it, by its name in `App.listen`. Default: the application's own. */
  readonly listener?: string
}

/**
 * A fairing that mounts the routes of readiness and liveness.
 *
 * @category fairings
 * @since 0.1.0
 */
export const health = <const Checks = {}>(
  options: HealthOptions<Checks> = {}
): Fairing.Fairing<never, never, Effect.Services<Checks[keyof Checks]>> => {
  const { checks = {}, listener, livePath = "/live", readyPath = "/ready" } = options
  const name = nameOr("health", options.name)
  const check = checkOptions(name)
  const timeout = check.duration("timeout", options.timeout ?? "2 seconds")
  const interval = check.duration("interval", options.interval ?? "1 second", { zero: true })
  const fairing = Fairing.onIgnite(name, (app) =>
    Effect.contextWith((context: Context.Context<unknown>) => {
      const watched = Object.entries<Yields<unknown>>(checks).map(([name, check]) =>
        watch(name, Effect.provideContext(check, context), timeout, Duration.toMillis(interval))
      )
      const routes = Layer.mergeAll(
        HttpRouter.add("GET", readyPath, readiness(watched)),
        HttpRouter.add("GET", livePath, answer(200, { status: "live" }))
      )
      return app.mount(routes, { listener, duringLiftoff: true })
    })
  )
  return fairing as Fairing.Fairing<never, never, Effect.Services<Checks[keyof Checks]>>
}

type State = "up" | "down"
type Named = readonly [name: string, state: State]

/** A run of a check, which several probes may await. */
interface CheckRun {
  readonly began: number
  readonly fiber: Fiber.Fiber<State>
}

/** A check that returns its state and logs its changes. */
const watch = (
  name: string,
  check: Effect.Effect<unknown, unknown>,
  timeout: Duration.Duration,
  interval: number
): Effect.Effect<Named> => {
  let last: State = "up"
  let run: CheckRun | undefined
  let stuck: Fiber.Fiber<unknown, unknown> | undefined

  const settle = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<State> => {
    const state = Exit.isSuccess(exit) ? "up" : "down"
    if (state === last) return Effect.succeed(state)
    last = state
    const note = Exit.isSuccess(exit)
      ? Effect.logInfo(`The check "${name}" succeeds again`)
      : Effect.logWarning(`The check "${name}" failed: the application is not ready`, exit.cause)
    return Effect.as(note, state)
  }
  const checking = Effect.gen(function* () {
    // A check that outlived its timeout and cannot be interrupted is not started once more.
    if (stuck !== undefined && stuck.pollUnsafe() === undefined) return yield* settle(timedOut)
    const fiber = yield* Effect.forkDetach(check)
    const ended = yield* Effect.timeoutOption(Fiber.await(fiber), timeout)
    if (Option.isSome(ended)) return yield* settle(ended.value)
    stuck = fiber
    fiber.interruptUnsafe()
    return yield* settle(timedOut)
  })
  return Effect.withFiber((probe) => {
    const now = probe.getRef(Clock.Clock).currentTimeMillisUnsafe()
    // Started and noted in one step. A probe that goes away leaves the run to the others.
    if (run === undefined || (run.fiber.pollUnsafe() !== undefined && now - run.began >= interval)) {
      run = { began: now, fiber: Effect.runForkWith(probe.context)(checking) }
    }
    return Effect.map(Fiber.join(run.fiber), (state): Named => [name, state])
  })
}

const timedOut = Exit.fail(new Cause.TimeoutError("The check did not end within its timeout"))

const readiness = (watched: ReadonlyArray<Effect.Effect<Named>>) =>
  Effect.gen(function* () {
    const shutdown = yield* Shutdown
    if (yield* shutdown.notified) return answer(503, { status: "stopping" })
    if (!(yield* shutdown.ready)) return answer(503, { status: "not ready" })
    const checks = yield* Effect.all(watched, { concurrency: "unbounded" })
    const ready = checks.every(([, state]) => state === "up")
    return answer(ready ? 200 : 503, { status: ready ? "ready" : "not ready", checks: Object.fromEntries(checks) })
  })

const answer = (status: number, body: object): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: { "cache-control": "no-store" } })
