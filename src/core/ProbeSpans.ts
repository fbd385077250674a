/**
 * A span for every interceptor: a consumer of the `Probe`, off until its Layer is provided.
 *
 * A composite's span stands below the span that the fiber is in, such as the server's span of the request, and its interceptors' spans below it.
 * A span is named after its composite and interceptor, has the attributes `fairlead.part`, `fairlead.phase` and `fairlead.outcome`, and has failed
 * when the interceptor died. A typed failure is a normal outcome.
 *
 * Costs some microseconds for each interceptor: it is meant for looking closely, not for every request of a busy service.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

import * as Probe from "./Probe.ts"

interface Open {
  readonly span: Tracer.Span
  readonly key: string
  readonly startTime: bigint
}

/**
 * Traces every interceptor of the app that it is provided to, with the `Tracer` in use.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Probe.layer(
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const flows = new Map<number, Array<Open>>()

    const start = (event: Probe.Event, open: Array<Open>): Open => {
      const fiber = Fiber.getCurrent()
      const context = fiber?.context ?? Context.empty()
      const parent = open.at(-1)?.span ?? Context.getOrUndefined(context, Tracer.ParentSpan)
      const startTime = clock.currentTimeNanosUnsafe()
      const span = Context.get(context, Tracer.Tracer).span({
        name: event.phase === "flow" ? event.composite : `${event.composite}/${event.interceptor}`,
        parent: Option.fromUndefinedOr(parent),
        annotations: Context.empty(),
        links: [],
        startTime,
        kind: "internal",
        root: parent === undefined,
        sampled: parent?.sampled ?? true
      })
      span.attribute("fairlead.part", event.part)
      span.attribute("fairlead.phase", event.phase)
      return { span, key: keyOf(event), startTime }
    }

    const end = (event: Probe.Event, { span, startTime }: Open): void => {
      span.attribute("fairlead.outcome", event.outcome)
      if (event.tag !== undefined) span.attribute("error.type", event.tag)
      span.end(startTime + event.nanos, event.outcome === "defect" ? Exit.die(event.interceptor) : Exit.void)
    }

    return {
      report(event) {
        const open = flows.get(event.flow) ?? []
        if (event.outcome === "start") {
          open.push(start(event, open))
          flows.set(event.flow, open)
          return
        }
        const at = open.findLastIndex(({ key }) => key === keyOf(event))
        if (at === -1) return
        const [ended] = open.splice(at, 1)
        end(event, ended!)
        if (open.length === 0) flows.delete(event.flow)
      }
    }
  })
)

const keyOf = ({ composite, interceptor, phase }: Probe.Event): string => [composite, interceptor, phase].join("\n")
