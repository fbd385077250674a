import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import {
  circuitBreaker,
  dedupe,
  rateLimit,
  redirect,
  refresh,
  retry,
  RetryOverride,
  timeouts,
  TimeoutsOverride
} from "fairlead/client/handlers"

import { wireOf } from "./handlers/Wire.ts"

const url = "https://api.com/"
const text = <E>(client: HttpClient.HttpClient.With<E>) => Effect.flatMap(client.get(url), ({ text }) => text)

describe("state per client", () => {
  it.effect("client2 1.1: two clients of one chain share no exchange: tenant B never gets the body of tenant A", () =>
    Effect.gen(function* () {
      const chain = ClientChain.make("c").use(dedupe())
      const [a, b] = ["A", "B"].map((tenant) =>
        ClientChain.over(chain, wireOf(() => Effect.as(Effect.yieldNow, new Response(tenant))).client)
      )
      assert.deepStrictEqual(yield* Effect.all([text(a!), text(b!)], { concurrency: 2 }), ["A", "B"])
    })
  )

  it.effect("client2 1.1: two clients of one chain share no token, no circuit and no retry budget", () =>
    Effect.gen(function* () {
      let tokens = 0
      const renewing = refresh({
        origins: ["https://api.com"],
        refresh: () => Effect.sync(() => Redacted.make(`t${++tokens}`))
      })
      const chain = ClientChain.make("c")
        .use(retry({ times: 5, baseDelay: 0 }))
        .use(renewing)
        .use(circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(1) }))
      const broken = ClientChain.over(chain, wireOf(() => new Response(null, { status: 503 })).client)
      for (let call = 0; call < 5; call++) yield* Effect.exit(broken.get(url))
      const whole = wireOf(() => new Response("ok"))
      assert.strictEqual(yield* text(ClientChain.over(chain, whole.client)), "ok")
      assert.deepStrictEqual(whole.sent("authorization"), [`Bearer t${tokens}`])
      assert.strictEqual(tokens, 2)
    })
  )

  it.effect("client2 1.1: a handler that needs a scope is made and released with its client, and over refuses it", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const scoped = ClientHandler.makeEffect("scoped", ({ composite, name }) =>
        Effect.as(
          Effect.acquireRelease(
            Effect.sync(() => events.push(`made for ${composite}/${name}`)),
            () => Effect.sync(() => events.push("released"))
          ),
          { run: () => void events.push("run") }
        )
      )
      const chain = ClientChain.make("c").use(scoped)
      const { client } = wireOf(() => new Response("ok"))
      // @ts-expect-error it is made by an Effect
      assert.throws(() => ClientChain.over(chain, client).get(url), /build the composite by a Layer/)
      yield* Effect.scoped(Effect.flatMap(ClientChain.overScoped(chain, client), text))
      assert.deepStrictEqual(events, ["made for c/scoped", "run", "released"])
      const layer = ClientChain.layer(chain).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
      yield* Effect.provide(Effect.flatMap(HttpClient.HttpClient, text), layer)
      assert.strictEqual(events.length, 6)
    })
  )

  it.effect("client2 1.2: a chain is a handler: use adds its handlers as append does", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const noting = (name: string) => ClientHandler.make(name, { run: () => void seen.push(name) })
      const inner = ClientChain.make("inner").use(noting("b")).use(noting("c"))
      const { client } = wireOf(() => new Response("ok"))
      yield* text(ClientChain.over(ClientChain.make("outer").use(noting("a")).use(inner).use(noting("d")), client))
      assert.deepStrictEqual(seen, ["a", "b", "c", "d"])
    })
  )

  it.effect("client2 1.2: two limits in one chain hold both, and two equal ones need two names", () =>
    Effect.gen(function* () {
      const chain = ClientChain.make("c")
        .use(rateLimit({ limit: 100, window: "1 hour", algorithm: "fixed-window", onExceeded: "fail" }))
        .use(rateLimit({ limit: 10, window: "1 minute", algorithm: "fixed-window", onExceeded: "fail" }))
      const wire = wireOf(() => new Response("ok"))
      const client = ClientChain.over(chain, wire.client)
      yield* Effect.forEach(Array.from({ length: 12 }), () => Effect.exit(client.get(url)))
      assert.lengthOf(wire.asked, 10)
      const limit = () => rateLimit({ limit: 10, window: "1 minute" })
      assert.throws(() => ClientChain.make("c").use(limit()).use(limit()), /name/)
      assert.throws(() => rateLimit({ limit: Number.NaN, window: "1 minute" }), /limit/)
    }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
  )

  it.effect("client2 1.3: once runs once a logical request, and its changes count as the caller's", () =>
    Effect.gen(function* () {
      let keys = 0
      const keyed = ClientHandler.make("keyed", {
        once: ({ request }) =>
          Effect.succeed(ClientHandler.proceed(HttpClientRequest.setHeader(request, "idempotency-key", `k${++keys}`)))
      })
      let answers = 0
      const wire = wireOf(() => new Response("ok", { status: answers++ === 0 ? 503 : 200 }))
      const chain = ClientChain.make("c")
        .use(retry({ baseDelay: 0 }))
        .use(keyed)
      assert.strictEqual((yield* ClientChain.over(chain, wire.client).post(url)).status, 200)
      assert.deepStrictEqual(wire.sent("idempotency-key"), ["k1", "k1"])
    })
  )

  it.effect("client2 1.4: retries and time-outs can be set for one call", () =>
    Effect.gen(function* () {
      const wire = wireOf(() => new Response("no", { status: 503 }))
      const chain = ClientChain.make("c")
        .use(timeouts({ headers: "1 second" }))
        .use(retry({ baseDelay: 0 }))
      const client = ClientChain.over(chain, wire.client)
      yield* client.get(url)
      assert.lengthOf(wire.asked, 3)
      yield* Effect.provideService(client.get(url), RetryOverride, { times: 0 })
      assert.lengthOf(wire.asked, 4)
      const silent = ClientChain.over(
        ClientChain.make("c").use(timeouts({ headers: "1 second" })),
        wireOf(() => Effect.never).client
      )
      const patient = Effect.provideService(silent.get(url), TimeoutsOverride, { headers: "1 hour" })
      const fiber = yield* Effect.forkChild(Effect.flip(patient), { startImmediately: true })
      yield* TestClock.adjust("59 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "HttpTimeout")
    })
  )
})

describe("defaults", () => {
  it.effect("client2 4.2: redirect({ maxRedirects: 30 }) follows 30 hops", () =>
    Effect.gen(function* () {
      const wire = wireOf((_, { pathname }) => {
        const hop = Number(pathname.slice(1))
        return hop >= 30
          ? new Response("end")
          : new Response(null, { status: 302, headers: { location: `/${hop + 1}` } })
      })
      assert.strictEqual(
        yield* text(ClientChain.over(ClientChain.make("c").use(redirect({ maxRedirects: 30 })), wire.client)),
        "end"
      )
    })
  )

  it.effect("client2 4.3: recoverAll takes every typed error of the later handlers, and of the transport", () =>
    Effect.gen(function* () {
      const { client } = wireOf(() => new Response("never"))
      const answering = ClientChain.make("c")
        .recoverAll((_, { request }) => Effect.map(Effect.orDie(client.execute(request)), (response) => response))
        .use(ClientHandler.make("refusing", { run: () => Effect.fail("no" as const) }))
      assert.strictEqual(yield* text(ClientChain.over(answering, client)), "never")
    })
  )

  it.effect("client2 4.4: a token is renewed before it ends", () =>
    Effect.gen(function* () {
      let tokens = 0
      const renewing = refresh({
        origins: ["https://api.com"],
        refresh: () => Effect.sync(() => ({ token: Redacted.make(`t${++tokens}`), expiresIn: "1 hour" as const }))
      })
      const wire = wireOf(() => new Response("ok"))
      const client = ClientChain.over(ClientChain.make("c").use(renewing), wire.client)
      yield* client.get(url)
      yield* TestClock.adjust("59 minutes")
      yield* client.get(url)
      yield* TestClock.adjust("40 seconds")
      yield* client.get(url)
      assert.deepStrictEqual(wire.sent("authorization"), ["Bearer t1", "Bearer t1", "Bearer t2"])
    })
  )

  it.effect("client2 4.4: a 429 slows the other callers of its origin where the option says so", () =>
    Effect.gen(function* () {
      let answers = 0
      const wire = wireOf(() =>
        answers++ === 0 ? new Response("slow", { status: 429, headers: { "retry-after": "5" } }) : new Response("ok")
      )
      const chain = ClientChain.make("c").use(rateLimit({ limit: 100, window: "1 second", slowOthers: true }))
      const client = ClientChain.over(chain, wire.client)
      yield* client.get(url)
      const fiber = yield* Effect.forkChild(client.get(url), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.lengthOf(wire.asked, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.lengthOf(wire.asked, 2)
    }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
  )

  it("a class-tagged handler and a chain are known at run time", () => {
    class Sign extends ClientHandler.Service<Sign>()("app/Sign") {}
    assert.isTrue(ClientHandler.isClientHandler(Sign) && ClientChain.isClientChain(ClientChain.make("c")))
    assert.isFalse(ClientHandler.isClientHandler({}) || ClientChain.isClientChain({}))
    assert.throws(() => ClientChain.make("c").use({} as never), /use/)
  })
})
