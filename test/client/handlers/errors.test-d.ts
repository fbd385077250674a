import { Effect, Schema } from "effect"
import type { HttpClient, HttpClientError } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import type { ClientHandler } from "fairlead/client"
import {
  bodyLimit,
  cache,
  circuitBreaker,
  decompress,
  hedge,
  problemDetails,
  redirect,
  retry,
  timeouts
} from "fairlead/client/handlers"
import type {
  BodyTooLarge,
  CacheStoreError,
  DecompressError,
  ProblemError,
  RedirectError,
  HttpTimeout
} from "fairlead/client/handlers"
import { HttpTimeout as Timeout } from "fairlead/client/handlers"
import { describe, expectTypeOf, it } from "vitest"

declare const transport: HttpClient.HttpClient

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String }) {}
class Closed extends Schema.TaggedError<Closed>()("Closed", {}) {}

type Client<E> = HttpClient.HttpClient.With<E>

describe("the errors of ready-made handlers", () => {
  it("are those that each raises, and no more", () => {
    const chain = ClientChain.make("c")
    const redirecting = chain.use(redirect()).pipe(ClientChain.over(transport))
    expectTypeOf(redirecting).toEqualTypeOf<
      Client<RedirectError | ClientHandler.FollowUpError | HttpClientError.HttpClientError>
    >()
    const retrying = chain.use(retry()).pipe(ClientChain.over(transport))
    expectTypeOf(retrying).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
    const timing = chain.use(timeouts()).pipe(ClientChain.over(transport))
    expectTypeOf(timing).toEqualTypeOf<Client<HttpTimeout | HttpClientError.HttpClientError>>()
    const breaking = chain.use(circuitBreaker()).pipe(ClientChain.over(transport))
    expectTypeOf(breaking).toEqualTypeOf<Client<CircuitBreaker.CircuitBreakerError | HttpClientError.HttpClientError>>()
    const hedging = chain.use(hedge()).pipe(ClientChain.over(transport))
    expectTypeOf(hedging).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
    const limiting = chain.use(bodyLimit()).use(decompress()).pipe(ClientChain.over(transport))
    expectTypeOf(limiting).toEqualTypeOf<Client<BodyTooLarge | DecompressError | HttpClientError.HttpClientError>>()
  })

  it("of a cache are those of its store, where it fails with them", () => {
    const chain = ClientChain.make("c")
    const passing = chain.use(cache({ mode: "shared" })).pipe(ClientChain.over(transport))
    expectTypeOf(passing).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
    const failing = chain.use(cache({ onStoreError: "fail" })).pipe(ClientChain.over(transport))
    expectTypeOf(failing).toEqualTypeOf<Client<CacheStoreError | HttpClientError.HttpClientError>>()
  })

  it("of problems are those that the functions make, whose parameter may be destructured", () => {
    const reading = ClientChain.make("c")
      .use(
        problemDetails({
          errors: { "/stock": ({ item }) => new OutOfStock({ item: String(item) }), "/closed": () => new Closed() }
        })
      )
      .pipe(ClientChain.over(transport))
    expectTypeOf(reading).toEqualTypeOf<Client<ProblemError | OutOfStock | Closed | HttpClientError.HttpClientError>>()
    const plain = ClientChain.make("c").use(problemDetails()).pipe(ClientChain.over(transport))
    expectTypeOf(plain).toEqualTypeOf<Client<ProblemError | HttpClientError.HttpClientError>>()
  })

  it("are gone where they are recovered before", () => {
    const breaking = ClientChain.make("c")
      .recover(CircuitBreaker.CircuitBreakerError, ({ reason }, { inner, request }) => {
        expectTypeOf(reason).toEqualTypeOf<CircuitBreaker.CircuitBreakerErrorReason>()
        return Effect.orDie(inner.execute(request))
      })
      .use(hedge())
      .use(circuitBreaker())
      .pipe(ClientChain.over(transport))
    expectTypeOf(breaking).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
    const client = ClientChain.make("c")
      .recover(Timeout, (_, { inner, request }) => Effect.orDie(inner.execute(request)))
      .use(timeouts())
      .pipe(ClientChain.over(transport))
    expectTypeOf(client).toEqualTypeOf<Client<HttpClientError.HttpClientError>>()
  })
})
