/** The contract of `rateLimit` between its two ends: the server's middleware says what is left, and the client's handler keeps to it. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer } from "effect"
import { HttpClientRequest, HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { rateLimit as learnedLimit, retry } from "fairlead/client/handlers"
import { Pipeline } from "fairlead/server"
import { rateLimit } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { LearnedLimit } from "../../src/client/handlers/LearnedLimit.ts"
import { clientOf } from "./Pair.ts"

const memory = Layer.fresh(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
const algorithms = ["fixed-window", "token-bucket"] as const

const setup = (algorithm: (typeof algorithms)[number], limit: number) =>
  Effect.gen(function* () {
    const app = Pipeline.make("api")
      .before(rateLimit({ limit, window: "10 seconds", algorithm }))
      .handle(HttpServerResponse.text("ok"))
      .respond()
    const { client, statuses } = clientOf(yield* TestServer.make(app, memory))
    const chain = ClientChain.make("c").use(learnedLimit({ learn: true }))
    const learning = ClientChain.over(chain, client)
    return { statuses, get: learning.execute(HttpClientRequest.get("http://api.test/")), client }
  })

/** Runs an effect to its end on the test clock, a quarter of a second at a time; how long it took. */
const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const running = yield* Effect.forkChild(effect, { startImmediately: true })
    while (running.pollUnsafe() === undefined) yield* TestClock.adjust("250 millis")
    yield* Fiber.join(running)
    return Duration.seconds(((yield* Clock.currentTimeMillis) - start) / 1000)
  })

describe.each(algorithms)("the pair of rate limits, %s", (algorithm) => {
  it.effect("one caller after another never meets a 429, and wastes no window", () =>
    Effect.gen(function* () {
      const { get, statuses } = yield* setup(algorithm, 5)
      const took = yield* timed(Effect.repeat(get, { times: 21 }))
      assert.deepStrictEqual([...new Set(statuses)], [200])
      assert.strictEqual(statuses.length, 22)
      // 22 calls at 5 for 10 seconds.
      assert.isAtMost(Duration.toSeconds(took), 48)
      assert.isAtLeast(Duration.toSeconds(took), 30)
    })
  )

  it.effect("callers at once meet no 429 once the first response has said what is left", () =>
    Effect.gen(function* () {
      const { get, statuses } = yield* setup(algorithm, 5)
      yield* get
      yield* timed(Effect.forEach(Array.from({ length: 20 }), () => get, { concurrency: "unbounded" }))
      assert.deepStrictEqual([...new Set(statuses)], [200])
      assert.strictEqual(statuses.length, 21)
    })
  )

  it.effect("a 429 that another client caused is a pause that all callers share", () =>
    Effect.gen(function* () {
      const { client, get, statuses } = yield* setup(algorithm, 2)
      const other = client.execute(HttpClientRequest.get("http://api.test/"))
      yield* Effect.repeat(other, { times: 1 })
      const first = yield* get
      assert.strictEqual(first.status, 429)
      const sent = statuses.length
      const waiting = yield* Effect.forkChild(
        Effect.forEach([1, 2], () => get, { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(statuses.length, sent)
      yield* TestClock.adjust("20 seconds")
      const responses = yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        responses.map(({ status }) => status),
        [200, 200]
      )
    })
  )

  it.effect("retry sends a 429 again after Retry-After, and it succeeds", () =>
    Effect.gen(function* () {
      const { client, statuses } = yield* setup(algorithm, 1)
      const chain = ClientChain.make("c")
        .use(retry({ times: 2 }))
        .use(learnedLimit({ learn: true }))
      const get = ClientChain.over(chain, client).execute(HttpClientRequest.get("http://api.test/"))
      yield* client.execute(HttpClientRequest.get("http://api.test/"))
      yield* timed(get)
      assert.deepStrictEqual(statuses, [200, 429, 200])
    })
  )
})

describe("a learned limit", () => {
  const now = 1_000_000

  it("waits no longer than a minute, whatever a server says", () => {
    for (const headers of [
      { ratelimit: '"a";r=0;t=999999999' },
      { "ratelimit-remaining": "0", "ratelimit-reset": "999999999" },
      { "retry-after": "999999999" }
    ]) {
      const limit = new LearnedLimit()
      limit.learn(429, headers, now)
      assert.strictEqual(limit.take(now), 60_000)
      assert.strictEqual(limit.take(now + 60_000), 0)
    }
  })

  it("waits for nothing where the server says nothing", () => {
    const limit = new LearnedLimit()
    for (let call = 0; call < 1000; call++) {
      assert.strictEqual(limit.take(now), 0)
      limit.learn(200, {}, now)
    }
  })

  it("obeys the tightest of several limits", () => {
    const limit = new LearnedLimit()
    limit.learn(200, { ratelimit: '"day";r=500;t=3600, "burst";r=0;t=2' }, now)
    assert.strictEqual(limit.take(now), 2000)
  })

  it("admits calls again in bounded time, whatever fields come in whatever order", () => {
    const field = fc.record({
      status: fc.constantFrom(200, 429, 503),
      r: fc.nat(3),
      t: fc.nat(100),
      q: fc.nat(5),
      w: fc.nat(100),
      after: fc.nat(5000)
    })
    fc.assert(
      fc.property(fc.array(field, { maxLength: 20 }), (fields) => {
        const limit = new LearnedLimit()
        let at = now
        for (const { after, q, r, status, t, w } of fields) {
          at += after
          limit.take(at)
          limit.learn(status, { ratelimit: `"a";r=${r};t=${t}`, "ratelimit-policy": `"a";q=${q};w=${w}` }, at)
        }
        for (let turn = 0; turn < 3; turn++) {
          const wait = limit.take(at)
          assert.isAtMost(wait, 60_000)
          if (wait <= 0) return
          at += wait
        }
        assert.fail("it never admits a call")
      })
    )
  })
})
