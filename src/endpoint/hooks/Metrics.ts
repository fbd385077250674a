/**
 * Measures connections by Effect's `Metric`, with the names and units of OpenTelemetry.
 *
 * **Example** (Measuring a chain)
 *
 * ```ts
 * import { HookChain } from "fairlead/endpoint"
 * import { connectionLimit, metrics } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("peers").use(connectionLimit()).use(metrics())
 * ```
 *
 * Rules:
 *
 * 1. `fairlead.endpoint.connections` (gauge) is how many are open. `fairlead.endpoint.connection.duration` (histogram, seconds) counts those that have ended, by
 *    `fairlead.endpoint.close_reason`: `LocallyClosed`, `TimedOut`, and so on, and for one that the peer's application closed by `fairlead.endpoint.close_code`.
 * 2. `fairlead.endpoint.io` (counter, bytes) counts the bytes of connections that have ended, by `network.io.direction`. `fairlead.endpoint.streams` (counter) counts streams by
 *    `fairlead.endpoint.stream.kind` and `fairlead.endpoint.stream.initiator`.
 * 3. All have the attributes `tls.next_protocol` and `fairlead.endpoint.side`. There is no peer among them: it would make as many series as there are peers. ALPNs beyond `maxAlpns`
 *    count as `_OTHER`, as do a peer's codes beyond the 600 of the usual ones.
 *
 * Order: last, to measure what was admitted.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

import { countWhileOpen, secondsBoundaries } from "../../core/Metering.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { format } from "../Alpn.ts"
import type { CloseReason, ConnectionInfo } from "../EndpointConnection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricsOptions {
  /** Its name. Default: `metrics`. */
  readonly name?: string
  /** How many ALPNs have separate series. Default: 100. */
  readonly maxAlpns?: number
}

const open = Metric.gauge("fairlead.endpoint.connections", {
  description: "Connections that are open",
  attributes: { unit: "{connection}" }
})

const durations = Metric.histogram("fairlead.endpoint.connection.duration", {
  description: "How long connections that have ended were open",
  attributes: { unit: "s" },
  boundaries: secondsBoundaries
})

const bytes = Metric.counter("fairlead.endpoint.io", {
  description: "Bytes of connections that have ended",
  attributes: { unit: "By" },
  incremental: true
})

const streams = Metric.counter("fairlead.endpoint.streams", {
  description: "Streams that were opened",
  attributes: { unit: "{stream}" },
  incremental: true
})

const ended = (reason: CloseReason): Record<string, string> => ({
  "fairlead.endpoint.close_reason": reason._tag,
  ...(reason._tag === "ApplicationClosed" && {
    "fairlead.endpoint.close_code": reason.code < 600n ? String(reason.code) : "_OTHER"
  })
})

/**
 * Measures connections and streams.
 *
 * @category hooks
 * @since 0.1.0
 */
export const metrics = (options: MetricsOptions = {}): EndpointHooks.EndpointHooks => {
  const { maxAlpns = 100 } = options
  const name = nameOr("metrics", options.name)
  checkOptions(name).maximum("maxAlpns", maxAlpns, 0)
  const build = () => {
    const alpns = new Set<string>()
    const since = new Map<ConnectionInfo, number>()
    const attributesOf = ({ alpn, side }: ConnectionInfo) => {
      const text = format(alpn)
      if (alpns.size < maxAlpns) alpns.add(text)
      return { "tls.next_protocol": alpns.has(text) ? text : "_OTHER", "fairlead.endpoint.side": side }
    }

    return {
      afterHandshake: (connection: ConnectionInfo) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          since.set(connection, now)
          return countWhileOpen(Metric.withAttributes(open, attributesOf(connection)))
        }),
      onStreamOpen: ({ initiator, kind }: EndpointHooks.StreamInfo, connection: ConnectionInfo) =>
        Metric.update(
          Metric.withAttributes(streams, {
            ...attributesOf(connection),
            "fairlead.endpoint.stream.kind": kind,
            "fairlead.endpoint.stream.initiator": initiator
          }),
          1
        ),
      onClose: ({ reason, stats }: EndpointHooks.CloseInfo, connection: ConnectionInfo) =>
        Effect.uninterruptible(
          Effect.gen(function* () {
            const then = since.get(connection)
            // A hook before this one rejected it.
            if (then === undefined) return
            since.delete(connection)
            const attributes = attributesOf(connection)
            const seconds = ((yield* Clock.currentTimeMillis) - then) / 1000
            const io = (direction: string) =>
              Metric.withAttributes(bytes, { ...attributes, "network.io.direction": direction })
            yield* Metric.update(Metric.withAttributes(durations, { ...attributes, ...ended(reason) }), seconds)
            yield* Metric.update(io("transmit"), stats.bytesSent)
            yield* Metric.update(io("receive"), stats.bytesReceived)
          })
        )
    }
  }
  return EndpointHooks.make(name, build)
}
