/** Swap one middleware in a test by providing another Layer. */
import { Console, Context, Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

class User extends Context.Service<User, string>()("app/User") {}
class Denied extends Schema.TaggedError<Denied>()("Denied", {}) {}
class Login extends Middleware.Service<Login>()("app/Login", { provides: User, error: Denied }) {}

const page = Pipeline.make("page")
  .before(Login)
  .handle(Effect.map(User, HttpServerResponse.text))
  .catchTag("Denied", () => HttpServerResponse.empty({ status: 403 }))

const asAda = Login.layer(Middleware.before("as-ada", User, () => "Ada"))
const asNobody = Login.layer(Middleware.before("as-nobody", User, () => Effect.fail(new Denied())))

const program = Effect.gen(function* () {
  TestServer.expect(yield* (yield* TestServer.make(page, asAda)).get("/"), { status: 200, text: "Ada" })
  TestServer.expect(yield* (yield* TestServer.make(page, asNobody)).get("/"), { status: 403 })
  yield* Console.log("the same pipeline, two implementations")
})

await Effect.runPromise(Effect.scoped(program))
