import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import { bodyLimit, circuitBreaker, timeouts } from "fairlead/client/handlers"

import { start } from "../../kit/Starting.ts"
import { begun, once, passing, setup, status, twice } from "./Breaking.ts"
import type { Inner } from "./Breaking.ts"
import { serving, transports } from "./Hostile.ts"

describe("the body", () => {
  it.effect("client breaker: one that breaks off makes a failure of its call", () =>
    Effect.gen(function* () {
      const { answered, changes } = setup({ tripPolicy: twice })
      yield* answered(begun(Stream.fail("reset")))
      assert.deepStrictEqual(changes, [])
      yield* answered(begun(Stream.fail("reset")))
      assert.deepStrictEqual(changes, ["Closed Open"])
    })
  )

  it.effect("client breaker: one that breaks off counts once, and not when it has left the window", () =>
    Effect.gen(function* () {
      const { answered, call, changes, network } = setup({ tripPolicy: twice })
      network.answer = () => begun(Stream.fail("reset"))
      const early = yield* call
      yield* Effect.exit(early.text)
      yield* Effect.exit(Stream.runDrain(early.stream))
      assert.deepStrictEqual(changes, [])
      network.answer = () => begun(Stream.fail("reset"))
      const late = yield* call
      yield* answered(status(200))
      yield* answered(status(200))
      yield* Effect.exit(late.text)
      yield* answered(status(503))
      assert.deepStrictEqual(changes, [])
    })
  )

  it.effect("client breaker: one that runs into a time-out does too, declared earlier or later", () =>
    Effect.gen(function* () {
      const timing = timeouts({ idle: 1000 })
      for (const [inner, outer] of [
        [timing, passing],
        [passing, timing],
        [passing, timeouts({ total: 500 })]
      ] as const) {
        const { answered, changes } = setup({ tripPolicy: once }, inner, outer)
        const fiber = yield* start(answered(begun(Stream.never)))
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
        assert.deepStrictEqual(changes, ["Closed Open"])
      }
    })
  )

  it.effect("client breaker: a whole, empty, unread or too large one does not, nor one whose reader leaves", () =>
    Effect.gen(function* () {
      const { answered, call, isOpen, network } = setup({ tripPolicy: once }, bodyLimit({ maxBytes: 100 }))
      assert.deepStrictEqual(yield* answered(status(200)), Exit.succeed("body"))
      assert.deepStrictEqual(yield* answered(status(204)), Exit.succeed(""))
      yield* Effect.exit(Effect.flatMap(call, ({ stream }) => Stream.runDrain(stream)))
      const large = yield* answered(new Response(Stream.toReadableStream(Stream.make(new Uint8Array(101)))))
      assert.isTrue(Exit.isFailure(large))
      network.answer = () => begun(Stream.never)
      yield* call
      yield* Effect.flatMap(call, ({ stream }) => Stream.runDrain(Stream.take(stream, 1)))
      const reading = yield* start(Effect.flatMap(call, ({ text }) => text))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(reading)
      network.answer = () => status(200)
      const own = yield* Effect.exit(
        Effect.flatMap(call, ({ stream }) => Stream.runForEach(stream, () => Effect.fail("the reader's own")))
      )
      assert.isTrue(Exit.isFailure(own))
      assert.isFalse(yield* isOpen)
    })
  )
})

describe("the probe", () => {
  /** A circuit that was open for a second, and is due. */
  const due = (inner?: Inner) =>
    Effect.gen(function* () {
      const all = setup({ tripPolicy: once, openDuration: 1000 }, inner)
      yield* all.answered("broken")
      yield* TestClock.adjust(999)
      assert.isTrue(yield* all.isOpen)
      yield* TestClock.adjust(1)
      all.changes.length = all.sent.length = 0
      return all
    })

  it.effect("client breaker: one call at a time is let through, and the others fail", () =>
    Effect.gen(function* () {
      const { call, changes, network, refused, sent } = yield* due()
      network.answer = () => Effect.delay(Effect.succeed(status(200)), 400)
      const probe = yield* start(call)
      const error = yield* refused
      assert.strictEqual(error?.state, "HalfOpen")
      assert.strictEqual(sent.length, 1)
      yield* TestClock.adjust(400)
      yield* Fiber.join(probe)
      assert.deepStrictEqual(changes, ["Open HalfOpen", "HalfOpen Closed"])
      assert.isUndefined(yield* Effect.andThen(start(call), Effect.as(start(call), undefined)))
      assert.strictEqual(sent.length, 3)
    })
  )

  it.effect("client breaker: one that fails opens the circuit again", () =>
    Effect.gen(function* () {
      const { answered, changes, refused } = yield* due()
      yield* answered(status(500))
      assert.deepStrictEqual(changes, ["Open HalfOpen", "HalfOpen Open"])
      assert.strictEqual(Duration.toMillis((yield* refused)?.retryAfter ?? 0), 2000)
    })
  )

  it.effect(
    "client breaker: one whose body breaks off opens the circuit again, unless it has been closed for long",
    () =>
      Effect.gen(function* () {
        for (const [wait, reopens] of [
          [999, true],
          [1000, false]
        ] as const) {
          const { call, changes, network } = yield* due()
          network.answer = () => begun(Stream.fail("reset"))
          const probe = yield* call
          network.answer = () => status(200)
          yield* call
          assert.deepStrictEqual(changes, ["Open HalfOpen", "HalfOpen Closed"])
          yield* TestClock.adjust(wait)
          yield* Effect.exit(probe.text)
          assert.strictEqual(changes.includes("Closed Open"), reopens)
        }
      })
  )

  it.effect("client breaker: an interrupted one, or one answered by an inner handler, makes place for the next", () =>
    Effect.gen(function* () {
      const interrupted = yield* due()
      interrupted.network.answer = () => Effect.never
      yield* Fiber.interrupt(yield* start(interrupted.call))
      assert.deepStrictEqual(interrupted.changes, ["Open HalfOpen"])
      yield* interrupted.answered(status(200))
      assert.deepStrictEqual(interrupted.changes, ["Open HalfOpen", "HalfOpen Closed"])

      let halts = false
      const halting = ClientHandler.make("halting", {
        run: ({ request }) => (halts ? ClientHandler.halt(HttpClientResponse.fromWeb(request, status(503))) : undefined)
      })
      const halted = yield* due(halting)
      halts = true
      yield* halted.call
      assert.deepStrictEqual(halted.changes, ["Open HalfOpen"])
      halts = false
      yield* halted.answered(status(200))
      assert.deepStrictEqual(halted.changes, ["Open HalfOpen", "HalfOpen Closed"])
    })
  )

  it.effect(
    "client breaker: one keeps its place when a request that an inner handler makes for itself is interrupted",
    () =>
      Effect.gen(function* () {
        let asks = false
        const asking = ClientHandler.make("asking", {
          run: ({ inner, request }) =>
            asks ? Effect.asVoid(Effect.timeoutOption(inner.execute(request), 100)) : undefined
        })
        const { call, network, refused, sent } = yield* due(asking)
        asks = true
        network.answer = () => Effect.never
        yield* start(call)
        yield* TestClock.adjust(100)
        assert.strictEqual(sent.length, 2)
        assert.strictEqual((yield* refused)?.state, "HalfOpen")
      })
  )

  it.effect("client breaker: one that takes longer than the circuit was open makes place too, and counts still", () =>
    Effect.gen(function* () {
      const { call, changes, network, refused, sent } = yield* due()
      network.answer = () => Effect.delay(Effect.succeed(status(200)), 1500)
      const slow = yield* start(call)
      yield* TestClock.adjust(999)
      assert.strictEqual((yield* refused)?.state, "HalfOpen")
      yield* TestClock.adjust(1)
      network.answer = () => Effect.never
      yield* start(call)
      assert.strictEqual(sent.length, 2)
      yield* TestClock.adjust(500)
      yield* Fiber.join(slow)
      assert.deepStrictEqual(changes, ["Open HalfOpen", "HalfOpen Closed"])
    })
  )
})

describe.each(transports)("circuitBreaker over %s", (_, transport) => {
  const cutting = Effect.gen(function* () {
    const server = { requests: 0, isWell: false }
    const { url } = yield* serving((_, response) => {
      server.requests++
      if (server.isWell) response.end("whole")
      else response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy())
    })
    return { server, url }
  })

  it.live("client breaker: a server that cuts its bodies gets no more requests", () =>
    Effect.gen(function* () {
      const { server, url } = yield* cutting
      const client = ClientChain.make("c")
        .use(circuitBreaker({ tripPolicy: twice, openDuration: "1 minute" }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const text = Effect.flatMap(client.get(url), ({ text }) => text)
      const errors = yield* Effect.forEach([1, 2, 3, 4], () => Effect.flip(text))
      assert.deepStrictEqual(
        errors.map(({ _tag }) => _tag),
        ["HttpClientError", "HttpClientError", "CircuitBreakerError", "CircuitBreakerError"]
      )
      assert.strictEqual(server.requests, 2)
    }).pipe(Effect.provide(transport))
  )

  it.live("client breaker: a recovered server is found by a probe", () =>
    Effect.gen(function* () {
      const { server, url } = yield* cutting
      const client = ClientChain.make("c")
        .use(circuitBreaker({ tripPolicy: once, openDuration: 1 }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const text = Effect.flatMap(client.get(url), ({ text }) => text)
      yield* Effect.flip(text)
      server.isWell = true
      const found = Effect.retry(text, { while: isCircuitOpen, schedule: Schedule.spaced(5) })
      assert.strictEqual(yield* found, "whole")
      assert.strictEqual(server.requests, 2)
    }).pipe(Effect.provide(transport))
  )
})

const isCircuitOpen = (error: unknown): boolean => error instanceof CircuitBreaker.CircuitBreakerError
