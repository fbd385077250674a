/** A web handler whose pipeline calls another server by a client chain: it runs on Node, Bun, Deno and workerd. */
import { Effect, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ClientChain } from "fairlead/client"
import { retry, timeouts } from "fairlead/client/handlers"
import { Middleware, Pipeline } from "fairlead/server"
import { requestId } from "fairlead/server/middleware"

class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {}

const chain = ClientChain.make("upstream")
  .use(retry({ times: 2, baseDelay: 1 }))
  .use(timeouts({ total: "1 minute" }))

const page = Pipeline.make("page")
  .outer(requestId())
  .before(
    Middleware.before("opening-hours", ({ url }) => (url.includes("closed") ? Effect.fail(new Closed()) : Effect.void))
  )
  .handle(
    Effect.gen(function* () {
      const { url } = yield* HttpServerRequest.HttpServerRequest
      const upstream = new URL(url, "http://localhost").searchParams.get("upstream") ?? ""
      const response = yield* ClientChain.over(chain, yield* HttpClient.HttpClient).get(upstream)
      return HttpServerResponse.text(`upstream: ${yield* response.text}`)
    })
  )
  .catchTag("Closed", () => HttpServerResponse.text("closed", { status: 403 }))
  .catch(({ _tag }) => HttpServerResponse.text(_tag, { status: 502 }))

const { handler } = Pipeline.toWebHandlerLayer(page, FetchHttpClient.layer)

/** The form that workerd loads. */
export default { fetch: (request: Request): Promise<Response> => handler(request) }
