/** Implement a middleware of Effect's HttpApi by a pipeline, whose errors the API declares. */
import { Console, Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware } from "effect/http-api"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

class User extends Context.Service<User, string>()("app/User") {}
class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}, { httpApiStatus: 401 }) {}
class Login extends HttpApiMiddleware.Service<Login, { provides: User }>()("app/Login", { error: SignedOut }) {}

const hello = HttpApiEndpoint.get("hello", "/hello", { success: Schema.String }).middleware(Login)
const Api = HttpApi.make("api").add(HttpApiGroup.make("greetings").add(hello))

const login = Middleware.before(
  "login",
  User,
  RequestView.header("x-user", () => new SignedOut())
)

// It does not compile when the pipeline fails with an error that the API does not declare.
const LoginLive = Layer.succeed(Login, Pipeline.wrap(Pipeline.make("login").before(login).next()))

const Greetings = HttpApiBuilder.group(Api, "greetings", (handlers) =>
  handlers.handle("hello", () => Effect.map(User, (name) => `Hello, ${name}`))
)
const routes = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(Greetings),
  Layer.provide(LoginLive),
  Layer.provide(HttpServer.layerServices)
)

const program = Effect.gen(function* () {
  const { handler } = HttpRouter.toWebHandler(routes, { disableLogger: true })
  const ask = (headers: Record<string, string>) =>
    Effect.promise(() => handler(new Request("http://localhost/hello", { headers })))
  yield* Console.log(`As Ada: ${(yield* ask({ "x-user": "Ada" })).status}`)
  yield* Console.log(`Signed out: ${(yield* ask({})).status}`)
})

await Effect.runPromise(program)
