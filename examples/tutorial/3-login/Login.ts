/** Who is writing: a service class, so that a test provides another implementation. */
import { Context, Effect, Layer, Schema } from "effect"
import { Middleware, RequestView } from "fairlead/server"

/** The user of this request. */
export class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("chat/CurrentUser") {}

/** The request has no token, or an unknown token. */
export class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}) {}

/** Finds the user of a token. */
export class Tokens extends Context.Service<
  Tokens,
  { readonly userOf: (token: string) => Effect.Effect<{ readonly name: string }, SignedOut> }
>()("chat/Tokens") {}

/** Two users, for the tutorial. */
export const TokensLive = Layer.succeed(Tokens, {
  userOf: (token) => {
    const name = token === "Bearer ada" ? "Ada" : token === "Bearer grace" ? "Grace" : undefined
    return name === undefined ? Effect.fail(new SignedOut()) : Effect.succeed({ name })
  }
})

/** Provides the user, or fails with `SignedOut`. */
export const login = Middleware.before(
  "login",
  CurrentUser,
  Effect.gen(function* () {
    const token = yield* RequestView.header("authorization", () => new SignedOut())
    return yield* (yield* Tokens).userOf(token)
  })
)
