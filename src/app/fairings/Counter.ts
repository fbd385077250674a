/**
 * Counts requests: how many there were, and how many there are.
 *
 * 1. The counter `http_server_requests` has the attributes `method` and `status`, a class such as `2xx`. A method that HTTP does not know is `_OTHER`.
 * 2. The gauge `http_server_active_requests` goes up at the request hook and down when the request's scope closes: behind the last byte of the body, and
 *    however the request ends.
 *
 * Order: the count is of the response as this fairing sees it: attach it behind fairings that replace responses.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

import * as Fairing from "../Fairing.ts"
import { knownMethod, statusClass } from "./Attributes.ts"

/**
 * Options of `counter`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Attributes that both metrics get as well, such as the name of the service. Default: none. */
  readonly attributes?: Readonly<Record<string, string>>
}

/**
 * A fairing that counts requests.
 *
 * **Example** (Two applications in one process)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { counter } from "fairlead/app/fairings"
 *
 * const shop = App.make("shop").attach(counter({ attributes: { app: "shop" } }))
 * const admin = App.make("admin").attach(counter({ attributes: { app: "admin" } }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const counter = (options: Options = {}): Fairing.Fairing => {
  const { attributes = {} } = options
  const requests = Metric.counter("http_server_requests", {
    description: "Requests that were answered, by method and class of status",
    incremental: true,
    attributes
  })
  const active = Metric.gauge("http_server_active_requests", {
    description: "Requests whose response has not been sent yet",
    attributes
  })
  return Fairing.make("counter", {
    onRequest: () => Effect.asVoid(Effect.acquireRelease(Metric.modify(active, 1), () => Metric.modify(active, -1))),
    onResponse: ({ status }, { method }) =>
      Metric.update(Metric.withAttributes(requests, { method: knownMethod(method), status: statusClass(status) }), 1)
  })
}
