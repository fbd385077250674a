/**
 * Tells those who watch the application whether it lives, and whether to send it requests.
 *
 * 1. `GET /live` answers 200 as long as requests are answered at all.
 * 2. `GET /ready` answers 200 when every check succeeds, else 503; and 503 from the moment the application is told to stop.
 * 3. The checks run concurrently, at each request, each with a timeout. A failure, a defect and a timeout all read `down`: what is behind it is logged, once
 *    for each time that the check turns, and never sent.
 *
 * ```json
 * { "status": "not ready", "checks": { "database": "down", "cache": "up" } }
 * ```
 *
 * Caveat: with the default `readinessDelay` of 0 the application refuses new connections at once when it is told to stop, so that a watcher sees that
 * rather than the 503. Behind a load balancer set `readinessDelay` to a little more than the time between two of its looks.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"

import { Shutdown } from "../../core/Shutdown.ts"
import type { Yields } from "../../core/Types.ts"
import * as Fairing from "../Fairing.ts"

/**
 * Options of `health`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<Checks extends Readonly<Record<string, Yields<unknown>>>> {
  /** Where readiness is asked for. Default: `/ready`. */
  readonly ready?: HttpRouter.PathInput
  /** Where liveness is asked for. Default: `/live`. */
  readonly live?: HttpRouter.PathInput
  /** What must succeed for the application to be ready, by name. The names are sent. Default: none. */
  readonly checks?: Checks
  /** How long each check may take. Default: 2 seconds. */
  readonly timeout?: Duration.Input
}

/**
 * A fairing that mounts the routes of readiness and liveness.
 *
 * **Example** (Ready when the database answers)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { App } from "fairlead/app"
 * import { health } from "fairlead/app/fairings"
 *
 * class Database extends Context.Service<Database, { readonly ping: Effect.Effect<void, Error> }>()("app/Database") {}
 *
 * const app = App.make("shop")
 *   .manage(Layer.succeed(Database, { ping: Effect.void }))
 *   .attach(health({ checks: { database: Effect.flatMap(Database, (database) => database.ping) } }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const health = <const Checks extends Readonly<Record<string, Yields<unknown>>> = {}>(
  options: Options<Checks> = {}
): Fairing.Fairing<never, never, Effect.Services<Checks[keyof Checks]>> => {
  const { checks = {}, live = "/live", ready = "/ready", timeout = "2 seconds" } = options
  const fairing = Fairing.onIgnite("health", (app) =>
    Effect.contextWith((context: Context.Context<unknown>) => {
      const watched = Object.entries<Yields<unknown>>(checks).map(([name, check]) =>
        watch(name, Effect.provideContext(Effect.timeout(check, timeout), context))
      )
      const routes = Layer.mergeAll(
        HttpRouter.add("GET", ready, readiness(watched)),
        HttpRouter.add("GET", live, answer(200, { status: "live" }))
      )
      return app.mount(routes)
    })
  )
  return fairing as Fairing.Fairing<never, never, Effect.Services<Checks[keyof Checks]>>
}

type State = "up" | "down"

/** A check that tells how it stands, and logs when it turns. */
const watch = (name: string, check: Effect.Effect<unknown, unknown>): Effect.Effect<readonly [string, State]> => {
  let last: State = "up"
  return Effect.flatMap(Effect.exit(check), (exit) => {
    const state = Exit.isSuccess(exit) ? "up" : "down"
    // The watcher went away: that says nothing about what was checked.
    if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) return Effect.interrupt
    const turned = state !== last
    last = state
    if (!turned) return Effect.succeed([name, state] as const)
    const note = Exit.isSuccess(exit)
      ? Effect.logInfo(`The check "${name}" succeeds again`)
      : Effect.logWarning(`The check "${name}" failed: the application is not ready`, exit.cause)
    return Effect.as(note, [name, state] as const)
  })
}

const readiness = (watched: ReadonlyArray<Effect.Effect<readonly [string, State]>>) =>
  Effect.gen(function* () {
    const shutdown = yield* Shutdown
    if (yield* shutdown.notified) return answer(503, { status: "stopping" })
    const checks = yield* Effect.all(watched, { concurrency: "unbounded" })
    const ready = checks.every(([, state]) => state === "up")
    return answer(ready ? 200 : 503, { status: ready ? "ready" : "not ready", checks: Object.fromEntries(checks) })
  })

const answer = (status: number, body: object): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: { "cache-control": "no-store" } })
