/** The memory network's weather, under the TestClock. */
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import { Endpoint, EndpointHooks } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { boundTo } from "./Bound.ts"
import { bytes, chat, code, echo, pair, peer, readText, reasonOf } from "./Peers.ts"

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const value = yield* effect
    return [value, (yield* Clock.currentTimeMillis) - before] as const
  })

/** Runs with a clock that is moved on whenever all wait. */
const moving = <A, E, R>(effect: Effect.Effect<A, E, R>, step = 1) =>
  Effect.raceFirst(effect, Effect.forever(TestClock.adjust(step)))

it.layer(TestEndpoint.layer({ latency: 20 }))("latency", (it) => {
  it.effect("endpoint: a dial takes a round trip, a byte half of one", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer()]
      const [here, dialled] = yield* moving(timed(ada.connect(bob.addr, echo)))
      assert.strictEqual(dialled, 40)
      const [there, accepted] = yield* moving(timed(bob.accept))
      assert.strictEqual(accepted, 20)
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("hi"))))
      const [recv, seen] = yield* moving(timed(there.acceptUni))
      assert.strictEqual(seen, 20)
      assert.strictEqual(yield* moving(readText(recv)), "hi")
    })
  )
})

it.effect("endpoint: jitter changes when bytes arrive, not their order", () =>
  Effect.gen(function* () {
    const { here, there } = yield* moving(pair)
    const send = yield* here.openUni
    for (const letter of "abcdefghij") yield* send.write(bytes(letter))
    yield* send.finish
    assert.strictEqual(yield* moving(readText(yield* moving(there.acceptUni))), "abcdefghij")
  }).pipe(Effect.provide(TestEndpoint.layer({ jitter: 50 })), Random.withSeed("jitter"), Effect.scoped)
)

it.effect("endpoint: a lost packet is not answered, and the dial runs into its time-out", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const [ada, bob] = [yield* peer(), yield* peer()]
    yield* network.setConditions({ loss: 1 })
    const [lost, waited] = yield* moving(timed(reasonOf(ada.connect(bob.addr, echo))), 100)
    assert.deepStrictEqual([lost._tag, waited], ["TimedOut", 10_000])
    yield* network.setConditions({ loss: 0 })
    yield* ada.connect(bob.addr, echo)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: nobody answers where nobody is, nor when the peer ignores", () =>
  Effect.gen(function* () {
    const deaf = EndpointHooks.make("deaf", { beforeAccept: () => "ignore" })
    const ada = yield* Endpoint.make({ alpns: [], handshakeTimeout: "3 seconds" })
    const bob = yield* peer(deaf)
    for (const addr of [bob.addr, { id: bob.id, addrs: ["memory:999"] }]) {
      const [reason, waited] = yield* moving(timed(reasonOf(ada.connect(addr, echo))), 100)
      assert.deepStrictEqual([reason._tag, waited], ["TimedOut", 3000])
    }
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a peer that must prove its address comes again with it proven", () =>
  Effect.gen(function* () {
    const seen: Array<boolean> = []
    const careful = EndpointHooks.make("careful", {
      beforeAccept: ({ validated }) => {
        seen.push(validated)
        return validated ? "accept" : "retry"
      }
    })
    const [ada, bob] = [yield* peer(), yield* peer(careful)]
    yield* ada.connect(bob.addr, echo)
    assert.deepStrictEqual(seen, [false, true])

    // Asked again for what is proven, it is refused.
    const never = yield* peer(EndpointHooks.make("never", { beforeAccept: () => "retry" }))
    assert.strictEqual((yield* reasonOf(ada.connect(never.addr, echo)))._tag, "ConnectionRefused")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: during a partition nothing passes, and waiting data arrives when it is healed in time", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const { ada, bob, here, there } = yield* pair
    yield* network.partition(bob.id, ada.id)
    yield* network.partition(ada.id, bob.id)
    yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("late"))))
    const reading = yield* Effect.forkScoped(Effect.scoped(Effect.flatMap(there.acceptUni, readText)))
    yield* TestClock.adjust("29 seconds")
    assert.isUndefined(reading.pollUnsafe())
    yield* network.heal(ada.id, bob.id)
    assert.strictEqual(yield* Fiber.join(reading), "late")
    yield* TestClock.adjust("1 minute")
    yield* here.close(code(1), "done")
    assert.deepInclude(yield* there.closed, { code: code(1) })
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: connections of parted endpoints time out on both sides; others live on", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const { ada, bob, here, there } = yield* pair
    const eve = yield* peer()
    const other = yield* ada.connect(eve.addr, echo)
    yield* network.partition(ada.id, bob.id)
    const writing = yield* Effect.forkScoped(
      reasonOf(Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(new Uint8Array(1 << 20)))))
    )
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual((yield* here.closed)._tag, "TimedOut")
    assert.strictEqual((yield* there.closed)._tag, "TimedOut")
    assert.strictEqual((yield* Fiber.join(writing))._tag, "ConnectionEnded")
    yield* Effect.scoped(Effect.flatMap(other.openUni, ({ write }) => write(bytes("x"))))
    assert.strictEqual((yield* eve.accept).remoteId, ada.id)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a lost close ends the other side by its time-out", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const { ada, bob, here, there } = yield* pair
    yield* network.partition(ada.id, bob.id)
    yield* ada.close
    assert.strictEqual((yield* here.closed)._tag, "LocallyClosed")
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual((yield* there.closed)._tag, "TimedOut")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: held knocks arrive in reverse", () =>
  Effect.gen(function* () {
    const network = yield* TestEndpoint.MemoryNetwork
    const [ada, bob, eve, mia] = [yield* peer(), yield* peer(), yield* peer(), yield* peer()]
    yield* network.reorder(3)
    yield* Effect.forEach([ada, bob, eve], ({ connect }) => Effect.forkScoped(connect(mia.addr, echo)))
    const came = yield* Effect.all([mia.accept, mia.accept, mia.accept])
    assert.deepStrictEqual(
      came.map(({ remoteId }) => remoteId),
      [eve.id, bob.id, ada.id]
    )
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: an endpoint closed while it dials says so at once", () =>
  Effect.gen(function* () {
    const ada = yield* peer()
    const dialling = yield* Effect.forkScoped(
      reasonOf(ada.connect({ id: ada.id.replace(/.$/, "f") as never, addrs: ["memory:9"] }, chat))
    )
    yield* Effect.yieldNow
    yield* ada.close
    assert.strictEqual((yield* Fiber.join(dialling))._tag, "EndpointClosed")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: an aborted handshake ends for the other side as soon as the news arrives", () =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* boundTo([]), yield* boundTo([echo])]

    // The dialer gives up while the answer is on its way.
    const dialling = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
    yield* TestClock.adjust(20)
    const accepting = yield* Effect.forkScoped(Effect.flatMap(bob.knock, ({ accept }) => reasonOf(accept)))
    yield* TestClock.adjust(5)
    yield* Fiber.interrupt(dialling)
    yield* TestClock.adjust(34)
    assert.isUndefined(accepting.pollUnsafe())
    yield* TestClock.adjust(1)
    assert.strictEqual((yield* Fiber.join(accepting))._tag, "TransportError")

    // The acceptor gives up when the dialer has its connection.
    const dialled = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
    yield* TestClock.adjust(20)
    const given = yield* Effect.forkScoped(Effect.flatMap(bob.knock, ({ accept }) => accept))
    yield* TestClock.adjust(20)
    const connection = yield* Fiber.join(dialled)
    yield* Fiber.interrupt(given)
    yield* TestClock.adjust(20)
    assert.deepInclude(yield* connection.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" } as const)

    // A knock of somebody who has gone is accepted by nobody.
    const gone = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
    yield* TestClock.adjust(20)
    const knock = yield* bob.knock
    yield* Fiber.interrupt(gone)
    assert.strictEqual((yield* reasonOf(knock.accept))._tag, "TransportError")
  }).pipe(Effect.provide(TestEndpoint.layer({ latency: 20 })), Effect.scoped)
)
