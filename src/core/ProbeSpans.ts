/**
 * A span for every flow and every interceptor: a consumer of the `Probe`, off until its Layer is provided.
 *
 * A flow's span has the name of its composite, and its subject as attributes. Its parent is the span of the flow that it runs inside of, so that a client call is found
 * under its request; else the span that the fiber is in. An interceptor's span is named after its composite and itself; its parent is the flow's span.
 * A span has failed when its interceptor crashed; a typed failure is a normal outcome.
 *
 * Costs a microsecond or two for each interceptor: it is meant for looking closely.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

import * as Probe from "./Probe.ts"

interface Open {
  readonly event: Probe.Event
  readonly span: Tracer.Span
}

/**
 * Traces every interceptor of the app that it is provided to, with the `Tracer` in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Probe.layer(
  Effect.sync((): Probe.Probe => {
    /** The open spans of each flow, its own first. */
    const flows = new Map<number, Array<Open>>()

    const start = (event: Probe.Event): void => {
      const open = flows.get(event.flow) ?? []
      if (open.length === 0) flows.set(event.flow, open)
      const context = Fiber.getCurrent()?.context ?? Context.empty()
      const above = open.at(-1) ?? (event.parent === undefined ? undefined : flows.get(event.parent)?.at(-1))
      const parent = above?.span ?? Context.getOrUndefined(context, Tracer.ParentSpan)
      const span = Context.get(context, Tracer.Tracer).span({
        name: event.phase === "flow" ? event.composite : `${event.composite}/${event.interceptor}`,
        parent: Option.fromUndefinedOr(parent),
        annotations: Context.empty(),
        links: [],
        startTime: event.at,
        kind: "internal",
        root: parent === undefined,
        sampled: parent?.sampled ?? true
      })
      span.attribute("fairlead.part", event.part)
      if (event.phase !== "flow") {
        span.attribute("fairlead.phase", event.phase)
        if (event.index >= 0) span.attribute("fairlead.index", event.index)
        if (event.attempt !== undefined) span.attribute("fairlead.attempt", event.attempt)
      }
      open.push({ event, span })
    }

    const end = (event: Probe.Event): void => {
      const open = flows.get(event.flow)
      const at = open?.findLastIndex(({ event: started }) => isEndOf(event, started)) ?? -1
      if (open === undefined || at === -1) return
      const [{ span }] = open.splice(at, 1) as [Open]
      if (open.length === 0) flows.delete(event.flow)
      span.attribute("fairlead.outcome", event.outcome)
      if (event.errorType !== undefined) span.attribute("error.type", event.errorType)
      for (const [key, value] of Object.entries(event.subject ?? {})) span.attribute(key, value)
      span.end(event.at, event.outcome === "defect" ? Exit.die(event.interceptor) : Exit.void)
    }

    return {
      report(event) {
        if (event.type === "start") start(event)
        else end(event)
      }
    }
  })
)

const isEndOf = (end: Probe.Event, start: Probe.Event): boolean =>
  start.interceptor === end.interceptor &&
  start.phase === end.phase &&
  start.composite === end.composite &&
  start.at === end.at - end.durationNanos
