/**
 * Measures connections by Effect's `Metric`.
 *
 * 1. `endpoint_connections_open` is how many are open. `endpoint_connection_duration` counts those that have ended, in milliseconds, by `reason`: `Local`, `TimedOut`,
 *    and so on, and for one that the peer's application closed its `code`.
 * 2. `endpoint_connection_bytes` counts the bytes of connections that have ended, by `direction`. `endpoint_streams` counts streams by `kind` and by who `opened` them.
 * 3. All have the attributes `alpn` and `side`. There is no peer among them: it would make as many series as there are peers. ALPNs beyond `maxAlpns` count as
 *    `_OTHER`, as do a peer's codes beyond the 600 of the usual ones.
 *
 * Place: last, to measure what was let in.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

import type { Info } from "../Connection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { CloseReason } from "../Errors.ts"
import { alpnText } from "../Identity.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many ALPNs are told apart. Default: 100. */
  readonly maxAlpns?: number
}

const open = Metric.gauge("endpoint_connections_open", { description: "Connections that are open" })

const durations = Metric.timer("endpoint_connection_duration", {
  description: "How long connections that have ended were open"
})

const bytes = Metric.counter("endpoint_connection_bytes", {
  description: "Bytes of connections that have ended",
  incremental: true
})

const streams = Metric.counter("endpoint_streams", { description: "Streams that were opened", incremental: true })

const codeOf = (reason: CloseReason): string => {
  if (reason._tag !== "Application") return "none"
  return reason.code < 600n ? String(reason.code) : "_OTHER"
}

/**
 * Measures connections and streams.
 *
 * **Example** (Measuring a chain)
 *
 * ```ts
 * import { HookChain } from "fairlead/endpoint"
 * import { connectionLimits, metrics } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("peers").use(connectionLimits()).use(metrics())
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const metrics = ({ maxAlpns = 100 }: Options = {}): EndpointHooks.EndpointHooks => {
  const alpns = new Set<string>()
  const since = new Map<Info, number>()
  const attributesOf = ({ alpn, side }: Info) => {
    const text = alpnText(alpn)
    if (alpns.size < maxAlpns) alpns.add(text)
    return { alpn: alpns.has(text) ? text : "_OTHER", side }
  }
  const opened = (connection: Info, by: 1 | -1) =>
    Metric.modify(Metric.withAttributes(open, attributesOf(connection)), by)

  return EndpointHooks.make("metrics", {
    afterHandshake: (connection) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        since.set(connection, now)
        return opened(connection, 1)
      }),
    onStreamOpen: (connection, { kind, local }) =>
      Metric.update(
        Metric.withAttributes(streams, { ...attributesOf(connection), kind, opened: local ? "here" : "there" }),
        1
      ),
    onClose: Effect.fnUntraced(function* (connection, reason, { bytesReceived, bytesSent }) {
      const then = since.get(connection)
      // A hook before this one rejected it.
      if (then === undefined) return
      since.delete(connection)
      const attributes = attributesOf(connection)
      const ended = { ...attributes, reason: reason._tag, code: codeOf(reason) }
      const millis = (yield* Clock.currentTimeMillis) - then
      yield* opened(connection, -1)
      yield* Metric.update(Metric.withAttributes(durations, ended), Duration.millis(millis))
      yield* Metric.update(Metric.withAttributes(bytes, { ...attributes, direction: "sent" }), bytesSent)
      yield* Metric.update(Metric.withAttributes(bytes, { ...attributes, direction: "received" }), bytesReceived)
    })
  })
}
