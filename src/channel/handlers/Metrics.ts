/**
 * Measures sockets, channels and messages by Effect's `Metric`.
 *
 * **Example** (Measuring)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { metrics } from "fairlead/channel/handlers"
 *
 * const server = ChannelServer.make("realtime").use(metrics())
 * ```
 *
 * | metric | kind, unit | attributes |
 * |---|---|---|
 * | `fairlead.channel.sockets` | gauge, `{socket}` | `fairlead.composite` |
 * | `fairlead.channel.members` | gauge, `{member}` | `fairlead.composite`, `fairlead.channel.pattern` |
 * | `fairlead.channel.connects` | counter, `{connect}` | `fairlead.composite`, `fairlead.outcome`, `error.type` |
 * | `fairlead.channel.join.duration` | histogram, s | `fairlead.channel.pattern`, `fairlead.outcome` |
 * | `fairlead.channel.socket.duration` | histogram, s | `fairlead.channel.close_code` |
 * | `fairlead.channel.messages` | counter, `{message}` | `fairlead.channel.pattern`, `network.io.direction`, `fairlead.channel.message_kind` |
 *
 * Attributes are bounded: a topic counts by the pattern of its channel, one without a channel and a close code without a registration as `_OTHER`.
 *
 * Order: first, together with `log`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"

import type { BuildSite } from "../../core/BuildSite.ts"
import { cast } from "../../core/Composite.ts"
import { countWhileOpen, secondsBoundaries } from "../../core/Metering.ts"
import { nameOr } from "../../core/Options.ts"
import type * as ChannelHandler from "../ChannelHandler.ts"
import type { ConnectRequest } from "../ChannelSocket.ts"
import { handlerOf } from "../HandlerValue.ts"
import type { HandlerHooksValue } from "../HandlerValue.ts"
import { Joins } from "./Joining.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricsOptions {
  /** Its name. Default: `metrics`. */
  readonly name?: string
}

const sockets = Metric.gauge("fairlead.channel.sockets", {
  description: "Sockets that connect or are connected",
  attributes: { unit: "{socket}" }
})
const members = Metric.gauge("fairlead.channel.members", {
  description: "Joined channels",
  attributes: { unit: "{member}" }
})
const connects = Metric.counter("fairlead.channel.connects", {
  description: "Connects, by their outcome",
  attributes: { unit: "{connect}" },
  incremental: true
})
const messages = Metric.counter("fairlead.channel.messages", {
  description: "Messages from and to clients",
  attributes: { unit: "{message}" },
  incremental: true
})
const joinDuration = Metric.histogram("fairlead.channel.join.duration", {
  description: "How long joins took to be decided",
  attributes: { unit: "s" },
  boundaries: secondsBoundaries
})
const socketDuration = Metric.histogram("fairlead.channel.socket.duration", {
  description: "How long sockets were connected",
  attributes: { unit: "s" },
  boundaries: secondsBoundaries
})

/** The codes of RFC 6455 and its registry; an application has 4000 to 4999 for itself. */
const codeOf = (code: number): string => (code >= 1000 && code <= 1015 ? String(code) : "_OTHER")

const ofPattern = (composite: string, pattern: string) => {
  const attribute = { "fairlead.channel.pattern": pattern }
  const message = (direction: "receive" | "transmit", kind: string) =>
    Metric.withAttributes(messages, {
      ...attribute,
      "network.io.direction": direction,
      "fairlead.channel.message_kind": kind
    })
  const join = (outcome: string) => Metric.withAttributes(joinDuration, { ...attribute, "fairlead.outcome": outcome })
  return {
    incoming: message("receive", "push"),
    outgoing: {
      reply: message("transmit", "reply"),
      push: message("transmit", "push"),
      broadcast: message("transmit", "broadcast")
    },
    members: Metric.withAttributes(members, { "fairlead.composite": composite, ...attribute }),
    join: { ok: join("success"), error: join("failure") }
  }
}

const errorTypeOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasDies(cause)) return "defect"
  if (Cause.hasInterruptsOnly(cause)) return "interrupt"
  const error = Cause.squash(cause)
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "_OTHER"
}

const hooksOf = ({ composite }: BuildSite): HandlerHooksValue => {
  const attribute = { "fairlead.composite": composite }
  const ownSockets = Metric.withAttributes(sockets, attribute)
  const ownConnects = Metric.withAttributes(connects, attribute)
  const connected = new WeakMap<ConnectRequest, Joins>()
  const patterns = new Map<string, ReturnType<typeof ofPattern>>()
  const metricsOf = (pattern = "_OTHER") => {
    let found = patterns.get(pattern)
    if (found === undefined) patterns.set(pattern, (found = ofPattern(composite, pattern)))
    return found
  }

  return {
    connect: (request) =>
      Effect.contextWith((context: Context.Context<never>) => {
        const clock = Effect.map(Clock.Clock, (clock) => () => clock.currentTimeMillisUnsafe())
        return Effect.flatMap(clock, (now) => {
          connected.set(request, new Joins(context, now))
          return countWhileOpen(ownSockets, (exit) => {
            const attributes: Record<string, string> = Exit.isFailure(exit)
              ? { "fairlead.outcome": "failure", "error.type": errorTypeOf(exit.cause) }
              : { "fairlead.outcome": "success" }
            Metric.withAttributes(ownConnects, attributes).updateUnsafe(1, context)
          })
        })
      }),
    join: ({ topic }, { request }) => connected.get(request)?.ask(topic),
    incoming: ({ pattern }, { request }) => {
      const joins = connected.get(request)
      if (joins !== undefined) metricsOf(pattern).incoming.updateUnsafe(1, joins.context)
    },
    outgoing: (sent, { request }) => {
      const joins = connected.get(request)
      if (joins === undefined) return
      const metrics = metricsOf(sent.pattern)
      metrics.outgoing[sent.kind].updateUnsafe(1, joins.context)
      const answer = joins.answer(sent)
      if (answer === undefined) return
      const { millis, ok } = answer
      metrics.join[ok ? "ok" : "error"].updateUnsafe(millis / 1000, joins.context)
      if (ok) metrics.members.modifyUnsafe(1, joins.context)
    },
    leave: ({ pattern, topic }, { request }) => {
      const joins = connected.get(request)
      if (joins?.leave(topic) !== undefined) metricsOf(pattern).members.modifyUnsafe(-1, joins.context)
    },
    disconnect: ({ code }, { request }) => {
      const joins = connected.get(request)
      if (joins === undefined) return
      Metric.withAttributes(socketDuration, { "fairlead.channel.close_code": codeOf(code) }).updateUnsafe(
        joins.millis / 1000,
        joins.context
      )
    }
  }
}

/**
 * Measures sockets, channels and messages.
 *
 * @category handlers
 * @since 0.1.0
 */
export const metrics = ({ name }: MetricsOptions = {}): ChannelHandler.ChannelHandler =>
  cast(handlerOf(nameOr("metrics", name), hooksOf))
