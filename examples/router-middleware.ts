/** Pipelines as middleware of Effect's HttpRouter: one for all routes, one for a few; the routes stay ordinary. */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerResponse, ProblemDetails } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { problemDetails, requestId, RequestId } from "fairlead/server/middleware"

class CurrentUser extends Context.Service<CurrentUser, string>()("app/CurrentUser") {}
class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}
class NoSuchNote extends Schema.TaggedError<NoSuchNote>()("NoSuchNote", { id: Schema.String }) {}

class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", {
  provides: CurrentUser,
  error: Unauthorized
}) {}

const members = Pipeline.make("members")
  .before(Authenticate)
  .next<NoSuchNote>()
  .catchTag("Unauthorized", () => HttpServerResponse.empty({ status: 401 }))
  .catchTag("NoSuchNote", ({ id }) =>
    ProblemDetails.toResponse({ type: ProblemDetails.blankType, status: 404, detail: `No note ${id}` })
  )

const everywhere = Pipeline.make("everywhere")
  .outer(requestId({ generate: Effect.succeed("r-1") }))
  // Every response passes these, the router's 404 too.
  .sending(Middleware.sending("nosniff", HttpServerResponse.setHeader("x-content-type-options", "nosniff")))
  .sending(problemDetails())
  .next()

const MemberRoutes = HttpRouter.add(
  "GET",
  "/notes/:id",
  Effect.gen(function* () {
    const id = yield* RequestView.param("id", () => new NoSuchNote({ id: "" }))
    if (id !== "1") return yield* new NoSuchNote({ id })
    return HttpServerResponse.text(`${yield* CurrentUser}'s note, request ${yield* RequestId}`)
  })
).pipe(Layer.provide(Pipeline.middleware(members).layer))

const OpenRoutes = HttpRouter.add("GET", "/", HttpServerResponse.text("open"))

const Routes = Layer.mergeAll(MemberRoutes, OpenRoutes).pipe(
  Layer.provide(Pipeline.globalMiddleware(everywhere)),
  Layer.provide(
    Authenticate.layer(
      Middleware.before(
        "by-name",
        CurrentUser,
        RequestView.header("authorization", () => new Unauthorized())
      )
    )
  )
)

const { dispose, handler } = HttpRouter.toWebHandler(Routes, { disableLogger: true })
for (const [path, authorization] of [
  ["/"],
  ["/missing"],
  ["/notes/1"],
  ["/notes/1", "Ada"],
  ["/notes/2", "Ada"]
] as const) {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  const response = await handler(new Request(`http://localhost${path}`, { headers }))
  console.log(path, response.status, response.headers.get("x-content-type-options"), await response.text())
}
await dispose()
