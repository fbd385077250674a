/** Finds the user of a request. A test provides another layer of `Login`. */
import { Context, Effect, Schema } from "effect"
import { Middleware, RequestView } from "fairlead/server"

export class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("app/CurrentUser") {}

export class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}) {}

/** Provides `CurrentUser`, or fails with `SignedOut`. */
export class Login extends Middleware.Service<Login>()("app/Login", { provides: CurrentUser, error: SignedOut }) {}

/** Replace this table by your own tokens. */
const names: Readonly<Record<string, string>> = { "Bearer ada": "Ada", "Bearer grace": "Grace" }

export const LoginByToken = Login.layer(
  Middleware.before(
    "login-by-token",
    CurrentUser,
    Effect.gen(function* () {
      const token = yield* RequestView.header("authorization", () => new SignedOut())
      const name = names[token]
      return name === undefined ? yield* new SignedOut() : { name }
    })
  )
)
