/** Hand a guarded client to code that wants a `fetch` function, such as an SDK. */
import { Console, Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { ClientChain } from "fairlead/client"
import { bodyLimit, retry, ssrfGuard, timeouts } from "fairlead/client/handlers"

/** A fake network; a program provides `NodeTransport.layer()`. */
const network = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ title: "A page" })))
)

const client = ClientChain.make("sdk")
  .use(retry())
  .use(ssrfGuard())
  .use(timeouts({ total: "10 seconds" }))
  .use(bodyLimit({ maxBytes: 1024 }))
  .pipe(ClientChain.over(network))

/** Code that knows nothing of Effect. */
const titleOf = async (fetch: typeof globalThis.fetch, url: string): Promise<string> => {
  const response = await fetch(url)
  return ((await response.json()) as { title: string }).title
}

const fetchSafely = ClientChain.toFetch(client)
const program = Effect.gen(function* () {
  yield* Console.log(yield* Effect.promise(() => titleOf(fetchSafely, "https://example.com/")))
  const failed = yield* Effect.flip(Effect.tryPromise(() => titleOf(fetchSafely, "http://127.0.0.1/")))
  yield* Console.log(`An address of this machine is rejected: ${String(failed.cause).slice(0, 60)}`)
})

await Effect.runPromise(program)
