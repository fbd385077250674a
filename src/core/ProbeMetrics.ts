/**
 * Metrics of every interceptor: a consumer of the `Probe`, off until its Layer is provided.
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
 * The histogram `fairlead.interceptor.duration` counts durations in seconds, with the attributes `fairlead.part`, `fairlead.composite`,
 * `fairlead.interceptor`, `fairlead.phase`, `fairlead.outcome` and, for failures, `error.type`. A flow as a whole has the phase `flow`. All values are names
 * in the program, never anything a client sends.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"

import { secondsBoundaries } from "./Metering.ts"
import * as Probe from "./Probe.ts"

type Histogram = Metric.Histogram<number>

/** The histogram of one interceptor, for one of its phases and ways to end. */
interface Series extends Pick<Probe.Event, "composite" | "errorType" | "outcome" | "part" | "phase"> {
  readonly histogram: Histogram
}

/**
 * Measures every interceptor of the app that it is provided to.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Probe.layer(
  Effect.sync((): Probe.Probe => {
    /** By interceptor: few composites share a name, so that a walk is quicker than a key made of six texts. */
    const known = new Map<string, Array<Series>>()
    return {
      report(event) {
        if (event.type === "start") return
        let series = known.get(event.interceptor)
        if (series === undefined) known.set(event.interceptor, (series = []))
        const histogram = seriesOf(series, event).histogram
        histogram.updateUnsafe(Number(event.durationNanos) / 1e9, Fiber.getCurrent()?.context ?? Context.empty())
      }
    }
  })
)

const seriesOf = (known: Array<Series>, event: Probe.Event): Series => {
  const { composite, errorType, outcome, part, phase } = event
  for (const series of known) {
    if (
      series.phase === phase &&
      series.composite === composite &&
      series.outcome === outcome &&
      series.errorType === errorType &&
      series.part === part
    ) {
      return series
    }
  }
  const series: Series = { composite, errorType, outcome, part, phase, histogram: histogramOf(event) }
  known.push(series)
  return series
}

const histogramOf = ({ composite, errorType, interceptor, outcome, part, phase }: Probe.Event): Histogram =>
  Metric.histogram("fairlead.interceptor.duration", {
    description: "How long an interceptor ran, by its outcome",
    boundaries: secondsBoundaries,
    attributes: {
      // The exporter takes the unit from this one.
      unit: "s",
      "fairlead.part": part,
      "fairlead.composite": composite,
      "fairlead.interceptor": interceptor,
      "fairlead.phase": phase,
      "fairlead.outcome": outcome ?? "",
      ...(errorType === undefined ? {} : { "error.type": errorType })
    }
  })
