/**
 * Pipelines as a user writes them: `hover.test.ts` asks the language server what an editor shows for each of their names.
 */
import { Context, Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { problemDetails, requestId } from "fairlead/server/middleware"

export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
export class DbDown extends Schema.TaggedError<DbDown>()("DbDown", {}) {}

export class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}
export class Tenant extends Context.Service<Tenant, string>()("app/Tenant") {}
export class Database extends Context.Service<
  Database,
  { readonly find: (key: string) => Effect.Effect<string, DbDown> }
>()("app/Database") {}

export class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", {
  provides: CurrentUser,
  error: [Unauthorized, DbDown]
}) {}

export const authenticateLive = Authenticate.layer(
  Middleware.before(
    "by-token",
    CurrentUser,
    Effect.gen(function* () {
      const token = yield* RequestView.header("authorization", () => new Unauthorized())
      return { name: yield* (yield* Database).find(token) }
    })
  )
)

export const tenant = Middleware.before("tenant", Tenant, (request) =>
  Effect.flatMap(Database, (database) => database.find(request.headers["host"] ?? ""))
)

export const greet = Effect.gen(function* () {
  const { name } = yield* CurrentUser
  return name === "" ? yield* new NotFound() : HttpServerResponse.text(`Hello, ${name}`)
})

export const open = Pipeline.make("open").before(Authenticate).before(tenant)

export const five = Pipeline.make("five")
  .outer(requestId())
  .before(Authenticate)
  .handle(greet)
  .catchTag("NotFound", () => HttpServerResponse.empty({ status: 404 }))
  .sending(problemDetails())

export const recovering = Pipeline.make("recovering")
  .before(tenant)
  .before(Authenticate)
  .recover("Unauthorized", () => Effect.succeed(Context.make(CurrentUser, { name: "anonymous" })))
  .handle(greet)

export const next = Pipeline.make("next")
  .before(Authenticate)
  .next<NotFound>()
  .catchTag("NotFound", () => HttpServerResponse.empty({ status: 404 }))

export const middleware = Pipeline.middleware(next)

export const wrap = Pipeline.wrap(next)

export const busy = Middleware.outer("busy", (app) => Effect.andThen(Effect.fail(new DbDown()), app))

export const traced = Middleware.outer("traced", Tenant, (app) => Effect.provideService(app, Tenant, "acme"))

export const outside = Pipeline.make("outside").outer(busy).outer(traced).handle(greet)

export const served = Pipeline.serve(five.catch(() => HttpServerResponse.empty({ status: 500 })))
