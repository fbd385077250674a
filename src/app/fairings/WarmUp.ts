/**
 * Does at liftoff what the first requests would otherwise wait for: opens connections, fills caches, compiles templates.
 *
 * 1. The Effects run concurrently, between binding and the first request; clients that connect meanwhile wait, and lose nothing.
 * 2. Each has a timeout, so that no request waits longer than that.
 * 3. A failure, a defect or a timeout is logged with the Effect's name, and the application serves all the same; with `onFailure: "fail"` the launch fails instead, when
 *    all have ended, and shutdown runs.
 *
 * Gotchas: resources that every request needs belong into ignition, which fails before anything is bound.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Is, Yields } from "../../core/Types.ts"
import * as Fairing from "../Fairing.ts"

/**
 * Options of `warmUp`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WarmUpOptions {
  /** How long each Effect may take. Default: 10 seconds. */
  readonly timeout?: Duration.Input
  /** Whether a failure fails the launch. Default: `"continue"`. */
  readonly onFailure?: "continue" | "fail"
  /** Default: `"warmUp"`. */
  readonly name?: string
}

/**
 * A warm-up with `onFailure: "fail"` failed: the launch dies with it. The log says why.
 *
 * @category errors
 * @since 0.1.0
 */
export class WarmUpFailed extends Schema.TaggedError<WarmUpFailed>()("WarmUpFailed", {
  names: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Warming up failed: ${this.names.join(", ")}. Mend what the log says of it, or let onFailure be "continue"`
  }
}

/**
 * A fairing that runs Effects at liftoff, by name.
 *
 * **Example** (Filling a cache before the first request)
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
export const warmUp = <const Effects>(
  effects: { readonly [K in keyof Effects]: Effects[K] & Is<Effects[K], Yields<unknown>, "not an Effect"> },
  options: WarmUpOptions = {}
): Fairing.Fairing<never, never, Effect.Services<Effects[keyof Effects]>> => {
  const { onFailure = "continue" } = options
  const name = nameOr("warmUp", options.name)
  const check = checkOptions(name)
  const timeout = check.duration("timeout", options.timeout ?? "10 seconds")
  check.oneOf("onFailure", onFailure, ["continue", "fail"])
  const fairing = Fairing.onLiftoff(name, () =>
    Effect.gen(function* () {
      const entries: ReadonlyArray<readonly [string, Yields<unknown>]> = Object.entries<any>(effects)
      const run = ([name, effect]: readonly [string, Yields<unknown>]) => warm(name, Effect.timeout(effect, timeout))
      const failed = yield* Effect.forEach(entries, run, { concurrency: "unbounded" })
      const names = failed.flat()
      return yield* onFailure === "fail" && names.length > 0 ? Effect.die(new WarmUpFailed({ names })) : Effect.void
    })
  )
  return fairing as Fairing.Fairing<never, never, Effect.Services<Effects[keyof Effects]>>
}

/** The name, if the warm-up failed. */
const warm = (name: string, effect: Yields<unknown>) =>
  Effect.flatMap(Effect.exit(effect), (exit) =>
    Exit.isSuccess(exit)
      ? Effect.succeed<ReadonlyArray<string>>([])
      : Effect.as(Effect.logWarning(`Warming up "${name}" failed`, exit.cause), [name])
  )
