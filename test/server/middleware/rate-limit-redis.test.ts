/** `rateLimit` over a real Redis that stops and starts: the stated policy holds. */
import { NodeRedis } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Schedule } from "effect"
import { HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { Pipeline } from "fairlead/server"
import { rateLimit } from "fairlead/server/middleware"
import type { RateLimitOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { ownEngine } from "../../kit/Engines.ts"

const redis = await ownEngine("redis")

// The client of Effect waits at its end for commands that it queued while the server was away: here, for ever.
const limiter = Layer.fresh(
  RateLimiter.layer.pipe(
    Layer.provide(RateLimiter.layerStoreRedis()),
    Layer.provide(Layer.orDie(NodeRedis.layer({ url: redis.url, disableOfflineQueue: true })))
  )
)

const nodeOf = (options: Partial<RateLimitOptions>) =>
  TestServer.make(
    Pipeline.make("shop")
      .before(rateLimit({ limit: 3, window: "1 minute", algorithm: "fixed-window", timeout: "500 millis", ...options }))
      .handle(HttpServerResponse.text("hello"))
      .respond(),
    limiter
  )

const statusOf = (server: TestServer.MemoryServer) => Effect.map(server.get("/"), ({ status }) => status)

describe.skipIf(redis.missing)("rateLimit over Redis", () => {
  it.live("two nodes share one limit", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* nodeOf({ name: "shared" }), yield* nodeOf({ name: "shared" })]
      const statuses = [yield* statusOf(one), yield* statusOf(two), yield* statusOf(one), yield* statusOf(two)]
      assert.deepStrictEqual(statuses, [200, 200, 200, 429])
    })
  )

  it.live(
    "a Redis that stops fails closed with 503 or open with 200, as was said, and both recover when it starts",
    () =>
      Effect.gen(function* () {
        const closed = yield* nodeOf({ name: "closed", limit: 100 })
        const open = yield* nodeOf({ name: "open", limit: 100, onStoreError: "allow" })
        assert.deepStrictEqual([yield* statusOf(closed), yield* statusOf(open)], [200, 200])
        yield* Effect.promise(() => redis.stop("SIGKILL"))
        assert.deepStrictEqual([yield* statusOf(closed), yield* statusOf(open)], [503, 200])
        yield* Effect.promise(() => redis.start())
        yield* statusOf(closed).pipe(
          Effect.filterOrFail((status) => status === 200),
          Effect.retry(Schedule.spaced("100 millis")),
          Effect.timeout("20 seconds")
        )
        assert.strictEqual(yield* statusOf(open), 200)
      })
  )

  it.live("a Redis that is frozen costs a request no more than the time-out", () =>
    Effect.gen(function* () {
      const closed = yield* nodeOf({ name: "frozen", limit: 100 })
      assert.strictEqual(yield* statusOf(closed), 200)
      redis.freeze()
      const timed = yield* Effect.timed(statusOf(closed)).pipe(Effect.ensuring(Effect.sync(redis.thaw)))
      const [duration, status] = timed
      assert.strictEqual(status, 503)
      assert.isBelow(Duration.toSeconds(duration), 5)
    })
  )
})
