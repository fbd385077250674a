import { assert, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { rateLimit, retry } from "fairlead/client/handlers"
import type { RateLimitOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

import { limiter } from "../../kit/Limiter.ts"
import { start } from "../../kit/Starting.ts"

const setup = (options: Partial<RateLimitOptions>, network = TestClient.make(TestClient.always({}, {}))) => {
  const client = ClientChain.make("api")
    .use(retry({ baseDelay: 0 }))
    .use(rateLimit({ limit: 2, window: "1 second", algorithm: "fixed-window", ...options }))
    .pipe(ClientChain.over(network.client))
  return { network, get: (url: string) => client.execute(HttpClientRequest.get(url)) }
}

it.effect("a request above the rate waits, each origin by itself", () =>
  Effect.gen(function* () {
    const { get, network } = setup({})
    const urls = ["https://a.test/1", "https://a.test/2", "https://a.test/3", "https://b.test/"]
    const fiber = yield* start(Effect.forEach(urls, get, { concurrency: "unbounded" }))
    yield* TestClock.adjust("999 millis")
    assert.deepStrictEqual(network.calls.map(({ url }) => url).toSorted(), [urls[0], urls[1], urls[3]])
    yield* TestClock.adjust("1 millis")
    yield* Fiber.join(fiber)
    assert.strictEqual(network.calls[3]?.url, urls[2])
  }).pipe(Effect.provide(limiter))
)

it.effect("or fails with the time after which to come again, and never reaches the network", () =>
  Effect.gen(function* () {
    const { get, network } = setup({ limit: 1, onExceeded: "fail" })
    yield* get("https://a.test/")
    const error = yield* Effect.flip(get("https://a.test/"))
    assert.strictEqual(error._tag, "RateLimiterError")
    const reason = error._tag === "RateLimiterError" ? error.reason : undefined
    assert.strictEqual(reason?._tag === "RateLimitExceeded" ? Duration.toMillis(reason.retryAfter) : undefined, 1000)
    assert.strictEqual(network.calls.length, 1)
  }).pipe(Effect.provide(limiter))
)

it.effect("each retry takes a token, and a 429 is sent again by retry alone, so often as that allows", () =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.always({}, { status: 429, headers: { "retry-after": "0" } }))
    const { get } = setup({ limit: 1 }, network)
    const fiber = yield* start(get("https://a.test/"))
    const sent: Array<number> = []
    for (let second = 0; second < 5; second++) {
      sent.push(network.calls.length)
      yield* TestClock.adjust("1 second")
    }
    assert.strictEqual((yield* Fiber.join(fiber)).status, 429)
    assert.deepStrictEqual(sent, [1, 2, 3, 3, 3])
  }).pipe(Effect.provide(limiter))
)

it.effect("a key says what counts together, tokens how much, and keys beyond the bound count together", () =>
  Effect.gen(function* () {
    const key = ({ url }: HttpClientRequest.HttpClientRequest) => new URL(url).pathname
    const passed = (options: Partial<RateLimitOptions>, paths: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const { get, network } = setup({ onExceeded: "fail", key, ...options })
        yield* Effect.forEach(paths, (path) => Effect.exit(get(`https://a.test${path}`)))
        return network.calls.map(({ url }) => new URL(url).pathname)
      }).pipe(Effect.provide(Layer.fresh(limiter)))
    assert.deepStrictEqual(yield* passed({}, ["/a", "/a", "/a", "/b"]), ["/a", "/a", "/b"])
    assert.deepStrictEqual(yield* passed({ tokens: () => 2 }, ["/a", "/a", "/b"]), ["/a", "/b"])
    assert.deepStrictEqual(yield* passed({ maxKeys: 1 }, ["/a", "/b", "/c", "/d", "/a"]), ["/a", "/b", "/c", "/a"])
  })
)
