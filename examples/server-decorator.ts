import { NodeHttpServer } from "@effect/platform-node"
/** A pipeline before an app that knows nothing of it: the HttpServer itself is decorated, before all routing. */
import { Effect, Layer } from "effect"
import { HttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

const Routes = Layer.mergeAll(
  HttpRouter.add("GET", "/rooms", HttpServerResponse.text("all rooms")),
  HttpRouter.add("DELETE", "/rooms", HttpServerResponse.text("no rooms left"))
)

const front = Pipeline.make("front")
  .before(
    Middleware.mapRequest("api-prefix", (request) =>
      request.url.startsWith("/api/") ? RequestView.modify(request, { url: request.url.slice(4) }) : request
    )
  )
  .before(
    Middleware.mapRequest("method-override", (request) =>
      request.url.endsWith("?method=delete") ? RequestView.modify(request, { method: "DELETE" }) : request
    )
  )
  .next()
  .after(Middleware.after("served-by", HttpServerResponse.setHeader("x-served-by", "front")))

const program = Effect.gen(function* () {
  for (const path of ["/rooms", "/api/rooms", "/api/rooms?method=delete"]) {
    const response = yield* HttpClient.get(path)
    console.log(path, response.status, response.headers["x-served-by"], yield* response.text)
  }
})

await program.pipe(
  Effect.provide(
    HttpRouter.serve(Routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(Pipeline.layerHttpServer(front)),
      Layer.provideMerge(NodeHttpServer.layerTest)
    )
  ),
  Effect.runPromise
)
