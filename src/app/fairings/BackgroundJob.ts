/**
 * A job that runs from liftoff to shutdown, while requests are served: a queue's consumer, a poller, a sweep.
 *
 * 1. It is started at liftoff and waits for nothing; the first request does not wait for it.
 * 2. When it fails or dies it is logged and started again, as the schedule says. A job that succeeds is done. When the schedule is over, it is logged as given up.
 * 3. At shutdown it is notified by `Shutdown`, which it may await to end by itself, and is not started again. It has `grace` to end; then it is interrupted.
 *    A job that waits for its next start ends at once.
 * 4. Every run has a new scope, which closes at its end.
 *
 * Caveat: the application does not wait longer than its grace and mercy, however long `grace` is.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { Shutdown } from "../../core/Shutdown.ts"
import type { Yields } from "../../core/Types.ts"
import * as Fairing from "../Fairing.ts"

/**
 * Options of `backgroundJob`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BackgroundJobOptions {
  /** When a job that failed is started again. Default: after 1 second, then twice as long each time, up to a minute, without end. */
  readonly schedule?: Schedule.Schedule<unknown>
  /** How long it has to end by itself at shutdown. Default: 1 second. */
  readonly grace?: Duration.Input
}

const backOff = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

/**
 * A fairing that runs a job.
 *
 * **Example** (A sweep every minute)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { App } from "fairlead/app"
 * import { backgroundJob } from "fairlead/app/fairings"
 *
 * const sweep = Effect.logDebug("swept").pipe(Effect.repeat(Schedule.spaced("1 minute")))
 *
 * const app = App.make("shop").attach(backgroundJob("sweep", sweep, { grace: "500 millis" }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const backgroundJob = <A extends Yields<unknown>>(
  name: string,
  job: A,
  options: BackgroundJobOptions = {}
): Fairing.Fairing<never, never, Exclude<Effect.Services<A>, Scope.Scope>> => {
  const { schedule = backOff } = options
  const grace = checkOptions(nameOr("backgroundJob", name)).duration("grace", options.grace ?? "1 second", {
    zero: true
  })
  // By the application's shutdown: one fairing may be attached twice, and be part of several applications.
  const running = new WeakMap<Shutdown, Array<Supervised>>()
  const jobs = Effect.map(Shutdown, (shutdown) => {
    const present = running.get(shutdown) ?? []
    running.set(shutdown, present)
    return present
  })
  const fairing = Fairing.make(name, {
    // A dropped application, without a shutdown, leaves no job running.
    onIgnite: () =>
      Effect.flatMap(jobs, (jobs) =>
        Effect.addFinalizer(() => Effect.suspend(() => Fiber.interruptAll(jobs.map(({ fiber }) => fiber))))
      ),
    // In one step: an unregistered job would run for ever.
    onLiftoff: () =>
      Effect.uninterruptible(
        Effect.gen(function* () {
          const supervised = yield* supervise(name, job, schedule, yield* Shutdown)
          ;(yield* jobs).push(supervised)
        })
      ),
    onShutdown: () => Effect.flatMap(jobs, Effect.forEach(end(grace), { concurrency: "unbounded", discard: true }))
  })
  return fairing as Fairing.Fairing<never, never, Exclude<Effect.Services<A>, Scope.Scope>>
}

interface Supervised {
  readonly fiber: Fiber.Fiber<unknown>
  /** False while it waits for its next start. */
  readonly working: () => boolean
}

const supervise = (
  name: string,
  job: Yields<unknown>,
  schedule: Schedule.Schedule<unknown>,
  shutdown: Shutdown
): Effect.Effect<Supervised, never, unknown> => {
  let working = true
  const run = Effect.suspend(() => {
    working = true
    return Effect.scoped(job)
  }).pipe(
    Effect.sandbox,
    Effect.tapError((cause) => Effect.logWarning(`The background job "${name}" failed`, cause)),
    Effect.ensuring(Effect.sync(() => (working = false)))
  )
  const restarted = Effect.retry(run, {
    schedule,
    while: () => Effect.map(shutdown.notified, (told) => !told)
  })
  const supervised = Effect.catch(restarted, () =>
    Effect.flatMap(shutdown.notified, (told) =>
      told ? Effect.void : Effect.logError(`The background job "${name}" is given up: its schedule is over`)
    )
  )
  return Effect.map(Effect.forkDetach(supervised), (fiber) => ({ fiber, working: () => working }))
}

const end =
  (grace: Duration.Input) =>
  ({ fiber, working }: Supervised): Effect.Effect<void> =>
    Effect.suspend(() => {
      const patience = working() ? grace : Duration.zero
      return Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), patience), Fiber.interrupt(fiber))
    })
