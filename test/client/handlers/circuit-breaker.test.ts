import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"
import { circuitBreaker, retry, timeouts } from "fairlead/client/handlers"
import type { CircuitBreakerOptions } from "fairlead/client/handlers"

import { start } from "../../kit/Starting.ts"
import { get, once, passing, setup, status, twice } from "./Breaking.ts"
import { scripted } from "./Hostile.ts"
import type { Answer } from "./Hostile.ts"

describe("an open circuit", () => {
  it.effect("client breaker: half of the last 20 calls that fail, 10 at least, open it, and calls fail unsent", () =>
    Effect.gen(function* () {
      const cold = setup()
      for (let call = 0; call < 9; call++) yield* cold.answered(status(503))
      assert.deepStrictEqual(cold.changes, [])
      yield* cold.answered("broken")
      assert.deepStrictEqual(cold.changes, ["Closed Open"])
      const error = yield* cold.refused
      assert.deepStrictEqual([error?.key, error?.state], ["http://a.test", "Open"])
      assert.strictEqual(cold.sent.length, 10)

      const warm = setup()
      for (let call = 0; call < 30; call++) yield* warm.answered(status(200))
      for (let call = 0; call < 9; call++) yield* warm.answered(status(503))
      assert.deepStrictEqual(warm.changes, [])
      yield* warm.answered(status(503))
      assert.deepStrictEqual(warm.changes, ["Closed Open"])
    })
  )

  it.effect(
    "client breaker: failures in a row open it where the policy says so, and a success between them does not",
    () =>
      Effect.gen(function* () {
        const { answered, changes } = setup({ tripPolicy: CircuitBreaker.consecutive(3) })
        for (const code of [503, 503, 200, 503, 503]) yield* answered(status(code))
        assert.deepStrictEqual(changes, [])
        yield* answered(status(503))
        assert.deepStrictEqual(changes, ["Closed Open"])
      })
  )

  it.effect("client breaker: the error says what is broken and for how long, and retry does not retry it", () =>
    Effect.gen(function* () {
      const { answered, refused, sent } = setup(
        { tripPolicy: once, openDuration: "3 seconds" },
        passing,
        retry({ times: 5 })
      )
      yield* start(answered(status(503)))
      yield* TestClock.adjust("1 second")
      const error = yield* refused
      assert.strictEqual(error && Duration.toMillis(error.retryAfter), 2000)
      assert.strictEqual(error?.key, "http://a.test")
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("client breaker: each origin has its own, or each key", () =>
    Effect.gen(function* () {
      const reached = (options: CircuitBreakerOptions, url: string) =>
        Effect.gen(function* () {
          const { answered, client, sent } = setup({ tripPolicy: once, ...options })
          yield* answered(status(503))
          yield* Effect.exit(client.get(url))
          return sent.length === 2
        })
      assert.isFalse(yield* reached({}, "http://me:pass@a.test/other?q=1"))
      assert.isTrue(yield* reached({}, "https://a.test/path"))
      assert.isTrue(yield* reached({}, "http://a.test:81/path"))
      const key = ({ method }: ClientHandler.Request) => method
      assert.isFalse(yield* reached({ key }, "http://b.test/"))
    })
  )

  it.effect(
    "client breaker: it is open longer at each opening in a row, and as long as the failure asks, up to a bound",
    () =>
      Effect.gen(function* () {
        const { answered, refused } = setup({ tripPolicy: once, openDuration: 1000, maxOpenDuration: 3000 })
        const opened = (answer: Answer) =>
          Effect.gen(function* () {
            yield* answered(answer)
            const wait = Duration.toMillis((yield* refused)?.retryAfter ?? 0)
            yield* TestClock.adjust(wait)
            return wait
          })
        assert.strictEqual(yield* opened(status(503)), 1000)
        assert.strictEqual(yield* opened("broken"), 2000)
        assert.strictEqual(yield* opened("broken"), 3000)
        assert.strictEqual(yield* opened("broken"), 3000)
        // Closed for less than it was open, and then for as long.
        yield* answered(status(200))
        yield* TestClock.adjust(2999)
        assert.strictEqual(yield* opened("broken"), 3000)
        yield* answered(status(200))
        yield* TestClock.adjust(3000)
        assert.strictEqual(yield* opened(status(503, { "retry-after": "2" })), 2000)
        assert.strictEqual(yield* opened(status(503, { "retry-after": "1" })), 2000)
        assert.strictEqual(yield* opened(status(503, { "retry-after": "9999" })), 3000)
      })
  )

  it.effect("client breaker: it is open for 5 seconds by default, and for a minute at most", () =>
    Effect.gen(function* () {
      const { answered, refused } = setup({ tripPolicy: once })
      const waits: Array<number> = []
      for (let opening = 0; opening < 6; opening++) {
        yield* answered("broken")
        waits.push(Duration.toMillis((yield* refused)?.retryAfter ?? 0))
        yield* TestClock.adjust(waits.at(-1)!)
      }
      assert.deepStrictEqual(waits, [5000, 10_000, 20_000, 40_000, 60_000, 60_000])
    })
  )

  it.effect("client2 1.1: a handler used in several chains has separate circuits in each", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => status(503))
      const breaker = circuitBreaker({ tripPolicy: once })
      const [one, other] = ["one", "other"].map((name) =>
        ClientChain.make(name).use(breaker).pipe(ClientChain.over(transport))
      )
      yield* one!.execute(get)
      assert.strictEqual((yield* Effect.flip(one!.execute(get)))._tag, "CircuitBreakerError")
      assert.strictEqual((yield* other!.execute(get)).status, 503)
      assert.strictEqual(sent.length, 2)
    })
  )

  it.effect("client breaker: an observer of its transitions neither delays a call nor makes it fail", () =>
    Effect.gen(function* () {
      let told = 0
      for (const listening of [Effect.never, Effect.die("defect")]) {
        const onChange = () =>
          Effect.andThen(
            Effect.sync(() => void told++),
            listening
          )
        const { transport } = scripted(() => status(503))
        const client = ClientChain.make("c")
          .use(circuitBreaker({ tripPolicy: once, onTransition: onChange }))
          .pipe(ClientChain.over(transport))
        assert.strictEqual((yield* client.execute(get)).status, 503)
      }
      assert.strictEqual(told, 2)
    })
  )

  it("client breaker: options that cannot work are refused", () => {
    for (const options of [{ maxKeys: 0 }, { openDuration: 0 }, { maxOpenDuration: 0 }, { maxKeys: Number.NaN }]) {
      assert.throws(() => circuitBreaker(options), InvalidOption, "is not allowed: use")
    }
  })
})

describe("the outcomes that count", () => {
  it.effect(
    "client breaker: 500, 502, 503, 504 and transport errors do; an answer of any other status is a success",
    () =>
      Effect.gen(function* () {
        for (const code of [200, 204, 302, 400, 404, 408, 421, 429, 500, 501, 502, 503, 504, 505]) {
          const fails = [500, 502, 503, 504].includes(code)
          const { answered, isOpen } = setup({ tripPolicy: twice })
          yield* answered("broken")
          yield* answered(status(code))
          assert.strictEqual(yield* isOpen, fails, `${code}`)
          yield* answered("broken")
          assert.strictEqual(yield* isOpen, fails, `${code} is a success`)
        }
      })
  )

  it.effect("client breaker: a status that the client makes an error of counts as that status", () =>
    Effect.gen(function* () {
      for (const code of [404, 503]) {
        const changes = code === 503 ? ["Closed Open"] : []
        const seen: Array<string> = []
        const onChange = ({ from, to }: CircuitBreaker.Transition) => Effect.sync(() => void seen.push(`${from} ${to}`))
        const { transport } = scripted((_, __, call) => status(call === 2 ? code : 503))
        const client = ClientChain.make("c")
          .use(circuitBreaker({ tripPolicy: twice, onTransition: onChange }))
          .pipe(ClientChain.over(HttpClient.filterStatusOk(transport)))
        yield* Effect.exit(client.execute(get))
        yield* Effect.exit(client.execute(get))
        assert.deepStrictEqual(seen, changes)
        yield* Effect.exit(client.execute(get))
        assert.deepStrictEqual(seen, changes)
      }
    })
  )

  it.effect("client breaker: a time-out does, whether it is declared earlier or later", () =>
    Effect.gen(function* () {
      const timing = timeouts({ headers: 1000 })
      for (const [inner, outer] of [
        [timing, passing],
        [passing, timing],
        [passing, timeouts({ total: 500 })]
      ] as const) {
        const { answered, changes } = setup({ tripPolicy: once }, inner, outer)
        const fiber = yield* start(answered(Effect.never))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(changes, ["Closed Open"])
      }
    })
  )

  it.effect("client breaker: other errors, refusals, defects and answers of an inner handler count neither way", () =>
    Effect.gen(function* () {
      const outcomes = [
        () => Exit.fail("refused" as const),
        ...[
          new ClientHandler.FollowUpError({
            reason: { _tag: "TooManyFollowUps", maxFollowUps: 1 },
            cycles: 1,
            handler: "below"
          }),
          new TypeError("fetch failed", { cause: { code: "CERT_HAS_EXPIRED" } })
        ].map((cause) => ({ request }: ClientHandler.Exchange) => {
          const reason = new HttpClientError.TransportError({ request, cause })
          return Exit.fail(new HttpClientError.HttpClientError({ reason }))
        }),
        () => Exit.die("defect"),
        (exchange: ClientHandler.Exchange) =>
          ClientHandler.halt(HttpClientResponse.fromWeb(exchange.request, status(503))),
        (exchange: ClientHandler.Exchange) =>
          ClientHandler.halt(HttpClientResponse.fromWeb(exchange.request, status(200)))
      ]
      for (const outcome of outcomes) {
        let isOn = true
        const inner = ClientHandler.make("inner", {
          run: (exchange) => (isOn ? outcome(exchange) : undefined)
        })
        const { answered, changes } = setup({ tripPolicy: twice }, inner)
        yield* answered(status(200))
        yield* answered(status(200))
        isOn = false
        yield* answered("broken")
        isOn = true
        yield* answered(status(200))
        isOn = false
        assert.deepStrictEqual(changes, [])
        yield* answered("broken")
        assert.deepStrictEqual(changes, ["Closed Open"])
      }
    })
  )

  it.effect("client breaker: the options can say what an outcome counts as", () =>
    Effect.gen(function* () {
      const classify: CircuitBreakerOptions["classify"] = (outcome) => {
        if (outcome._tag === "Failure") return CircuitBreaker.ignored
        return outcome.response.status === 429 ? CircuitBreaker.failure() : CircuitBreaker.success
      }
      const { answered, changes } = setup({ tripPolicy: twice, classify })
      for (const answer of [status(429), status(503), "broken", status(429)] as const) yield* answered(answer)
      assert.deepStrictEqual(changes, [])
      yield* answered("broken")
      yield* answered(status(429))
      assert.deepStrictEqual(changes, ["Closed Open"])
    })
  )

  it.effect("client breaker: calls from before the last change of the circuit no longer count", () =>
    Effect.gen(function* () {
      const { call, changes, network } = setup({ tripPolicy: once, openDuration: 1000 })
      network.answer = () => Effect.delay(Effect.succeed(status(503)), 1500)
      const late = yield* start(call)
      network.answer = () => Effect.delay(Effect.succeed(status(503)), 100)
      yield* start(call)
      yield* TestClock.adjust(1100)
      network.answer = () => status(200)
      yield* call
      yield* TestClock.adjust(400)
      assert.strictEqual((yield* Fiber.join(late)).status, 503)
      assert.deepStrictEqual(changes, ["Closed Open", "Open HalfOpen", "HalfOpen Closed"])
    })
  )
})
