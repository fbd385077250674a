/** One token check on two routes: the private one rejects, the public one continues as a guest. */
import { Console, Context, Effect, Layer, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

class User extends Context.Service<User, string>()("app/User") {}
class BadToken extends Schema.TaggedError<BadToken>()("BadToken", {}) {}

const badToken = () => new BadToken()
const token = Middleware.before(
  "token",
  User,
  RequestView.header("authorization", badToken).pipe(
    Effect.filterOrFail((header) => header === "Bearer ada", badToken),
    Effect.as("Ada")
  )
)
const hello = Effect.map(User, (name) => HttpServerResponse.text(`Hello, ${name}`))

const privatePage = Pipeline.make("private")
  .before(token)
  .handle(hello)
  .catchTag("BadToken", () => HttpServerResponse.empty({ status: 401 }))

const publicPage = Pipeline.make("public")
  .before(token)
  .recover("BadToken", () => Effect.succeed(Context.make(User, "guest")))
  .handle(hello)

const program = Effect.gen(function* () {
  const closed = yield* TestServer.make(privatePage, Layer.empty)
  const open = yield* TestServer.make(publicPage, Layer.empty)
  TestServer.expect(yield* closed.get("/"), { status: 401 })
  TestServer.expect(yield* open.get("/"), { status: 200, text: "Hello, guest" })
  yield* Console.log("one check, two answers")
})

await Effect.runPromise(Effect.scoped(program))
