/** Limits of connections, streams and rates; the circuit breaker. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Endpoint, EndpointHooks, HookChain } from "fairlead/endpoint"
import { circuitBreaker, connectionLimit, rateLimit, streamLimit } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { limiter } from "../../kit/Limiter.ts"
import { chainOf, code, echo, eventually, pair, peer, reasonOf, rejecting } from "../Peers.ts"
import { knocksOf, scripted } from "../Scripted.ts"

it.effect("endpoint: one connection too many is closed with 429, and each that ends makes room", () =>
  Effect.gen(function* () {
    const bob = yield* peer(connectionLimit({ maxConnections: 3, maxPerPeer: 2 }))
    const [ada, eve] = [yield* peer(), yield* peer()]
    const first = yield* ada.connect(bob.addr, echo)
    yield* ada.connect(bob.addr, echo)
    const third = yield* ada.connect(bob.addr, echo)
    assert.deepInclude(yield* third.closed, { code: code(429), reason: "too many connections of this peer" })

    yield* eve.connect(bob.addr, echo)
    const fifth = yield* eve.connect(bob.addr, echo)
    assert.deepInclude(yield* fifth.closed, { code: code(429), reason: "too many connections" })

    const [one] = [yield* bob.accept, yield* bob.accept, yield* bob.accept]
    yield* first.close(code(0), "")
    yield* one.closed
    yield* Effect.yieldNow
    yield* eve.connect(bob.addr, echo)
    assert.strictEqual((yield* bob.accept).remoteId, eve.id)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a connection that a later hook rejects does not go on counting", () =>
  Effect.gen(function* () {
    const bob = yield* peer(connectionLimit({ maxConnections: 1 }), rejecting("later", "afterHandshake"))
    const ada = yield* peer()
    for (let time = 0; time < 3; time++) {
      const connection = yield* ada.connect(bob.addr, echo)
      assert.deepInclude(yield* connection.closed, { code: code(418) })
      yield* Effect.yieldNow
    }
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: one peer too many in its handshake is refused", () =>
  Effect.gen(function* () {
    let stuck = 0
    const slow = EndpointHooks.make("slow", {
      afterHandshake: () =>
        Effect.andThen(
          Effect.sync(() => stuck++),
          Effect.never
        )
    })
    const bob = yield* peer(connectionLimit({ maxPending: 1 }), slow)
    const ada = yield* peer()
    yield* ada.connect(bob.addr, echo)
    yield* eventually(() => stuck === 1)
    assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
    yield* TestClock.adjust("10 seconds")
    yield* ada.connect(bob.addr, echo)
    yield* eventually(() => stuck === 2)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect(
  "endpoint: an endpoint refuses peers beyond maxPending, those that the application has not taken among them",
  () =>
    Effect.gen(function* () {
      const bob = yield* Endpoint.make({ alpns: [echo], maxPending: 2 })
      const ada = yield* peer()
      yield* ada.connect(bob.addr, echo)
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
    }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: one stream too many is rejected, and each that ends makes room", () =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* peer(streamLimit({ maxStreams: 2 })), yield* peer()]
    const here = yield* ada.connect(bob.addr, echo)
    const there = yield* bob.accept
    const scope = yield* Scope.make()
    yield* Scope.provide(here.openUni, scope)
    yield* here.openBi
    assert.deepInclude(yield* reasonOf(here.openUni), { _tag: "Rejected", code: code(429) } as const)
    yield* Scope.close(scope, Exit.void)

    // One that the peer opens takes the place; the next is stopped.
    const wanted = yield* there.openUni
    yield* wanted.write(new Uint8Array(1))
    yield* here.acceptUni
    const unwanted = yield* there.openUni
    yield* unwanted.write(new Uint8Array(1))
    yield* Effect.forkScoped(here.acceptUni, { startImmediately: true })
    assert.deepInclude(yield* reasonOf(Effect.forever(unwanted.write(new Uint8Array(1)))), { code: code(429) })

    // Another connection has a count of its own.
    const other = yield* ada.connect(bob.addr, echo)
    yield* other.openUni
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a stream that a later hook rejects does not go on counting", () =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* peer(streamLimit({ maxStreams: 1 }), rejecting("later", "onStreamOpen")), yield* peer()]
    const here = yield* ada.connect(bob.addr, echo)
    // All in one scope, which stays open.
    for (let time = 0; time < 3; time++) {
      assert.deepInclude(yield* reasonOf(here.openUni), { hook: "later", code: code(418) } as const)
    }
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: peers that come too often are refused by address, or rejected by id, and may come later", () =>
  Effect.gen(function* () {
    const rated = (key: "address" | "id") =>
      Endpoint.make({
        alpns: [echo],
        hooks: HookChain.make("rated").use(rateLimit({ key, limit: 2, window: "1 minute", algorithm: "fixed-window" }))
      })
    const [byAddress, byId, ada] = [yield* rated("address"), yield* rated("id"), yield* peer()]
    yield* ada.connect(byAddress.addr, echo)
    yield* ada.connect(byAddress.addr, echo)
    assert.strictEqual((yield* reasonOf(ada.connect(byAddress.addr, echo)))._tag, "ConnectionRefused")

    yield* ada.connect(byId.addr, echo)
    yield* ada.connect(byId.addr, echo)
    const third = yield* ada.connect(byId.addr, echo)
    assert.deepInclude(yield* third.closed, { code: code(429), reason: "too often" })

    yield* TestClock.adjust("1 minute")
    yield* ada.connect(byAddress.addr, echo)
    // Its own dials are not bounded.
    for (let time = 0; time < 3; time++) yield* byId.connect(ada.addr, echo)
  }).pipe(Effect.provide([TestEndpoint.layer(), limiter]), Effect.scoped)
)

it.effect("endpoint: keys of a rate beyond maxKeys share one", () =>
  Effect.gen(function* () {
    const hooks = HookChain.make("rated").use(rateLimit({ limit: 1, window: "1 minute", maxKeys: 1 }))
    const bob = yield* Endpoint.make({ alpns: [echo], hooks })
    const [ada, eve, mia] = [yield* peer(), yield* peer(), yield* peer()]
    yield* ada.connect(bob.addr, echo)
    yield* eve.connect(bob.addr, echo)
    assert.strictEqual((yield* reasonOf(mia.connect(bob.addr, echo)))._tag, "ConnectionRefused")
  }).pipe(Effect.provide([TestEndpoint.layer(), limiter]), Effect.scoped)
)

it.effect("endpoint: a peer that does not answer is not dialled for a while, then once to find out", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const hooks = chainOf([circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(2), openDuration: "1 minute" })])
    const ada = yield* Endpoint.make({ alpns: [], hooks, handshakeTimeout: "1 second" })
    const [bob, eve] = [yield* peer(), yield* peer()]
    const dial = Effect.gen(function* () {
      const dialling = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
      yield* TestClock.adjust("1 second")
      return yield* Fiber.await(dialling)
    })
    const tagOf = (dialled: typeof dial) =>
      Effect.map(Effect.flatten(Effect.map(dialled, reasonOf)), ({ _tag }) => _tag)
    yield* network.setConditions({ loss: 1 })
    assert.strictEqual(yield* tagOf(dial), "TimedOut")
    assert.strictEqual(yield* tagOf(dial), "TimedOut")
    assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), {
      _tag: "Rejected",
      hook: "circuitBreaker",
      code: code(503)
    } as const)

    // After the pause one goes through, the others do not; it fails, and the pause begins anew.
    yield* TestClock.adjust("1 minute")
    const finding = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
    yield* Effect.yieldNow
    assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "Rejected")
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* tagOf(Fiber.await(finding)), "TimedOut")
    assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "Rejected")

    // An interrupted dial says nothing: another may find out.
    yield* TestClock.adjust("1 minute")
    const given = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(given)
    yield* network.setConditions({ loss: 0 })
    yield* ada.connect(bob.addr, echo)
    yield* ada.connect(bob.addr, echo)
    yield* ada.connect(eve.addr, echo)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a flood of streams waits for the reader, and the rest of the connection works", () =>
  Effect.gen(function* () {
    const { here, there } = yield* pair
    let opened = 0
    const flood = yield* Effect.forkScoped(
      Effect.forever(
        Effect.scoped(
          Effect.flatMap(here.openUni, ({ write }) => {
            opened++
            return write(new Uint8Array(1))
          })
        )
      )
    )
    yield* eventually(() => opened === 100)
    yield* TestClock.adjust("1 second")
    assert.strictEqual(opened, 100)
    const { send } = yield* here.openBi
    yield* send.write(new Uint8Array([1]))
    yield* there.acceptBi
    yield* Effect.scoped(Effect.flatMap(there.acceptUni, ({ read }) => Effect.andThen(read(), read())))
    yield* eventually(() => opened === 101)
    yield* Fiber.interrupt(flood)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect.each([
  ["10.0.0.1:1", "10.0.0.1:2", "together"],
  ["[fd00::1]:1", "fd00::1", "together"],
  ["fd00::1", "fd00::2", "together"],
  ["fd00::1", "fd00:0:0:1::1", "apart"],
  ["[::ffff:10.0.0.1]:1", "10.0.0.1:2", "together"],
  ["10.0.0.1:1", "10.0.0.2:1", "apart"],
  ["memory:1", "memory:2", "apart"]
] as const)("endpoint: in a rate by address, %s and %s count %s", ([one, other, how]) =>
  Effect.gen(function* () {
    const { incoming, told } = knocksOf([one, other])
    const hooks = HookChain.make("x").use(rateLimit({ limit: 1, window: "1 minute" }))
    yield* Endpoint.make({ alpns: [echo], hooks }).pipe(scripted({ incoming }))
    yield* eventually(() => told.length === 2)
    assert.strictEqual(told.includes("refuse") ? "together" : "apart", how)
  }).pipe(Effect.provide(limiter), Effect.scoped)
)
