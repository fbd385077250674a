/** Retry a 503, but never a POST. */
import { Console, Effect } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientChain } from "fairlead/client"
import { retry } from "fairlead/client/handlers"

let calls = 0
const unavailable = HttpClient.make((request) =>
  Effect.sync(() => {
    calls += 1
    return HttpClientResponse.fromWeb(request, new Response(null, { status: 503 }))
  })
)

const client = ClientChain.make("api")
  .use(retry({ times: 2 }))
  .pipe(ClientChain.over(unavailable))

const count = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    calls = 0
    yield* client.execute(request)
    return calls
  })

const program = Effect.gen(function* () {
  yield* Console.log(`GET: ${yield* count(HttpClientRequest.get("http://api.test/"))} calls`)
  yield* Console.log(`POST: ${yield* count(HttpClientRequest.post("http://api.test/"))} call`)
})

await Effect.runPromise(program)
