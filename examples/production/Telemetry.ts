/**
 * Logs and telemetry for the operator: a JSON object a line on stdout, and logs, traces and metrics by OTLP where a collector is named.
 */
import { Effect, Layer, Logger, Option } from "effect"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"

import { Settings } from "./Settings.ts"

/** Log lines as JSON. It is managed first, so that a failed start is logged by it too. */
export const jsonLogs = Logger.layer([Logger.consoleJson])

/** Sends to the collector. Waiting data is sent when the shop has stopped, for `shutdownTimeout` at most. */
export const otlp = Layer.unwrap(
  Effect.map(Settings, ({ otlpUrl }) =>
    Option.match(otlpUrl, {
      onNone: () => Layer.empty,
      onSome: (baseUrl) =>
        Layer.provide(
          Otlp.layerJson({
            baseUrl,
            resource: { serviceName: "shop", serviceVersion: "1.0.0" },
            shutdownTimeout: "2 seconds"
          }),
          FetchHttpClient.layer
        )
    })
  )
)
