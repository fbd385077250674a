/**
 * Parts of the ready-made metrics: the boundaries of durations, and gauges of open things. Internal to Fairlead.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

import * as Held from "./Held.ts"

/** The boundaries that OpenTelemetry advises for durations of HTTP, in seconds. */
export const secondsBoundaries: ReadonlyArray<number> = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10
]

/** Counts something in a gauge until the scope ends: counted up, and its end registered, in one step. `onEnd` runs in the step that counts down. */
export const countWhileOpen = (
  gauge: Metric.Gauge<number>,
  onEnd?: (exit: Exit.Exit<unknown, unknown>, context: Context.Context<never>) => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Held.scoped(
      () => {
        gauge.modifyUnsafe(1, context)
        return Exit.void
      },
      (_, exit) => {
        gauge.modifyUnsafe(-1, context)
        onEnd?.(exit, context)
      }
    )
  )

/** The metric of each set of attributes, made once: a new one would sort and print its attributes at each update. No client may choose the attributes. */
export const seriesOf = <M>(
  make: (attributes: Readonly<Record<string, string>>) => M
): ((attributes: Readonly<Record<string, string>>) => M) => {
  const known = new Map<string, M>()
  return (attributes) => {
    const key = JSON.stringify(attributes)
    const present = known.get(key)
    if (present !== undefined) return present
    const made = make(attributes)
    known.set(key, made)
    return made
  }
}
