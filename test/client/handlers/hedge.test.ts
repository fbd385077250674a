import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { HttpBody, HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"
import { hedge, retry, RetryBudget, timeouts } from "fairlead/client/handlers"
import type { HedgeOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

import { start } from "../../kit/Starting.ts"

const url = "https://api.test/rooms"
const get = HttpClientRequest.get(url)

/** Slow and quick answers, by when their heads come. */
const after = (millis: number, reply: TestClient.Reply = {}): TestClient.Answer => ({ ...reply, delay: millis })

const never = TestClient.silence
const reset = TestClient.fails("reset")

/** A network that gives these answers in turn, and a client that hedges over it after a second. */
const setup = (
  answers: readonly [TestClient.Answer, ...ReadonlyArray<TestClient.Answer>],
  options: HedgeOptions = {}
) => {
  const network = TestClient.make(TestClient.once({}, ...answers))
  const client = ClientChain.make("c")
    .use(hedge({ delay: 1000, ...options }))
    .pipe(ClientChain.over(network.client))
  const states = () => network.calls.map(({ state }) => state)
  /** Sends the request, and lets the clock run until then. */
  const sent = (request: HttpClientRequest.HttpClientRequest = get, until = 10_000) =>
    Effect.gen(function* () {
      const fiber = yield* start(Effect.exit(Effect.flatMap(client.execute(request), ({ text }) => text)))
      yield* TestClock.adjust(until)
      return yield* Fiber.join(fiber)
    })
  return { client, network, sent, states }
}

/** What an exit failed or died with. */
const told = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? [Cause.hasDies(exit.cause), Cause.squash(exit.cause)] : exit

describe("an attempt that is late", () => {
  it.effect("client hedge: starts a second one after the delay, and the first response is the outcome", () =>
    Effect.gen(function* () {
      const { client, network, states } = setup([after(3000, { body: "late" }), after(500, { body: "quick" })])
      const fiber = yield* start(client.execute(get))
      yield* TestClock.adjust(999)
      assert.strictEqual(network.calls.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(network.calls.length, 2)
      yield* TestClock.adjust(500)
      const response = yield* Fiber.join(fiber)
      assert.deepStrictEqual(states(), ["interrupted", "answered"])
      assert.strictEqual(yield* response.text, "quick")
    })
  )

  it.effect(
    "client hedge: wins when its response comes before that of the second, and none is sent when it is in time",
    () =>
      Effect.gen(function* () {
        const late = setup([after(1500, { body: "first" }), after(1000, { body: "second" })])
        assert.deepStrictEqual(yield* late.sent(), Exit.succeed("first"))
        assert.deepStrictEqual(late.states(), ["answered", "interrupted"])
        const inTime = setup([after(999, { body: "first" }), reset])
        assert.deepStrictEqual(yield* inTime.sent(), Exit.succeed("first"))
        assert.deepStrictEqual(inTime.states(), ["answered"])
      })
  )

  it.effect("client hedge: starts as many as are allowed, 2 by default, each after the delay", () =>
    Effect.gen(function* () {
      const counted = (options: HedgeOptions, until: number) =>
        Effect.gen(function* () {
          const { client, network } = setup([never, never, never, never], options)
          const fiber = yield* start(client.execute(get))
          yield* TestClock.adjust(until)
          yield* Fiber.interrupt(fiber)
          return network.calls.length
        })
      assert.strictEqual(yield* counted({}, 10_000), 2)
      assert.strictEqual(yield* counted({ maxAttempts: 1 }, 10_000), 1)
      assert.strictEqual(yield* counted({ maxAttempts: 4 }, 1999), 2)
      assert.strictEqual(yield* counted({ maxAttempts: 4 }, 2000), 3)
      assert.strictEqual(yield* counted({ maxAttempts: 4 }, 10_000), 4)
      assert.strictEqual(yield* counted({ maxAttempts: 3, delay: 0 }, 0), 3)
      assert.strictEqual(yield* counted({ delay: Number.POSITIVE_INFINITY }, 1e12), 1)
      const delay = (request: ClientHandler.Request) => (request.url === url ? "5 seconds" : 0)
      assert.strictEqual(yield* counted({ delay }, 4999), 1)
      assert.strictEqual(yield* counted({ delay }, 5000), 2)
    })
  )

  it.effect("client hedge: has 2 seconds by default", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once({}, never, never))
      const fiber = yield* start(ClientChain.make("c").use(hedge()).pipe(ClientChain.over(network.client)).execute(get))
      yield* TestClock.adjust(1999)
      assert.strictEqual(network.calls.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(network.calls.length, 2)
      yield* Fiber.interrupt(fiber)
    })
  )

  it("client hedge: options that cannot work are refused", () => {
    assert.throws(() => hedge({ maxAttempts: 0 }), InvalidOption, "a whole number of 1 or more")
  })
})

describe("an attempt that fails", () => {
  it.effect(
    "client hedge: starts the next one at once, after 500, 502, 503, 504, a transport error or a time-out",
    () =>
      Effect.gen(function* () {
        for (const status of [500, 502, 503, 504]) {
          const { network, sent } = setup([{ status }, { body: "second" }])
          assert.deepStrictEqual(yield* sent(get, 0), Exit.succeed("second"))
          assert.strictEqual(network.calls.length, 2)
        }
        const broken = setup([reset, { body: "second" }], { delay: Number.POSITIVE_INFINITY })
        assert.deepStrictEqual(yield* broken.sent(get, 0), Exit.succeed("second"))

        const timing = timeouts({ headers: 300 })
        const hedging = hedge({ delay: Number.POSITIVE_INFINITY })
        for (const chain of [
          ClientChain.make("c").use(timing).use(hedging),
          ClientChain.make("c").use(hedging).use(timing)
        ]) {
          const network = TestClient.make(TestClient.once({}, never, { body: "second" }))
          const fiber = yield* start(chain.pipe(ClientChain.over(network.client)).execute(get))
          yield* TestClock.adjust(300)
          assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
        }
      })
  )

  it.effect("client hedge: leaves the other one to win, and its response is released", () =>
    Effect.gen(function* () {
      const { network, sent } = setup([after(2000, { body: "first" }), after(500, { status: 503, body: "no" })])
      assert.deepStrictEqual(yield* sent(), Exit.succeed("first"))
      assert.strictEqual(network.calls[1]?.responseBody, "read")
    })
  )

  it.effect("client hedge: with any other status is the outcome", () =>
    Effect.gen(function* () {
      for (const status of [204, 304, 400, 404, 408, 429, 501]) {
        const { network, sent } = setup([{ status }, {}])
        yield* sent(get, 0)
        assert.deepStrictEqual([network.calls.length, network.calls[0]?.status], [1, status])
      }
      const isAcceptable = ({ status }: ClientHandler.Response) => status === 503
      const { network, sent } = setup([{ status: 200 }, { status: 503 }], { isAcceptable })
      yield* sent(get, 0)
      assert.strictEqual(network.calls.length, 2)
    })
  )

  it.effect("client hedge: to be judged, by a defect of the option, releases all responses", () =>
    Effect.gen(function* () {
      const isAcceptable = () => {
        throw new Error("defect")
      }
      const { network, sent } = setup([after(1500, { body: "first" }), never], { isAcceptable })
      const exit = yield* sent()
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual([network.calls[0]?.responseBody, network.calls[1]?.state], ["read", "interrupted"])
    })
  )

  it.effect("client hedge: that asks for time, or fails in another way, starts none, and others may still win", () =>
    Effect.gen(function* () {
      const asking = setup([{ status: 503, headers: { "retry-after": "1" }, body: "later" }, {}])
      assert.deepStrictEqual(yield* asking.sent(), Exit.succeed("later"))
      assert.deepStrictEqual(asking.states(), ["answered"])

      for (const refusal of [Exit.fail("refused" as const), Exit.die("defect")]) {
        for (const refused of [1, 2]) {
          let attempts = 0
          const refusing = ClientHandler.make("refusing", { run: () => (++attempts === refused ? refusal : undefined) })
          const network = TestClient.make(TestClient.once({}, after(5000, { body: "won" })))
          const client = ClientChain.make("c")
            .use(hedge({ delay: 1000, maxAttempts: 3 }))
            .use(refusing)
            .pipe(ClientChain.over(network.client))
          const fiber = yield* start(Effect.exit(Effect.flatMap(client.execute(get), ({ text }) => text)))
          yield* TestClock.adjust("10 seconds")
          const exit = yield* Fiber.join(fiber)
          assert.strictEqual(attempts, refused)
          if (refused === 1) assert.deepStrictEqual(told(exit), told(refusal))
          else assert.deepStrictEqual(exit, Exit.succeed("won"))
        }
      }
    })
  )

  it.effect("client hedge: is not the outcome when another one ends after it", () =>
    Effect.gen(function* () {
      const responses = setup([after(1500, { status: 503, body: "first" }), after(1000, { status: 502, body: "last" })])
      assert.deepStrictEqual(yield* responses.sent(), Exit.succeed("last"))
      assert.strictEqual(responses.network.calls[0]?.responseBody, "read")
      const { sent } = setup([{ status: 503 }, reset])
      const exit = yield* sent()
      assert.isTrue(Exit.isFailure(exit) && HttpClientError.isHttpClientError(Cause.squash(exit.cause)))
      const { client } = setup([reset, { status: 503, body: "last" }])
      assert.strictEqual((yield* client.execute(get)).status, 503)
    })
  )
})

describe("which requests", () => {
  it.effect("client hedge: safe methods are, and others are sent once, as are upgrades", () =>
    Effect.gen(function* () {
      const counted = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.gen(function* () {
          const { network, sent } = setup([after(2000), {}])
          yield* sent(request)
          return network.calls.length
        })
      for (const method of ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"] as const) {
        const isSafe = ["GET", "HEAD", "OPTIONS", "TRACE"].includes(method)
        assert.strictEqual(yield* counted(HttpClientRequest.make(method)(url)), isSafe ? 2 : 1, method)
      }
      assert.strictEqual(yield* counted(HttpClientRequest.setHeader(get, "upgrade", "websocket")), 1)
    })
  )

  it.effect("client hedge: a replayable body is whole each time; a read-once body is sent once", () =>
    Effect.gen(function* () {
      const bodies = (body: HttpBody.HttpBody, declare = false) =>
        Effect.gen(function* () {
          const { network, sent } = setup([after(2000), {}])
          const options = HttpClientRequest.setBody(HttpClientRequest.options(url), body)
          yield* sent(declare ? ClientHandler.replayable(options) : options)
          return network.calls.map(({ body }) => (body === undefined ? "" : new TextDecoder().decode(body)))
        })
      const bytes = new TextEncoder().encode("ask")
      assert.deepStrictEqual(yield* bodies(HttpBody.text("ask")), ["ask", "ask"])
      assert.deepStrictEqual(yield* bodies(HttpBody.stream(Stream.make(bytes))), ["ask"])
      assert.deepStrictEqual(yield* bodies(HttpBody.stream(Stream.make(bytes)), true), ["ask", "ask"])

      let attempts = 0
      const counting = ClientHandler.make("counting", { run: () => void attempts++ })
      const network = TestClient.make(TestClient.once({}, after(2000)))
      const chain = ClientChain.make("c")
        .use(hedge({ delay: 1000 }))
        .use(counting)
      const web = HttpBody.raw(Stream.toReadableStream(Stream.make(bytes)))
      const options = ClientHandler.replayable(HttpClientRequest.setBody(HttpClientRequest.options(url), web))
      const fiber = yield* start(chain.pipe(ClientChain.over(network.client)).execute(options))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(attempts, 1)
    })
  )

  it.effect("client hedge: a budget bounds the share of extra requests, and can be shared", () =>
    Effect.gen(function* () {
      const counted = (calls: number, options: HedgeOptions) =>
        Effect.gen(function* () {
          const network = TestClient.make(TestClient.always({}, { status: 503 }))
          const client = ClientChain.make("c")
            .use(hedge({ delay: 1000, ...options }))
            .pipe(ClientChain.over(network.client))
          yield* Effect.forEach(Array.from({ length: calls }), () => client.execute(get))
          return network.calls.length - calls
        })
      // The burst of 10, and one in ten; the first call finds it full.
      assert.strictEqual(yield* counted(101, {}), 10 + 10)
      const budget = RetryBudget.make({ ratio: 0.5, burst: 2 })
      assert.strictEqual(yield* counted(2, { budget }), 2)
      assert.strictEqual(budget.balance(), 0.5)
      yield* counted(1, { budget })
      assert.strictEqual(budget.balance(), 0)

      const { client, states } = setup([never, never], { budget })
      const fiber = yield* start(client.execute(get))
      yield* TestClock.adjust("1 hour")
      for (let call = 0; call < 4; call++) budget.deposit()
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(states(), ["waiting"])
      yield* Fiber.interrupt(fiber)
    })
  )
})

describe("the attempts", () => {
  it.effect(
    "client hedge: go each through all handlers declared later, and those declared earlier see one response",
    () =>
      Effect.gen(function* () {
        const journal: Array<string> = []
        let numbers = 0
        const outer = ClientHandler.make("outer", {
          run: () => void journal.push("outer"),
          afterResponse: (_, { haltedBy }) => void journal.push(`outer after ${haltedBy}`)
        })
        const signing = ClientHandler.make("signing", {
          run: ({ request }) => {
            const number = ++numbers
            return ClientHandler.proceedWith(number, HttpClientRequest.setHeader(request, "x-signed", `${number}`))
          },
          afterResponse: (__, _, number) => void (number._tag === "Some" && journal.push(`signed ${number.value}`))
        })
        const network = TestClient.make(TestClient.once({}, after(3000), after(500)))
        const client = ClientChain.make("c")
          .use(outer)
          .use(hedge({ delay: 1000 }))
          .use(signing)
          .pipe(ClientChain.over(network.client))
        const fiber = yield* start(client.execute(get))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          network.calls.map(({ headers }) => headers["x-signed"]),
          ["1", "2"]
        )
        assert.deepStrictEqual(journal, ["outer", "signed 2", "outer after hedge"])
      })
  )

  it.effect("client hedge: are retried by a retry declared later, and not once more when they have failed", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({}, { status: 503 }))
      const client = ClientChain.make("c")
        .use(hedge({ delay: "1 hour" }))
        .use(retry({ times: 1, baseDelay: 0 }))
        .pipe(ClientChain.over(network.client))
      assert.strictEqual((yield* client.execute(get)).status, 503)
      assert.strictEqual(network.calls.length, 4)
    })
  )

  it.effect("client hedge: still under way are interrupted when the caller leaves or the total is over", () =>
    Effect.gen(function* () {
      const { client, states } = setup([never, never])
      const fiber = yield* start(client.execute(get))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(states(), ["interrupted", "interrupted"])

      const network = TestClient.make(TestClient.once({}, never, never))
      const bounded = ClientChain.make("c")
        .use(timeouts({ total: "3 seconds" }))
        .use(hedge({ delay: "1 second" }))
        .pipe(ClientChain.over(network.client))
      const call = yield* start(Effect.flip(bounded.execute(get)))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(call))._tag, "HttpTimeout")
      assert.isTrue(network.calls.every(({ state }) => state === "interrupted"))
    })
  )

  it.effect("client hedge: with two responses at once return one, and release the other", () =>
    Effect.gen(function* () {
      const body = Stream.concat(Stream.succeed(new Uint8Array(1)), Stream.never)
      const gate = yield* Deferred.make<void>()
      const gated = () => Effect.as(Deferred.await(gate), { body })
      const { client, network, states } = setup([gated, gated])
      const fiber = yield* start(client.execute(get))
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, undefined)
      const response = yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(response.stream, 1)), [new Uint8Array(1)])
      assert.deepStrictEqual(states(), ["answered", "answered"])
      yield* TestClock.adjust("1 second")
      for (const { responseBody } of network.calls) assert.include(["cancelled", "broken"], responseBody)
    })
  )

  it.effect("client hedge: that have lost are not waited for, however slowly they end", () =>
    Effect.gen(function* () {
      let entered = 0
      const lingering = ClientHandler.make("lingering", {
        run: () =>
          Effect.suspend(() =>
            entered++ === 0 ? Effect.onInterrupt(Effect.never, () => Effect.sleep("1 hour")) : Effect.void
          )
      })
      const network = TestClient.make(TestClient.once({}, { body: "quick" }))
      const client = ClientChain.make("c")
        .use(hedge({ delay: 1000 }))
        .use(lingering)
        .pipe(ClientChain.over(network.client))
      const fiber = yield* start(Effect.flatMap(client.execute(get), ({ text }) => text))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "quick")
    })
  )
})
