/**
 * Measures requests by Effect's `Metric`, with the names and units of OpenTelemetry.
 *
 * 1. `http.client.request.duration` counts each attempt in seconds, from its begin to the end of the response's body; the pause before a retry counts as its own.
 *    `fairlead.client.call.duration` counts logical requests: retries, hops and the waits of handlers are in it.
 * 2. Both have the attributes `http.request.method`, `server.address`, `server.port`, `url.scheme`, `http.response.status_code` and `error.type`; that of calls also
 *    `fairlead.halted_by`, the handler that answered in place of the network. Absent values are left out. There is no path among them: it would make as many series as there are URLs.
 * 3. `http.client.response.body.size` counts the bytes of bodies that were read.
 * 4. An unregistered method counts as `_OTHER`. Origins beyond `maxOrigins` count as `_OTHER`, so that a crawler does not fill the memory.
 *
 * Order: first of all, like `log`. Works with: any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { ClientHandler } from "../ClientHandler.ts"
import { errorTypeOf, serverOf } from "./ClientAttributes.ts"
import { reportingFor } from "./ClientReport.ts"
import type { ClientReport, Until } from "./ClientReport.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricsOptions {
  /** The handler's name. Default: `metrics`. */
  readonly name?: string
  /** When a request is counted: at the `head` of the response, or at the end of its `body`, without which one that nobody reads is not. Default: `body`. */
  readonly until?: Until
  /** How many origins have separate series. Default: 100. */
  readonly maxOrigins?: number
}

// OpenTelemetry's boundaries for durations of HTTP, in seconds.
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const seconds = { unit: "s" }

const attempts = Metric.withAttributes(
  Metric.histogram("http.client.request.duration", {
    description: "Duration of each attempt, to the end of the response's body",
    boundaries
  }),
  seconds
)

const calls = Metric.withAttributes(
  Metric.histogram("fairlead.client.call.duration", {
    description: "Duration of logical requests, to the end of the response's body",
    boundaries
  }),
  seconds
)

const sizes = Metric.withAttributes(
  Metric.histogram("http.client.response.body.size", {
    description: "Bytes of responses' bodies that were read",
    boundaries: Metric.exponentialBoundaries({ start: 256, factor: 4, count: 10 })
  }),
  { unit: "By" }
)

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"])

type Attributes = Readonly<Record<string, string>>

const known = (attributes: Readonly<Record<string, string | number | undefined>>): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
  )

/** The attributes of a report: all of them have few values. */
const attributesOf = (report: ClientReport, origin: string): Attributes => {
  const server = serverOf(origin)
  return known({
    "http.request.method": methods.has(report.method) ? report.method : "_OTHER",
    "server.address": server?.address ?? origin,
    "server.port": server?.port,
    "url.scheme": server?.scheme,
    "http.response.status_code": report.status,
    "error.type": errorTypeOf(report),
    "fairlead.halted_by": report.kind === "request" ? report.haltedBy : undefined
  })
}

/** The metrics of one series, each of which is made once. */
interface Series {
  readonly duration: Metric.Histogram<number>
  readonly size: Metric.Histogram<number>
}

/**
 * Measures logical requests and attempts.
 *
 * **Example** (Measuring a chain)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { metrics, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api").use(metrics()).use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const metrics = ({ maxOrigins = 100, name, until = "body" }: MetricsOptions = {}): ClientHandler => {
  const named = nameOr("metrics", name)
  checkOptions(named).maximum("maxOrigins", maxOrigins)
  return reportingFor(named, until, () => {
    const origins = new Set<string>()
    const series = new Map<string, Series>()
    const originOf = (origin: string): string => {
      if (origins.size < maxOrigins) origins.add(origin)
      return origins.has(origin) ? origin : "_OTHER"
    }
    const seriesOf = (report: ClientReport): Series => {
      const origin = originOf(report.origin)
      const { haltedBy = "", kind, method, status } = report
      const key = `${kind}\n${method}\n${origin}\n${status}\n${errorTypeOf(report)}\n${haltedBy}`
      const present = series.get(key)
      if (present !== undefined) return present
      const attributes = attributesOf(report, origin)
      const { "error.type": _, "fairlead.halted_by": __, "url.scheme": ___, ...ofSize } = attributes
      const made: Series = {
        duration: Metric.withAttributes(report.kind === "request" ? calls : attempts, attributes),
        size: Metric.withAttributes(sizes, ofSize)
      }
      series.set(key, made)
      return made
    }
    return (report) => {
      const { context } = Fiber.getCurrent()!
      const { duration, size } = seriesOf(report)
      duration.updateUnsafe(Duration.toSeconds(report.duration), context)
      if (report.kind === "attempt" && report.bodyState !== "none") size.updateUnsafe(report.bytes, context)
      return undefined
    }
  })
}
