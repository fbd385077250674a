/**
 * Metrics of every interceptor: a consumer of the `Probe`, off until its Layer is provided.
 *
 * The histogram `fairlead_interceptor_duration` counts durations in milliseconds, with the attributes `part`, `composite`, `interceptor`, `phase`
 * and `outcome`; a flow as a whole has the phase `flow`. Their values are names in the program, never anything a client sends.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"

import * as Probe from "./Probe.ts"

const duration = Metric.timer("fairlead_interceptor_duration", {
  description: "How long an interceptor ran, by its outcome"
})

/**
 * Measures every interceptor of the app that it is provided to.
 *
 * **Example** (Turning metrics on)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProbeMetrics } from "fairlead"
 *
 * const measured = Effect.void.pipe(Effect.provide(ProbeMetrics.layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Probe.layer(
  Effect.sync((): Probe.Probe => {
    const timers = new Map<string, Metric.Metric<Duration.Duration, unknown>>()
    const timerOf = ({ composite, interceptor, outcome, part, phase }: Probe.Event) => {
      const key = [part, composite, interceptor, phase, outcome].join("\n")
      let timer = timers.get(key)
      if (timer === undefined) {
        timer = Metric.withAttributes(duration, { part, composite, interceptor, phase, outcome })
        timers.set(key, timer)
      }
      return timer
    }
    return {
      report(event) {
        if (event.outcome === "start") return
        timerOf(event).updateUnsafe(Duration.nanos(event.nanos), Fiber.getCurrent()?.context ?? Context.empty())
      }
    }
  })
)
