/**
 * The notice that the application is to stop, for every part.
 *
 * An endless response, a WebSocket handler or a background job waits for it and ends by itself, within the application's grace.
 * Without an application the notice never comes.
 *
 * Rules
 * 1. `notify` stops the application. `notReady` withdraws readiness without stopping it: `/ready` answers 503 and requests are still served.
 * 2. `drained` runs work that a request started and that outlives it. The shutdown waits for the work within grace; then it interrupts the work.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"

/**
 * Sends and awaits the notice that the application is to stop.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shutdown {
  /** Notifies every part. A second call changes nothing. */
  readonly notify: Effect.Effect<void>
  /** Whether the notice has come. */
  readonly notified: Effect.Effect<boolean>
  /** Ends when the notice comes. */
  readonly await: Effect.Effect<void>
  /** Withdraws readiness for as long as the scope lasts, without stopping the application. */
  readonly notReady: Effect.Effect<void, never, Scope.Scope>
  /** Whether the application is ready for requests: not while readiness is withdrawn, and not once the application is to stop. */
  readonly ready: Effect.Effect<boolean>
  /**
   * Runs an Effect in the background, and returns at once. The shutdown awaits its end within grace, then interrupts it. A failure is logged with `name`. Default
   * name: "drained".
   */
  readonly drained: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    name?: string
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** Ends when none of these Effects runs. */
  readonly idle: Effect.Effect<void>
  /** Interrupts these Effects without waiting for them, and returns their names. */
  readonly interrupt: Effect.Effect<ReadonlyArray<string>>
}

/**
 * Makes a shutdown without a notice yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Shutdown> = Effect.sync(() => {
  const told = Deferred.makeUnsafe<void>()
  return from({
    notify: Effect.asVoid(Deferred.succeed(told, undefined)),
    notified: Deferred.isDone(told),
    await: Deferred.await(told)
  })
})

const from = (word: Pick<Shutdown, "notify" | "notified" | "await">): Shutdown => {
  let holds = 0
  const running = new Map<Fiber.Fiber<unknown>, string>()
  const idle = Latch.makeUnsafe(true)
  return {
    ...word,
    notReady: Effect.acquireRelease(
      Effect.sync(() => {
        holds++
      }),
      () => Effect.sync(() => holds--)
    ),
    ready: Effect.suspend(() =>
      holds > 0 ? Effect.succeed(false) : Effect.map(word.notified, (notified) => !notified)
    ),
    drained: (effect, name = "drained") =>
      // Forked and noted in one step, so that no interruption comes between them.
      Effect.uninterruptible(
        Effect.map(Effect.forkDetach(Effect.interruptible(reported(effect, name))), (fiber) => {
          running.set(fiber, name)
          idle.closeUnsafe()
          fiber.addObserver(() => {
            running.delete(fiber)
            if (running.size === 0) idle.openUnsafe()
          })
        })
      ),
    idle: idle.await,
    interrupt: Effect.sync(() => {
      const names = Array.from(running.values())
      for (const fiber of running.keys()) fiber.interruptUnsafe()
      return names
    })
  }
}

const reported = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  name: string
): Effect.Effect<void, never, Exclude<R, Scope.Scope>> =>
  Effect.catchCause(Effect.asVoid(Effect.scoped(effect)), (cause) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.failCause(cause as Cause.Cause<never>)
      : Effect.logError(`Work in the background, "${name}", failed`, cause)
  )

/**
 * The shutdown of the application that the fiber belongs to; by default one whose notice never comes.
 *
 * **Example** (Ending with the application)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Shutdown } from "fairlead"
 *
 * const ticks = Stream.unwrap(
 *   Effect.map(Shutdown.Shutdown, (shutdown) => Stream.interruptWhen(Stream.tick("1 second"), shutdown.await))
 * )
 * ```
 *
 * **Example** (Work that outlives its request)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Shutdown } from "fairlead"
 *
 * const sendMail = Effect.void
 *
 * const order = Effect.gen(function*() {
 *   const shutdown = yield* Shutdown.Shutdown
 *   yield* shutdown.drained(sendMail, "mail")
 *   return HttpServerResponse.empty({ status: 202 })
 * })
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const Shutdown: Context.Reference<Shutdown> = Context.Reference<Shutdown>("fairlead/Shutdown", {
  defaultValue: () => from({ notify: Effect.void, notified: Effect.succeed(false), await: Effect.never })
})
