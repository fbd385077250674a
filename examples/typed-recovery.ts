/** Typed recovery: unhandled errors are in the type, a recovery before the handler supplies the skipped services, and the rest responds. */
import { Context, Effect, Schema } from "effect"
import { HttpServerResponse, ProblemDetails } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { problemDetails } from "fairlead/server/middleware"

class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", { reason: Schema.String }) {}
class Banned extends Schema.TaggedError<Banned>()("Banned", { name: Schema.String }, { httpApiStatus: 403 }) {}
class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { path: Schema.String }) {}

class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}

const authenticate = Middleware.before(
  "authenticate",
  CurrentUser,
  Effect.gen(function* () {
    const name = yield* RequestView.header("authorization", () => new Unauthorized({ reason: "no credentials" }))
    return name === "mallory" ? yield* new Banned({ name }) : { name }
  })
)

const show = Effect.gen(function* () {
  const user = yield* CurrentUser
  if (user.name === "lost") return yield* new NotFound({ path: "/here" })
  return HttpServerResponse.text(`Hello, ${user.name}`)
})

const app = Pipeline.make("recovery")
  .before(authenticate)
  // Without the Context of CurrentUser this does not compile: the handler after it needs the service.
  .recover("Unauthorized", () => Effect.succeed(Context.make(CurrentUser, { name: "guest" })))
  .handle(show)
  .catchTag("NotFound", ({ path }) =>
    ProblemDetails.toResponse({ type: ProblemDetails.blankType, status: 404, detail: `Nothing at ${path}` })
  )
  // Without the class this does not compile: "Banned" is neither handled nor known to respond.
  .respond(Banned)
  .sending(problemDetails())

const handler = Pipeline.toWebHandler(app)
for (const authorization of [undefined, "Ada", "lost", "mallory"]) {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  const response = await handler(new Request("http://localhost/", { headers }))
  console.log(response.status, response.headers.get("content-type"), await response.text())
}
