/**
 * Observation of every interpreter: spans, metrics, journals and inspectors are consumers of this one service.
 *
 * 1. Off by default; off, it costs one reference read for each flow (request, exchange, socket, connection).
 * 2. On, each interceptor reports twice: when it starts, and when it ends with its outcome and duration.
 * 3. `report` is called synchronously, inside the flow: it must be quick and must not throw. What it throws is a defect of
 *    the flow.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import type { Part } from "./Interceptor.ts"

/**
 * How an interceptor, or the whole flow, ended. `start` is the report before it runs.
 *
 * - `success`: it did its work and the flow goes on.
 * - `halt`: it answered, so that what is behind it does not run.
 * - `recovered`: it turned an earlier failure into success.
 * - `failure`: it failed with a typed error; `tag` of the event names it.
 * - `defect`: it died.
 * - `interrupt`: it was interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "start" | "success" | "halt" | "recovered" | "failure" | "defect" | "interrupt"

/**
 * One report of an interpreter.
 *
 * @category models
 * @since 0.1.0
 */
export interface Event {
  readonly part: Part
  /** The composite's name. */
  readonly composite: string
  /** Counts flows from 1 in this process: events of one request share it. */
  readonly flow: number
  /** The interceptor's name, or the composite's for the flow itself. */
  readonly interceptor: string
  /** Which of the interceptor's methods ran, such as `before` or `recover`; `flow` for the flow itself. */
  readonly phase: string
  readonly outcome: Outcome
  /** The error's tag, for `failure`. */
  readonly tag: string | undefined
  /** Nanoseconds since the start, by the `Clock`; `0n` at the start. */
  readonly nanos: bigint
}

/**
 * Receives the events of all interpreters.
 *
 * @category models
 * @since 0.1.0
 */
export interface Probe {
  readonly report: (event: Event) => void
}

/**
 * The probe in use: `undefined`, which is off, by default.
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
 * @category references
 * @since 0.1.0
 */
export const Probe: Context.Reference<Probe | undefined> = Context.Reference<Probe | undefined>("fairlead/core/Probe", {
  defaultValue: () => undefined
})

/**
 * A Layer that adds a consumer to the probe in use, so that several can listen.
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
      return {
        report(event) {
          present.report(event)
          added.report(event)
        }
      }
    })
  )

let flows = 0

/**
 * The number of a new flow.
 *
 * @category constructors
 * @since 0.1.0
 */
export const nextFlow = (): number => ++flows
