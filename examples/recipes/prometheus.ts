/** Metrics of every interceptor at /metrics, for Prometheus. */
import { Console, Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { ProbeMetrics } from "fairlead"
import { App } from "fairlead/app"
import { metrics } from "fairlead/app/fairings"
import { Middleware, Pipeline } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

const page = Pipeline.make("page")
  .before(Middleware.before("language", () => Effect.void))
  .handle(HttpServerResponse.text("Hello"))

const shop = App.make("shop")
  .manage(ProbeMetrics.layer)
  .attach(metrics())
  .mount(HttpRouter.add("GET", "/", page))
  .mount(PrometheusMetrics.layerHttp())

const program = Effect.gen(function* () {
  const app = yield* TestApp.make(shop)
  yield* app.get("/")
  const { text } = yield* app.get("/metrics")
  for (const line of text.split("\n").filter((line) => /_count\b/.test(line))) yield* Console.log(line)
})

await Effect.runPromise(Effect.scoped(program))
