/** A server that starts with all ready-made middleware in the recommended order, and the responses of a few requests. */
import { Console, Context, Effect, Layer, Redacted } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { Pipeline } from "fairlead/server"
import { authentication, AuthenticationError, methodNotAllowed, recommended } from "fairlead/server/middleware"

class User extends Context.Service<User, string>()("app/User") {}

const verify = (token: Redacted.Redacted) =>
  Redacted.value(token) === "s3cret"
    ? Effect.succeed("Ada")
    : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))

const routes = HttpRouter.add("GET", "/me", Effect.map(User, HttpServerResponse.text))

const api = Pipeline.make("api").pipe(
  recommended({
    accessLog: { print: (line) => Console.log(`log: ${line.replace(/\d+ ms/, "a few ms")}`) },
    cors: { allowedOrigins: ["https://app.example"], credentials: true },
    hostPolicy: { hosts: ["localhost", "127.0.0.1"] },
    rateLimit: { limit: 5, window: "1 minute" },
    csrf: { allowedOrigins: ["https://app.example"] },
    authentication: authentication(User, { from: "bearer", verify })
  })
)

const program = Effect.gen(function* () {
  const handler = yield* Pipeline.routes(methodNotAllowed(routes))
  const app = App.make("shop").serve(api.handle(handler).respond())
  const requests = Effect.gen(function* () {
    const { url } = yield* App.Launched
    const origin = "https://app.example"
    const authorization = "Bearer s3cret"
    for (const [path, init] of [
      ["/me", { headers: { authorization, origin } }],
      ["/me", { headers: { origin } }],
      ["/me", { method: "POST", headers: { authorization, origin } }],
      ["/me", { method: "POST", headers: { origin: "https://evil.example" } }],
      ["/me", { method: "OPTIONS", headers: { origin, "access-control-request-method": "PUT" } }],
      ["/nowhere", { headers: { authorization } }],
      ["/me", { headers: { authorization } }]
    ] as const) {
      const response = yield* Effect.promise(() => fetch(`${url}${path}`, init))
      yield* Effect.promise(() => response.text())
      const { headers, status } = response
      yield* Console.log(status, headers.get("x-content-type-options"), headers.get("access-control-allow-origin"))
    }
  })
  yield* Effect.provide(requests, NodeApp.launch(app, { port: 0, host: "127.0.0.1" }))
})

await program.pipe(
  Effect.scoped,
  Effect.provide(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)),
  Effect.runPromise
)
