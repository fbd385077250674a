import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { InvalidOption, Reject } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { rateLimit, trustedProxy } from "fairlead/server/middleware"
import type { RateLimitOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import {
  formatPolicy,
  formatState,
  parseEarlierDraft,
  parsePolicies,
  parseStates
} from "../../../src/core/heads/RateLimitFields.ts"

const hello = HttpServerResponse.text("hello")
const memory = Layer.fresh(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))

/** A limiter that always fails, or never answers. */
const broken = (consume: Effect.Effect<never, RateLimiter.RateLimiterError>) =>
  Layer.succeed(RateLimiter.RateLimiter, { consume: () => consume } as never)
const failing = broken(
  Effect.fail(
    new RateLimiter.RateLimiterError({
      reason: new RateLimiter.RateLimitStoreError({ message: "down", cause: new Error("down") })
    })
  )
)

const serverOf = (options: Partial<RateLimitOptions>, limiter = memory) => {
  const limit = rateLimit({ limit: 2, window: "10 seconds", algorithm: "fixed-window", ...options })
  return TestServer.make(Pipeline.make("p").before(limit).handle(hello).respond(), limiter)
}

const from = (remoteAddress: string) => ({ remoteAddress })

class User extends Context.Service<User, string>()("test/User") {}
class Limit extends Middleware.Service<Limit>()("test/RateLimit", { error: Reject }) {}

describe("rateLimit", () => {
  it.effect("answers 429 with Retry-After above the rate, and admits again after the window", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({})
      assert.deepStrictEqual([(yield* server.get("/")).status, (yield* server.get("/")).status], [200, 200])
      yield* TestClock.adjust("3500 millis")
      const rejected = yield* server.get("/")
      assert.strictEqual(rejected.status, 429)
      assert.strictEqual(rejected.headers.get("retry-after"), "7")
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual((yield* server.get("/")).status, 200)
    })
  )

  it.effect("says what is left on every response: successes, rejections, errors and defects", () =>
    Effect.gen(function* () {
      const handler = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) =>
        url === "/die"
          ? Effect.die("bug")
          : url === "/fail"
            ? Effect.fail(new Reject({ status: 404 }))
            : Effect.succeed(hello)
      )
      const app = Pipeline.make("p")
        .before(rateLimit({ limit: 3, window: "1 minute", algorithm: "fixed-window", name: "free plan" }))
        .handle(handler)
        .respond()
      const server = yield* TestServer.make(app, memory)
      const seen: Array<unknown> = []
      for (const path of ["/", "/fail", "/die", "/"]) {
        const { headers, status } = yield* server.get(path)
        assert.strictEqual(headers.get("ratelimit-policy"), '"free plan";q=3;w=60')
        seen.push([status, headers.get("ratelimit")])
      }
      assert.deepStrictEqual(seen, [
        [200, '"free plan";r=2;t=20'],
        [404, '"free plan";r=1;t=40'],
        [500, '"free plan";r=0;t=60'],
        [429, '"free plan";r=0;t=60']
      ])
    })
  )

  it.effect("announces the next token of an empty bucket, not the whole refill", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ algorithm: "token-bucket" })
      yield* server.get("/")
      assert.strictEqual((yield* server.get("/")).headers.get("ratelimit"), '"rateLimit";r=0;t=5')
      const rejected = yield* server.get("/")
      assert.deepStrictEqual([rejected.status, rejected.headers.get("retry-after")], [429, "5"])
    })
  )

  it.effect("lists several limits in one field", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(rateLimit({ limit: 2, window: "1 second", name: "burst" }))
        .before(rateLimit({ limit: 100, window: "1 hour", name: "hourly" }))
        .handle(hello)
        .respond()
      const { headers } = yield* Effect.flatMap(TestServer.make(app, memory), (server) => server.get("/"))
      assert.strictEqual(headers.get("ratelimit-policy"), '"burst";q=2;w=1, "hourly";q=100;w=3600')
      assert.match(headers.get("ratelimit") ?? "", /^"burst";r=1;t=\d+, "hourly";r=99;t=\d+$/)
    })
  )

  it.effect("counts each address by itself, and one IPv6 network together", () =>
    Effect.gen(function* () {
      const statuses = (options: Partial<RateLimitOptions>, addresses: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const server = yield* serverOf({ limit: 1, ...options })
          return yield* Effect.forEach(addresses, (address) =>
            Effect.map(server.get("/", from(address)), ({ status }) => status)
          )
        })
      assert.deepStrictEqual(yield* statuses({}, ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1"]), [200, 200, 429])
      const nat64 = ["64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2", "64:ff9b::c000:201", "2002:c000:201::1"]
      assert.deepStrictEqual(yield* statuses({}, nat64), [200, 200, 429, 429])
      const ipv6 = ["2001:db8:0:1::1", "2001:DB8:0:1:ffff::2", "2001:db8:0:2::1"]
      assert.deepStrictEqual(yield* statuses({}, ipv6), [200, 429, 200])
      assert.deepStrictEqual(yield* statuses({ ipv6Prefix: 48 }, ipv6), [200, 429, 429])
      assert.deepStrictEqual(yield* statuses({ ipv6Prefix: 128 }, ipv6), [200, 200, 200])
      assert.deepStrictEqual(yield* statuses({ maxKeys: 1 }, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]), [200, 200, 429])
    })
  )

  it.effect("counts the client that trusted proxies saw, whatever it sends itself (commonly#656)", () =>
    Effect.gen(function* () {
      const limit = rateLimit({ limit: 1, window: "1 minute" })
      const trusting = Pipeline.make("p")
        .outer(trustedProxy({ trust: ["10.0.0.0/8"] }))
        .before(limit)
        .handle(hello)
        .respond()
      const plain = Pipeline.make("p").before(limit).handle(hello).respond()
      const statuses = (app: typeof trusting, peer: string, chains: ReadonlyArray<string>) =>
        Effect.flatMap(TestServer.make(app, memory), (server) =>
          Effect.forEach(chains, (chain) =>
            Effect.map(
              server.get("/", { remoteAddress: peer, headers: { "x-forwarded-for": chain, "x-real-ip": chain } }),
              ({ status }) => status
            )
          )
        )
      const behind = ["203.0.113.7", "1.1.1.1, 203.0.113.7", "10.0.0.9, 2.2.2.2, 203.0.113.7, 10.1.1.1", "203.0.113.8"]
      assert.deepStrictEqual(yield* statuses(trusting, "10.0.0.1", behind), [200, 429, 429, 200])
      const network = ["2001:db8:0:1::1", "3.3.3.3, 2001:db8:0:1:2::9", "2001:db8:0:2::1"]
      assert.deepStrictEqual(yield* statuses(trusting, "10.0.0.1", network), [200, 429, 200])
      assert.deepStrictEqual(yield* statuses(trusting, "203.0.113.9", ["1.1.1.1", "2.2.2.2"]), [200, 429])
      assert.deepStrictEqual(yield* statuses(plain, "203.0.113.9", ["1.1.1.1", "2.2.2.2"]), [200, 429])
    })
  )

  it.effect("counts by a key of the request, an Effect of one, and by tokens", () =>
    Effect.gen(function* () {
      const byUser = Pipeline.make("p")
        .before(
          Middleware.before(
            "user",
            User,
            RequestView.header("x-user", () => new Reject({ status: 401 }))
          )
        )
        .before(
          rateLimit({
            limit: 4,
            window: "1 minute",
            key: () => User,
            tokens: ({ method }) => (method === "POST" ? 3 : 1)
          })
        )
        .handle(hello)
        .respond()
      const server = yield* TestServer.make(byUser, memory)
      const as = (user: string) => ({ headers: { "x-user": user } })
      assert.strictEqual((yield* server.post("/", as("ann"))).status, 200)
      assert.strictEqual((yield* server.post("/", as("ann"))).status, 429)
      assert.strictEqual((yield* server.get("/", as("ann"))).status, 200)
      assert.strictEqual((yield* server.post("/", as("bob"))).status, 200)
    })
  )

  it.effect("rejects with 503 when the store fails or does not answer, or lets the request go on", () =>
    Effect.gen(function* () {
      const closed = yield* serverOf({}, failing)
      assert.strictEqual((yield* closed.get("/")).status, 503)
      const open = yield* serverOf({ onStoreError: "allow" }, failing)
      assert.strictEqual((yield* open.get("/")).status, 200)
      const hanging = yield* serverOf({ timeout: "2 seconds" }, broken(Effect.never))
      const call = yield* Effect.forkChild(hanging.get("/"), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
    })
  )

  it.effect("keeps two builds of one recipe apart, unless they share a store", () =>
    Effect.gen(function* () {
      const limit = rateLimit({ limit: 1, window: "1 minute", maxKeys: 1 })
      const app = Pipeline.make("p").before(limit).handle(hello).respond()
      const [one, two] = [yield* TestServer.make(app, memory), yield* TestServer.make(app, memory)]
      assert.deepStrictEqual([(yield* one.get("/")).status, (yield* two.get("/")).status], [200, 200])
      assert.throws(() => Pipeline.make("p").before(limit).before(limit), InvalidOption)
    })
  )

  it.effect("is implemented as a Layer too", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p").before(Limit).handle(hello).respond()
      const live = Layer.provide(Limit.layer(rateLimit({ limit: 1, window: "1 minute" })), memory)
      const server = yield* TestServer.make(app, live)
      assert.deepStrictEqual([(yield* server.get("/")).status, (yield* server.get("/")).status], [200, 429])
    })
  )

  it("rejects options that cannot work", () => {
    const good = { limit: 1, window: "1 second" } as const
    for (const bad of [
      { limit: 0 },
      { limit: NaN },
      { limit: 1.5 },
      { window: 0 },
      { maxKeys: 0 },
      { ipv6Prefix: 129 },
      { ipv6Prefix: 0 },
      { timeout: -1 },
      { name: " " }
    ]) {
      assert.throws(() => rateLimit({ ...good, ...bad }), InvalidOption)
    }
    // @ts-expect-error - there are two algorithms
    assert.throws(() => rateLimit({ ...good, algorithm: "leaky" }), InvalidOption)
    // @ts-expect-error - a window is required
    assert.throws(() => rateLimit({ limit: 1 }), InvalidOption)
  })
})

describe("the fields of rate limits", () => {
  it("read the examples of the draft", () => {
    assert.deepStrictEqual(parsePolicies('"burst";q=100;w=60,"daily";q=1000;w=86400'), [
      { name: "burst", quota: 100, window: 60 },
      { name: "daily", quota: 1000, window: 86_400 }
    ])
    assert.deepStrictEqual(parsePolicies('"peruser";q=100;w=60;pk=:cHsdsRa894==:'), [
      { name: "peruser", quota: 100, window: 60 }
    ])
    assert.deepStrictEqual(parseStates('"default";r=50;t=30'), [{ name: "default", remaining: 50, reset: 30 }])
    assert.deepStrictEqual(parseStates("default;r=50"), [{ name: "default", remaining: 50, reset: undefined }])
    assert.deepStrictEqual(parseEarlierDraft({ "ratelimit-remaining": "3", "ratelimit-reset": "9" }), {
      name: "",
      remaining: 3,
      reset: 9
    })
  })

  it("ignore what is malformed", () => {
    for (const bad of ["", ",", '"a', "r=1", '"a";r=-1', '"a";r=1 x', '"a" "b";r=1', '"a";r=99999999999999999999']) {
      assert.isEmpty(parseStates(bad), bad)
    }
    assert.isUndefined(parseEarlierDraft({ "ratelimit-remaining": "-1" }))
  })

  it("read back every name and number", () => {
    const number = fc.nat(1_000_000)
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e]{0,20}$/), number, number, (name, count, seconds) => {
        const state = { name, remaining: count, reset: seconds }
        const policy = { name, quota: count, window: seconds }
        assert.deepStrictEqual(parseStates(`${formatState(state)}, ${formatState(state)}`), [state, state])
        assert.deepStrictEqual(parsePolicies(formatPolicy(policy)), [policy])
      })
    )
    fc.assert(fc.property(fc.string(), (text) => void [parseStates(text), parsePolicies(text)]))
  })
})
