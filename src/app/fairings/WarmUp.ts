/**
 * Does at liftoff what the first requests would otherwise wait for: opens connections, fills caches, compiles templates.
 *
 * 1. The Effects run concurrently, between binding and the first request; clients that connect meanwhile wait, and lose nothing.
 * 2. Each has a timeout, so that no request waits longer than that.
 * 3. A failure, a defect or a timeout is logged with the Effect's name, and the application serves all the same; with `fatal` the launch fails instead, when
 *    all have ended, and shutdown runs.
 *
 * Caveat: what must be there for any request to succeed belongs into ignition, where it fails before anything is bound.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import type { Yields } from "../../core/Types.ts"
import * as Fairing from "../Fairing.ts"

/**
 * Options of `warmUp`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long each Effect may take. Default: 10 seconds. */
  readonly timeout?: Duration.Input
  /** Whether a failure fails the launch. Default: false. */
  readonly fatal?: boolean
}

/**
 * A fatal warm-up failed: the launch dies with it. The log says why.
 *
 * @category errors
 * @since 0.1.0
 */
export class WarmUpFailed extends Schema.TaggedError<WarmUpFailed>()("WarmUpFailed", {
  names: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Warming up failed: ${this.names.join(", ")}. Mend what the log says of it, or do not make it fatal`
  }
}

/**
 * A fairing that runs Effects at liftoff, by name.
 *
 * **Example** (A cache that is filled ahead)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { App } from "fairlead/app"
 * import { warmUp } from "fairlead/app/fairings"
 *
 * const readPrices = Effect.succeed(["1.20"])
 *
 * const app = App.make("shop").attach(warmUp({ prices: readPrices }, { timeout: "3 seconds" }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const warmUp = <const Effects extends Readonly<Record<string, Yields<unknown>>>>(
  effects: Effects,
  options: Options = {}
): Fairing.Fairing<never, never, Effect.Services<Effects[keyof Effects]>> => {
  const { fatal = false, timeout = "10 seconds" } = options
  const fairing = Fairing.onLiftoff("warm-up", () =>
    Effect.gen(function* () {
      const run = ([name, effect]: readonly [string, Yields<unknown>]) => warm(name, Effect.timeout(effect, timeout))
      const failed = yield* Effect.forEach(Object.entries(effects), run, { concurrency: "unbounded" })
      const names = failed.flat()
      return yield* fatal && names.length > 0 ? Effect.die(new WarmUpFailed({ names })) : Effect.void
    })
  )
  return fairing as Fairing.Fairing<never, never, Effect.Services<Effects[keyof Effects]>>
}

/** Gives the name when it failed. */
const warm = (name: string, effect: Yields<unknown>) =>
  Effect.flatMap(Effect.exit(effect), (exit) =>
    Exit.isSuccess(exit)
      ? Effect.succeed<ReadonlyArray<string>>([])
      : Effect.as(Effect.logWarning(`Warming up "${name}" failed`, exit.cause), [name])
  )
