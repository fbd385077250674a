/** Recover one error before the handler, with the service that was skipped. */
import { Console, Context, Effect, Layer, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

class User extends Context.Service<User, string>()("app/User") {}
class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}) {}

const login = Middleware.before(
  "login",
  User,
  RequestView.header("x-user", () => new SignedOut())
)

const page = Pipeline.make("page")
  .before(login)
  .recover("SignedOut", () => Effect.succeed(Context.make(User, "guest")))
  .handle(Effect.map(User, (name) => HttpServerResponse.text(`Hello, ${name}`)))

const program = Effect.gen(function* () {
  const server = yield* TestServer.make(page, Layer.empty)
  TestServer.expect(yield* server.get("/"), { status: 200, text: "Hello, guest" })
  TestServer.expect(yield* server.get("/", { headers: { "x-user": "Ada" } }), { status: 200, text: "Hello, Ada" })
  yield* Console.log("guests and users are served by one handler")
})

await Effect.runPromise(Effect.scoped(program))
