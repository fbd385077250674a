/** What the circuit breaker learns from connections that the peer closes. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Endpoint, EndpointHooks } from "fairlead/endpoint"
import { circuitBreaker } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { chainOf, code, echo, peer, reasonOf } from "../Peers.ts"

const breaker = circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(1), openDuration: "1 second" })

/** A peer whose answer to dials a test sets. */
const guarded = Effect.gen(function* () {
  const door: { answer: "accept" | "refuse" | "reject" } = { answer: "accept" }
  const guard = EndpointHooks.make("guard", {
    beforeAccept: () => (door.answer === "refuse" ? "refuse" : "accept"),
    afterHandshake: () =>
      door.answer === "reject" ? Effect.fail(new EndpointHooks.Reject({ status: 400, reason: "no" })) : Effect.void
  })
  return { ...(yield* peer(guard)), door }
})

const isOpen = { _tag: "Rejected", hook: "circuitBreaker", code: code(503) } as const

it.effect("endpoint2 2.3: a peer that rejects while our own hooks still decide opens the circuit", () =>
  Effect.gen(function* () {
    const slow = EndpointHooks.make("slow", { afterHandshake: () => Effect.sleep("100 millis") })
    const ada = yield* Endpoint.make({ alpns: [], hooks: chainOf([breaker, slow]) })
    const bob = yield* guarded
    bob.door.answer = "reject"
    const dialling = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
    yield* TestClock.adjust("200 millis")
    assert.strictEqual((yield* reasonOf(Fiber.join(dialling)))._tag, "ConnectionEnded")
    assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), isOpen)
  }).pipe(Effect.provide(TestEndpoint.layer({ latency: "10 millis" })), Effect.scoped)
)

it.effect("endpoint2 2.3: a connection counts for the dial that it came of, also while others are under way", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const ada = yield* Endpoint.make({ alpns: [], hooks: chainOf([breaker]), handshakeTimeout: "1 hour" })
    const bob = yield* guarded
    yield* network.setConditions({ loss: 1 })
    yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
    yield* Effect.yieldNow
    yield* network.setConditions({ loss: 0 })
    bob.door.answer = "refuse"
    assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")

    yield* TestClock.adjust("1 second")
    bob.door.answer = "reject"
    const trial = yield* ada.connect(bob.addr, echo)
    assert.deepInclude(yield* trial.closed, { _tag: "ApplicationClosed", code: code(400) })
    yield* Effect.yieldNow
    assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), isOpen)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)
