/** Call an API that fails often: repeat, renew the token, keep to its rate, and stop calling while it is down. */
import { Console, Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { circuitBreaker, rateLimit, refresh, retry } from "fairlead/client/handlers"

let calls = 0
const answers = [503, 401, 200, 503, 503, 503]
const flaky = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(null, { status: answers[calls++] ?? 503 })))
)

// The first handler is the outermost: a retry goes through all the others again.
const api = ClientChain.make("api")
  .use(retry({ times: 2, baseDelay: "10 millis" }))
  .use(refresh({ origins: ["http://api.test"], refresh: () => Effect.succeed(Redacted.make(`token ${calls}`)) }))
  .use(rateLimit({ limit: 100, window: "1 second" }))
  .use(circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(3), openDuration: "10 seconds" }))

const program = Effect.gen(function* () {
  const client = ClientChain.over(api, flaky)
  const outcome = client.get("http://api.test/orders").pipe(
    Effect.map(({ status }) => String(status)),
    Effect.catch(({ _tag }) => Effect.succeed(_tag))
  )
  for (let order = 1; order <= 3; order++)
    yield* Console.log(`order ${order}: ${yield* outcome}, ${calls} calls so far`)
})

const limiter = Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)
await Effect.runPromise(Effect.provide(program, limiter))
