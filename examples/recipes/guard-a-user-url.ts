/** Reject URLs that lead to this machine or its network. */
import { Console, Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { ClientChain } from "fairlead/client"
import { ssrfGuard } from "fairlead/client/handlers"

const page = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("a page"))))
const client = ClientChain.make("previews").use(ssrfGuard()).pipe(ClientChain.over(page))

const outcome = (url: string) =>
  client.get(url).pipe(
    Effect.map(({ status }) => String(status)),
    Effect.catch(({ _tag }) => Effect.succeed(_tag))
  )

const program = Effect.gen(function* () {
  for (const url of ["https://example.com/", "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest"]) {
    yield* Console.log(`${url} ${yield* outcome(url)}`)
  }
})

await Effect.runPromise(program)
