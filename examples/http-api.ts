/** A pipeline implements a middleware of an HttpApi: the API declares what it provides and raises, clients and OpenAPI see the errors. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, OpenApi } from "effect/http-api"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}
class Unauthorized extends Schema.TaggedError<Unauthorized>()(
  "Unauthorized",
  { hint: Schema.String },
  { httpApiStatus: 401 }
) {}

class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentUser }>()("app/Authorization", {
  error: Unauthorized
}) {}

const Greetings = HttpApiGroup.make("greetings").add(
  HttpApiEndpoint.get("hello", "/hello/:count", {
    params: { count: Schema.NumberFromString.check(Schema.isInt()) },
    success: Schema.String
  }).middleware(Authorization)
)
const Api = HttpApi.make("api").add(Greetings)

const authorize = Pipeline.make("authorize")
  .before(
    Middleware.before(
      "authorization",
      CurrentUser,
      Effect.map(
        RequestView.header("authorization", () => new Unauthorized({ hint: "Send Authorization" })),
        (name) => ({ name })
      )
    )
  )
  .next()

// An error that the API does not declare for its middleware would not compile here.
const AuthorizationLive = Layer.succeed(Authorization, Pipeline.wrap(authorize))

const GreetingsLive = HttpApiBuilder.group(Api, "greetings", (handlers) =>
  handlers.handle("hello", ({ params }) =>
    Effect.map(CurrentUser, ({ name }) => `Hello, ${name}! `.repeat(params.count))
  )
)

const Routes = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(GreetingsLive),
  Layer.provide(AuthorizationLive),
  Layer.provide(HttpServer.layerServices)
)

const { dispose, handler } = HttpRouter.toWebHandler(Routes, { disableLogger: true })
for (const [path, authorization] of [["/hello/2", "Ada"], ["/hello/2"], ["/hello/many", "Ada"]] as const) {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  const response = await handler(new Request(`http://localhost${path}`, { headers }))
  console.log(path, response.status, await response.text())
}
console.log("OpenAPI:", Object.keys(OpenApi.fromApi(Api).paths["/hello/{count}"]?.get?.responses ?? {}).join(" "))
await dispose()
