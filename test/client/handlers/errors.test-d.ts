import { Effect } from "effect"
import type { Duration } from "effect"
import type { HttpClient, HttpClientError } from "effect/http"
import { ClientChain } from "fairlead/client"
import type { ClientHandler } from "fairlead/client"
import { bodyLimit, circuitBreaker, decompress, hedge, redirect, retry, timeouts } from "fairlead/client/handlers"
import type { BodyTooLarge, CircuitOpen, DecompressError, RedirectError, TimeoutError } from "fairlead/client/handlers"
import { CircuitOpen as Open, TimeoutError as Timeout } from "fairlead/client/handlers"
import { describe, expectTypeOf, it } from "vitest"

declare const transport: HttpClient.HttpClient

type Client<E> = HttpClient.HttpClient.With<E>

describe("the errors of ready-made handlers", () => {
  it("are those that each raises, and no more", () => {
    const chain = ClientChain.make("c")
    const redirecting = chain.use(redirect()).over(transport)
    expectTypeOf(redirecting).toEqualTypeOf<
      Client<RedirectError | ClientHandler.FollowUpError | HttpClientError.HttpClientError>
    >()
    const retrying = chain.use(retry()).over(transport)
    expectTypeOf(retrying).toEqualTypeOf<Client<ClientHandler.FollowUpError | HttpClientError.HttpClientError>>()
    const timing = chain.use(timeouts()).over(transport)
    expectTypeOf(timing).toEqualTypeOf<Client<TimeoutError | HttpClientError.HttpClientError>>()
    const breaking = chain.use(circuitBreaker()).over(transport)
    expectTypeOf(breaking).toEqualTypeOf<Client<CircuitOpen | HttpClientError.HttpClientError>>()
    const hedging = chain.use(hedge()).over(transport)
    expectTypeOf(hedging).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
    const limiting = chain.use(bodyLimit()).use(decompress()).over(transport)
    expectTypeOf(limiting).toEqualTypeOf<Client<BodyTooLarge | DecompressError | HttpClientError.HttpClientError>>()
  })

  it("are gone where they are recovered before", () => {
    const breaking = ClientChain.make("c")
      .recover(Open, ({ retryAfter }, { inner, request }) => {
        expectTypeOf(retryAfter).toEqualTypeOf<Duration.Duration>()
        return Effect.orDie(inner.execute(request))
      })
      .use(hedge())
      .use(circuitBreaker())
      .over(transport)
    expectTypeOf(breaking).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
    const client = ClientChain.make("c")
      .recover(Timeout, (_, { inner, request }) => Effect.orDie(inner.execute(request)))
      .use(timeouts())
      .over(transport)
    expectTypeOf(client).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
  })
})
