/**
 * Observation of every interpreter: spans, metrics, journals and inspectors are consumers of this one service.
 *
 * **Example** (Collecting events)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Probe } from "fairlead"
 *
 * const events: Array<Probe.Event> = []
 * const observed = Effect.provideService(Effect.void, Probe.Probe, { report: (event) => events.push(event) })
 * ```
 *
 * **Rules**
 *
 * 1. Off by default; off, it costs one reference read for each flow.
 * 2. A flow is one run of a composite: a request, a call of a client chain, a socket, a connection, an application's life. It reports its start and its end once.
 * 3. Each interceptor in it reports twice: when it starts, and when it ends with its outcome and duration.
 * 4. A flow that runs inside of another, such as a client call within a request, has that flow's number as its `parent`.
 * 5. Durations are measured by the monotonic clock. `at` is Unix time, read once a flow and continued by the monotonic clock.
 * 6. `report` is called synchronously, inside the flow: it must be quick. A consumer that throws is unplugged, and logged once.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import { isUnplugged, reportTo } from "./ProbeEvent.ts"
import type { Probe as Consumer } from "./ProbeEvent.ts"

export type { Event, Outcome, Subject } from "./ProbeEvent.ts"

/**
 * Receives the events of all interpreters.
 *
 * @category models
 * @since 0.1.0
 */
export interface Probe extends Consumer {}

/**
 * The probe in use: `undefined`, which is off, by default.
 *
 * @category references
 * @since 0.1.0
 */
export const Probe: Context.Reference<Probe | undefined> = Context.Reference<Probe | undefined>("fairlead/Probe", {
  defaultValue: () => undefined
})

/**
 * A Layer that adds a consumer to the probe in use, so that several can listen. One that throws does not silence the others.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(make: Effect.Effect<Probe, E, R>): Layer.Layer<never, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(
    Probe,
    Effect.gen(function* () {
      const present = yield* Probe
      const added = yield* make
      if (present === undefined) return added
      let [hasPresent, hasAdded] = [!isUnplugged(present), true]
      return {
        report(event) {
          if (hasPresent) hasPresent = reportTo(present, event)
          if (hasAdded) hasAdded = reportTo(added, event)
        }
      }
    })
  )
