/** Draw a pipeline, as text and as Mermaid. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { Interceptor } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"

const page = Pipeline.make("page")
  .before(Middleware.before("language", () => Effect.void))
  .handle(HttpServerResponse.text("Hello"))
  .after(Middleware.after("stamp", HttpServerResponse.setHeader("x-stamp", "1")))

console.log(Interceptor.toText(page))
console.log(Interceptor.toMermaid(page))
