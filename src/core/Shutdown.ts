/**
 * The word that the application is to stop: told once, heard by every part.
 *
 * An endless response, a WebSocket handler or a background job waits for it and ends by itself, within the grace that the application gives.
 * Without an application it is never told.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * Tells, and hears, that the application is to stop.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shutdown {
  /** Tells it. Telling it again changes nothing. */
  readonly notify: Effect.Effect<void>
  /** Whether it has been told. */
  readonly notified: Effect.Effect<boolean>
  /** Ends when it is told. */
  readonly await: Effect.Effect<void>
}

/**
 * The shutdown of the application that the fiber belongs to; by default one that is never told.
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
 * @category references
 * @since 0.1.0
 */
export const Shutdown: Context.Reference<Shutdown> = Context.Reference<Shutdown>("fairlead/core/Shutdown", {
  defaultValue: () => ({ notify: Effect.void, notified: Effect.succeed(false), await: Effect.never })
})

/**
 * Makes a shutdown that has not been told.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Shutdown> = Effect.map(Deferred.make<void>(), (told) => ({
  notify: Effect.asVoid(Deferred.succeed(told, undefined)),
  notified: Deferred.isDone(told),
  await: Deferred.await(told)
}))
