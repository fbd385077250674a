/** Answer every error as problem details (RFC 9457), with the status of its class. */
import { Console, Effect, Layer, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { problemDetails } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String }) {}

const closed = Middleware.before("closed", ({ url }) =>
  url === "/closed" ? Effect.fail(new Reject({ reason: "closed until noon", status: 403 })) : Effect.void
)

const shop = Pipeline.make("shop")
  .sending(problemDetails())
  .before(closed)
  .handle(Effect.fail(new OutOfStock({ item: "tea" })))
  // A class of your own gets its status here; a Reject has one.
  .catchTag("OutOfStock", () => HttpServerResponse.empty({ status: 409 }))
  .respond()

const program = Effect.gen(function* () {
  const server = yield* TestServer.make(shop, Layer.empty)
  for (const path of ["/", "/closed"]) {
    const { headers, status, text } = yield* server.get(path)
    yield* Console.log(`${path} ${status} ${headers.get("content-type")} ${text}`)
  }
})

await Effect.runPromise(Effect.scoped(program))
