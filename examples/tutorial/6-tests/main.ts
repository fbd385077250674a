/** Step 6: the pipeline of step 3 in a test, with another user, without a socket. */
import { Console, Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import { CurrentUser, login, SignedOut, Tokens } from "../3-login/Login.ts"

const me = Pipeline.make("me")
  .before(login)
  .handle(Effect.map(CurrentUser, ({ name }) => HttpServerResponse.text(`You are ${name}`)))
  .catchTag("SignedOut", () => HttpServerResponse.text("Send a token", { status: 401 }))

const everybodyIsLinus = Layer.succeed(Tokens, { userOf: () => Effect.succeed({ name: "Linus" }) })
const nobody = Layer.succeed(Tokens, { userOf: () => Effect.fail(new SignedOut()) })

const test = Effect.gen(function* () {
  const open = yield* TestServer.make(me, everybodyIsLinus)
  TestServer.expect(yield* open.get("/me", { headers: { authorization: "Bearer anything" } }), {
    status: 200,
    text: "You are Linus"
  })
  const closed = yield* TestServer.make(me, nobody)
  TestServer.expect(yield* closed.get("/me"), { status: 401 })
  yield* Console.log("Both replies are as expected")
})

await Effect.runPromise(Effect.scoped(test))
