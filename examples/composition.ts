/** Composition: befores provide services, arounds and outers wrap, pairs belong together, and pipelines go into pipelines. */
import { Clock, Context, Effect, Option } from "effect"
import { HttpServerResponse } from "effect/http"
import { Interceptor } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { requestId, RequestId } from "fairlead/server/middleware"

class Language extends Context.Service<Language, "en" | "fr">()("app/Language") {}

const language = Middleware.before(
  "language",
  Language,
  Effect.map(RequestView.header("accept-language"), (header) =>
    Option.exists(header, (tags) => tags.startsWith("fr")) ? "fr" : "en"
  )
)

const duration = Middleware.pair(
  "duration",
  () => Clock.currentTimeMillis,
  (response, _, started) =>
    Effect.map(Clock.currentTimeMillis, (now) =>
      HttpServerResponse.setHeader(
        response,
        "server-timing",
        `app;dur=${started._tag === "Some" ? now - started.value : 0}`
      )
    )
)

const greeting = Pipeline.make("greeting")
  .before(language)
  .handle(
    Effect.gen(function* () {
      const hello = (yield* Language) === "fr" ? "Bonjour" : "Hello"
      return HttpServerResponse.text(`${hello} from request ${yield* RequestId}`)
    })
  )

const api = Pipeline.make("api")
  .outer(requestId({ generate: Effect.succeed("r-1") }))
  .link(duration)
  .handle(greeting, (app) =>
    Effect.timeoutOrElse(app, {
      duration: "5 seconds",
      orElse: () => Effect.succeed(HttpServerResponse.empty({ status: 503 }))
    })
  )
  .after(
    Middleware.after("nosniff", (response) =>
      HttpServerResponse.setHeader(response, "x-content-type-options", "nosniff")
    )
  )

console.log(Interceptor.toText(api))

const handler = Pipeline.toWebHandler(api)
for (const lang of ["en", "fr"]) {
  const response = await handler(new Request("http://localhost/", { headers: { "accept-language": lang } }))
  console.log(
    response.status,
    response.headers.get("x-request-id"),
    response.headers.get("x-content-type-options"),
    await response.text()
  )
}
