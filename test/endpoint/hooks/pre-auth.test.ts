/** Pre-authentication over time, behind a router; its rules are in the contract. */
import { inspect } from "node:util"

import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Endpoint, HookChain, ProtocolRouter } from "fairlead/endpoint"
import { circuitBreaker, preAuthAcceptor, preAuthAlpn, preAuthDialer } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { logsOf, shown } from "../../server/Logs.ts"
import { code, echo, peer, reasonOf } from "../Peers.ts"

const token = Redacted.make("open sesame")

/** A router behind an authentication, which counts how often a token is shown. */
const guarded = ({ good = true } = {}) =>
  Effect.gen(function* () {
    let times = 0
    const auth = preAuthAcceptor({
      timeToLive: "1 hour",
      timeout: "5 seconds",
      verify: () =>
        Effect.sync(() => {
          times++
          return good
        })
    })
    const router = ProtocolRouter.make("x")
      .route(auth.alpn, auth.handler)
      .route(echo, () => Effect.never)
    const hooks = HookChain.make("door").use(auth.hooks)
    const context = yield* Layer.build(ProtocolRouter.layer(router, { hooks, grace: 0 }))
    return { ...Context.get(context, Endpoint.Endpoint), times: () => times }
  })

it.effect("endpoint 7: a success counts for its time on both sides, and admitted connections stay", () =>
  Effect.gen(function* () {
    const bob = yield* guarded()
    const [ada, eager] = [
      yield* peer(preAuthDialer({ token, timeToLive: "2 hours" })),
      yield* peer(preAuthDialer({ token, timeToLive: "1 minute" }))
    ]
    const first = yield* ada.connect(bob.addr, echo)
    yield* eager.connect(bob.addr, echo)
    assert.strictEqual(bob.times(), 2)
    yield* TestClock.adjust("1 minute")
    yield* ada.connect(bob.addr, echo)
    assert.strictEqual(bob.times(), 2)
    yield* eager.connect(bob.addr, echo)
    assert.strictEqual(bob.times(), 3)

    // The acceptor has forgotten first: the dialer is told, and shows the token again.
    yield* TestClock.adjust("1 hour")
    const forgotten = yield* ada.connect(bob.addr, echo)
    assert.deepInclude(yield* forgotten.closed, { code: code(403), reason: "not authenticated" })
    yield* Effect.yieldNow
    yield* ada.connect(bob.addr, echo)
    assert.strictEqual(bob.times(), 4)
    yield* first.close(code(0), "")
    assert.strictEqual((yield* first.closed)._tag, "LocallyClosed")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect(
  "endpoint 7: who shows nothing is closed in time, who shows too much at once, and a peer that answers nothing fails the dial in time",
  () =>
    Effect.gen(function* () {
      const bob = yield* guarded()
      const mute = yield* peer()
      const connection = yield* mute.connect(bob.addr, preAuthAlpn)
      yield* connection.openBi
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* connection.closed, { code: code(403), reason: "the authentication took too long" })

      const long = yield* mute.connect(bob.addr, preAuthAlpn)
      yield* Effect.flatMap(long.openUni, ({ write }) => write(new Uint8Array(1))) // is not looked at
      const { send } = yield* long.openBi
      yield* send.write(new Uint8Array(4097))
      assert.deepInclude(yield* long.closed, { code: code(403), reason: "the token is too long" })
      assert.strictEqual(bob.times(), 0)

      // One that speaks the protocol, and says nothing.
      const silent = yield* Endpoint.make({ alpns: [preAuthAlpn, echo] })
      const ada = yield* peer(preAuthDialer({ token, timeout: "3 seconds" }))
      const dialling = yield* Effect.forkScoped(reasonOf(ada.connect(silent.addr, echo)))
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude(yield* Fiber.join(dialling), {
        hook: "preAuthDialer",
        text: "the hook took too long"
      } as const)

      // One that does not speak it.
      assert.deepInclude(yield* reasonOf(ada.connect(mute.addr, echo)), {
        hook: "preAuthDialer",
        text: "the authentication found nobody"
      } as const)
    }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint 7: the token is in no error and in no log", () =>
  Effect.gen(function* () {
    const [error, lines] = yield* logsOf(
      Effect.gen(function* () {
        const bob = yield* guarded({ good: false })
        const ada = yield* peer(preAuthDialer({ token }))
        return yield* Effect.flip(ada.connect(bob.addr, echo))
      }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
    )
    const all = [
      inspect(error, { depth: null, showHidden: true }),
      String(error.stack),
      error.message,
      ...lines.map(shown)
    ].join("\n")
    assert.include(all, "did not accept the token")
    assert.notInclude(all, "open sesame")
  })
)

it("endpoint 7: a too long token is refused by the constructor", () => {
  assert.throws(() => preAuthDialer({ token: Redacted.make("x".repeat(4097)) }), "more than 4096 bytes")
})

it.effect("endpoint 7: after the authentication a circuit breaker counts its dials, and lets one find out", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const bob = yield* guarded()
    const ada = yield* peer(
      preAuthDialer({ token, timeout: "15 seconds" }),
      circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(1), openDuration: "1 minute" })
    )
    yield* network.setConditions({ loss: 1 })
    const lost = yield* Effect.forkScoped(reasonOf(ada.connect(bob.addr, echo)))
    yield* TestClock.adjust("10 seconds")
    assert.deepInclude(yield* Fiber.join(lost), { _tag: "Rejected", hook: "preAuthDialer" } as const)
    yield* network.setConditions({ loss: 0 })
    yield* TestClock.adjust("50 seconds")
    assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "Rejected")
    assert.strictEqual(bob.times(), 0)
    yield* TestClock.adjust("10 seconds")
    yield* ada.connect(bob.addr, echo)
    assert.strictEqual(bob.times(), 1)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)
