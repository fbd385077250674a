/**
 * The events of the `Probe`, and how a consumer gets them. Public through `Probe`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import type { Part } from "./Description.ts"

/**
 * How an interceptor, or the whole flow, ended.
 *
 * - `success`: it did its work and the flow goes on.
 * - `halt`: it answered, so that what comes after it does not run.
 * - `recovered`: it turned an earlier failure into success.
 * - `failure`: it failed with a typed error; `errorType` of the event names it.
 * - `defect`: it crashed.
 * - `interrupt`: it was interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "halt" | "recovered" | "failure" | "defect" | "interrupt"

/**
 * The subject of a flow, by attributes of OpenTelemetry: method, path and status of a request, the id of a socket, the remote id of a connection.
 *
 * @category models
 * @since 0.1.0
 */
export type Subject = Readonly<Record<string, string | number | boolean>>

/**
 * One report of an interpreter.
 *
 * @category models
 * @since 0.1.0
 */
export interface Event {
  readonly type: "start" | "end"
  /** When it was reported: nanoseconds of Unix time. */
  readonly at: bigint
  readonly part: Part
  /** The composite's name. */
  readonly composite: string
  /** Counts flows from 1 in this process: events of one request share it. */
  readonly flow: number
  /** The flow that this one runs inside of. */
  readonly parent: number | undefined
  /** Which try of the flow it belongs to, from 1, where a flow has several: a follow-up of a client call. */
  readonly attempt: number | undefined
  /** The interceptor's place in the description of its composite; -1 for the flow itself and for undescribed steps. */
  readonly index: number
  /** The interceptor's name, or the composite's for the flow itself. */
  readonly interceptor: string
  /** Which of the interceptor's methods ran, such as `before` or `recover`; `flow` for the flow itself. */
  readonly phase: string
  /** How it ended; nothing at the start. */
  readonly outcome: Outcome | undefined
  /** The error's tag, for `failure`. */
  readonly errorType: string | undefined
  /** How long it took; `0n` at the start. */
  readonly durationNanos: bigint
  /** The subject of the flow, in the two reports of the flow itself. At the end it knows more. */
  readonly subject: Subject | undefined
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

const unplugged = new WeakSet<Probe>()

/** Whether a consumer was unplugged because it threw. Internal to Fairlead. */
export const isUnplugged = (probe: Probe): boolean => unplugged.has(probe)

/** Reports to a consumer; one that throws is unplugged, and logged once. Says whether it listens on. Internal to Fairlead. */
export const reportTo = (probe: Probe, event: Event): boolean => {
  try {
    probe.report(event)
    return true
  } catch (defect) {
    if (!unplugged.has(probe)) {
      unplugged.add(probe)
      Effect.runForkWith(Fiber.getCurrent()?.context ?? Context.empty())(
        Effect.logError("A consumer of the Probe threw: it is unplugged and gets no more events", Cause.die(defect))
      )
    }
    return false
  }
}
