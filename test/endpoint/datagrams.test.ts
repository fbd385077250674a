/** Datagrams over the memory network. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import { Datagrams } from "fairlead/endpoint"
import type { EndpointConnection } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { bytes, code, pair, reasonOf, text } from "./Peers.ts"

const channels = Effect.gen(function* () {
  const { of } = yield* Datagrams.Datagrams
  const { ada, bob, here, there } = yield* pair
  return { ada, bob, connection: here, here: of(here), there: of(there) }
})

it.effect("endpoint: a datagram arrives, both ways, as it was when it was sent", () =>
  Effect.gen(function* () {
    const { connection, here, there } = yield* channels
    const waiting = yield* Effect.forkScoped(there.receive)
    const buffer = bytes("ping")
    yield* here.send(buffer)
    buffer.fill(0)
    assert.strictEqual(text(yield* Fiber.join(waiting)), "ping")
    yield* there.send(bytes("pong"))
    assert.strictEqual(text(yield* here.receive), "pong")
    assert.deepStrictEqual(yield* connection.stats, { bytesSent: 4, bytesReceived: 4 })
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a too large datagram is refused, and none is sent or awaited when the connection has ended", () =>
  Effect.gen(function* () {
    const { connection, here, there } = yield* channels
    assert.deepInclude(yield* reasonOf(here.send(new Uint8Array(1201))), {
      _tag: "DatagramTooLarge",
      size: 1201,
      maxSize: here.maxSize
    } as const)
    yield* here.send(new Uint8Array(1200))
    yield* connection.close(code(3), "done")
    assert.strictEqual((yield* there.receive).length, 1200)
    const closeReason = { _tag: "ApplicationClosed", code: code(3), reason: "done" } as const
    assert.deepInclude(yield* reasonOf(there.receive), { _tag: "ConnectionEnded", closeReason } as const)
    assert.strictEqual((yield* reasonOf(here.send(bytes("x"))))._tag, "ConnectionEnded")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: datagrams that nobody waits for are kept up to a bound, and the oldest are lost", () =>
  Effect.gen(function* () {
    const { here, there } = yield* channels
    for (let number = 0; number < 300; number++) yield* here.send(bytes(String(number)))
    assert.strictEqual(text(yield* there.receive), "44")
    for (let number = 45; number < 300; number++) assert.strictEqual(text(yield* there.receive), String(number))
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: datagrams are lost by chance and between parted endpoints, and may overtake", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const { ada, bob, here, there } = yield* channels
    const got: Array<string> = []
    yield* Effect.forkScoped(
      Effect.forever(Effect.map(there.receive, (datagram) => void got.push(text(datagram)))).pipe(Effect.ignore)
    )
    yield* network.setConditions({ jitter: "1 second" })
    for (let number = 0; number < 20; number++) yield* here.send(bytes(String(number)))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(got.length, 20)
    assert.notDeepEqual(
      got,
      Array.from({ length: 20 }, (_, number) => String(number))
    )

    yield* network.setConditions({ loss: 0.5 })
    for (let number = 0; number < 200; number++) yield* here.send(bytes("x"))
    yield* TestClock.adjust("1 second")
    assert.isAbove(got.length, 20)
    assert.isBelow(got.length, 220)

    // What is underway when they are parted is lost too.
    yield* network.setConditions({ loss: 0, jitter: 0, latency: "1 second" })
    const before = got.length
    yield* here.send(bytes("underway"))
    yield* network.partition(ada.id, bob.id)
    yield* here.send(bytes("parted"))
    yield* TestClock.adjust("2 seconds")
    yield* network.heal(ada.id, bob.id)
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual(got.length, before)
  }).pipe(Effect.provide(TestEndpoint.layer()), Random.withSeed("weather"), Effect.scoped)
)

it.effect("endpoint: a connection of another transport has no datagrams here", () =>
  Effect.gen(function* () {
    const { of } = yield* Datagrams.Datagrams
    const { here } = yield* pair
    const foreign: EndpointConnection.EndpointConnection = { ...here }
    assert.throws(() => of(foreign), "one of another transport")
  }).pipe(Effect.provide(Layer.merge(TestEndpoint.layer(), TestEndpoint.layerDatagrams)), Effect.scoped)
)
