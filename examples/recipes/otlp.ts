/** Send spans of every interceptor, with logs and metrics, to an OpenTelemetry collector. */
import { Console, Effect, Layer } from "effect"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServerResponse } from "effect/http"
import { Otlp } from "effect/observability"
import { ProbeSpans } from "fairlead"
import { App } from "fairlead/app"
import { Middleware, Pipeline } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

/** A fake collector; a program provides `FetchHttpClient.layer`. */
const names = new Set<string>()
const collector = HttpClient.make((request) =>
  Effect.sync(() => {
    const { body } = request
    const text = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""
    for (const [, name] of text.matchAll(/"name":"([^"]+)","kind"/g)) names.add(name!)
    return HttpClientResponse.fromWeb(request, new Response())
  })
)

const telemetry = Otlp.layerJson({
  baseUrl: "http://localhost:4318",
  resource: { serviceName: "shop" }
}).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, collector)))

const page = Pipeline.make("page")
  .before(Middleware.before("language", () => Effect.void))
  .handle(HttpServerResponse.text("Hello"))

const shop = App.make("shop")
  .manage(telemetry)
  .manage(ProbeSpans.layer)
  .mount(HttpRouter.add("GET", "/", page))

const program = Effect.gen(function* () {
  const app = yield* TestApp.make(shop)
  yield* app.get("/")
  yield* app.terminate
})

// Spans and logs that wait are sent when the scope closes.
await Effect.runPromise(Effect.scoped(program))
await Effect.runPromise(Console.log(`spans: ${[...names].join(", ")}`))
