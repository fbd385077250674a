/**
 * The application. Each declaration may use those before it.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Schedule } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { App } from "fairlead/app"
import { accessLog, banner, health, metrics, warmUp } from "fairlead/app/fairings"
import { ConfigSources } from "fairlead/app/node"

import { Api } from "./Api.ts"
import { database, Orders, ordersLive } from "./Orders.ts"
import { adminListening, Settings, settings, sources } from "./Settings.ts"
import { jsonLogs, otlp } from "./Telemetry.ts"

const api = Layer.provide(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }),
  HttpApiBuilder.group(Api, "orders", (handlers) =>
    handlers
      .handle("place", ({ payload }) => Effect.flatMap(Orders, (orders) => orders.place(payload)))
      .handle("find", ({ params }) => Effect.flatMap(Orders, (orders) => orders.find(params.id)))
  )
)

/** Ready while the database answers. A lost database must not restart the shop: `/live` does not look at it. */
const watched = health({
  listener: "admin",
  checks: { database: Effect.flatMap(Orders, (orders) => orders.ping) }
})

/** Waits for the database while the shop is live and not ready: a pod that starts before its database is not killed. */
const migrated = warmUp(
  { migrations: Effect.flatMap(Orders, ({ migrate }) => Effect.retry(migrate, Schedule.spaced("1 second"))) },
  { timeout: "5 minutes", onFailure: "fail" }
)

/** The settings with their sources, as one line of the log. */
const announced = banner({
  note: Effect.gen(function* () {
    const { values } = yield* ConfigSources.ConfigValues
    return (yield* values).map(({ path, source, value }) => `${path} = ${value} (${source})`).join("\n")
  }),
  print: (text) => Effect.logInfo(text)
})

export const shop = App.make("shop")
  .manage(jsonLogs)
  .manage(sources)
  .configure(Settings, settings)
  .manage(otlp)
  .manage(NodeHttpServer.layerHttpServices)
  .manage(database)
  .manage(ordersLive)
  .listen("admin", adminListening, PrometheusMetrics.layerHttp())
  .attach(metrics())
  .attach(accessLog())
  .attach(watched)
  .attach(migrated)
  .attach(announced)
  .mount(api)
