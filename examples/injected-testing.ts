/** Injected testing: the pipeline stays as it is, and another Layer replaces its authentication and its storage. */
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { authentication, AuthenticationError } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

class StorageDown extends Schema.TaggedError<StorageDown>()("StorageDown", {}, { httpApiStatus: 503 }) {}

class Notes extends Context.Service<Notes, { readonly read: (owner: string) => Effect.Effect<string, StorageDown> }>()(
  "app/Notes"
) {}
class CurrentUser extends Context.Service<CurrentUser, string>()("app/CurrentUser") {}

class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", {
  provides: CurrentUser,
  error: AuthenticationError
}) {}

const app = Pipeline.make("notes")
  .before(Authenticate)
  .handle(
    Effect.gen(function* () {
      const notes = yield* Notes
      const request = yield* HttpServerRequest.HttpServerRequest
      return HttpServerResponse.text(`${request.url}: ${yield* notes.read(yield* CurrentUser)}`)
    })
  )
  .respond(StorageDown)

const Live = Layer.mergeAll(
  Layer.succeed(Notes, { read: (owner) => Effect.succeed(`notes of ${owner}`) }),
  Authenticate.layer(
    authentication(CurrentUser, {
      from: "bearer",
      realm: "notes",
      verify: (token) =>
        Redacted.value(token) === "t0ken"
          ? Effect.succeed("Ada")
          : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
    })
  )
)

const everybodyIsGrace = Authenticate.layer(Middleware.before("everybody-is-grace", CurrentUser, () => "Grace"))
const brokenStorage = Layer.succeed(Notes, { read: () => Effect.fail(new StorageDown()) })

const program = Effect.gen(function* () {
  const live = yield* TestServer.make(app, Live)
  TestServer.expect(yield* live.get("/today"), {
    status: 401,
    headers: { "www-authenticate": 'Bearer realm="notes"' },
    skipped: ["handler"]
  })
  TestServer.expect(yield* live.get("/today", { headers: { authorization: "Bearer t0ken" } }), {
    status: 200,
    text: "/today: notes of Ada",
    ran: ["app/Authenticate", "handler"]
  })

  const grace = yield* TestServer.make(app, Live, { overrides: everybodyIsGrace })
  TestServer.expect(yield* grace.get("/today"), { text: "/today: notes of Grace" })

  const broken = yield* TestServer.make(app, Live, { overrides: Layer.merge(everybodyIsGrace, brokenStorage) })
  const reply = yield* broken.get("/today")
  TestServer.expect(reply, { status: 503, json: { _tag: "StorageDown" } })
  return TestServer.journalLines(reply.journal)
})

for (const line of await Effect.runPromise(Effect.scoped(program))) console.log(line)
