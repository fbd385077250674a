/** Endpoints and their hooks survive an interruption at every operation: slots come back, closing ends. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Scheduler } from "effect"
import { Endpoint } from "fairlead/endpoint"
import { connectionLimit, streamLimit } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { echo, peer } from "../endpoint/Peers.ts"
import { scripted } from "../endpoint/Scripted.ts"
import { settled } from "../kit/Settling.ts"
import { sweeps } from "../kit/Sweeping.ts"

const withNetwork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Layer.build(TestEndpoint.layer()), (network) => Effect.provideContext(effect, network))

/** One endpoint with one place, and another that dials it. */
const onePlace = withNetwork(
  Effect.gen(function* () {
    const bob = yield* peer(connectionLimit({ maxConnections: 1, maxPending: 1 }), streamLimit({ maxStreams: 1 }))
    const ada = yield* peer()
    return { ada, bob }
  })
)

sweeps("endpoint connectionLimit of one place", {
  make: onePlace,
  call: ({ ada, bob }) => ada.connect(bob.addr, echo),
  after: ({ ada, bob }) =>
    Effect.gen(function* () {
      yield* settled
      const connection = yield* ada.connect(bob.addr, echo)
      yield* settled
      // A place that was lost would close it with 429.
      const closed = yield* Effect.forkChild(connection.closed)
      yield* settled
      assert.isUndefined(closed.pollUnsafe())
      yield* Fiber.interrupt(closed)
    }).pipe(Effect.scoped)
})

sweeps("endpoint streamLimit of one place", {
  make: withNetwork(
    Effect.gen(function* () {
      const bob = yield* peer()
      const ada = yield* peer(streamLimit({ maxStreams: 1 }))
      return yield* ada.connect(bob.addr, echo)
    })
  ),
  call: (connection) => connection.openBi,
  after: (connection) => Effect.andThen(settled, Effect.scoped(connection.openBi))
})

sweeps("endpoint close by two", {
  make: Effect.gen(function* () {
    const counts = { closed: 0 }
    const close = Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => void counts.closed++)
    )
    return { counts, endpoint: yield* scripted({ close })(Endpoint.make({ alpns: [echo] })) }
  }),
  call: ({ endpoint }) => Effect.all([endpoint.close, endpoint.close], { concurrency: 2 }),
  after: ({ counts, endpoint }) =>
    Effect.gen(function* () {
      yield* endpoint.close
      yield* endpoint.closed
      // The transport was closed once, whoever began.
      assert.strictEqual(counts.closed, 1)
    })
})

it.live("simulation 3: 1,500 abandoned dials, with a yield after every 8 operations, leave 20 of 20 places", () =>
  Effect.gen(function* () {
    const bob = yield* peer(connectionLimit({ maxConnections: 20, maxPerPeer: 20, maxPending: 20 }))
    const ada = yield* peer()
    const abandoned = (number: number) =>
      Effect.gen(function* () {
        const dial = yield* Effect.forkChild(Effect.scoped(ada.connect(bob.addr, echo)))
        for (let turn = 0; turn < number % 30; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(dial)
      })
    yield* Effect.forEach(
      Array.from({ length: 1500 }, (_, number) => number),
      abandoned,
      { concurrency: 10, discard: true }
    )
    for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
    let open = 0
    for (let place = 0; place < 20; place++) {
      const connection = yield* ada.connect(bob.addr, echo)
      const closed = yield* Effect.forkChild(connection.closed)
      for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
      if (closed.pollUnsafe() === undefined) open++
      yield* Fiber.interrupt(closed)
    }
    assert.strictEqual(open, 20)
  }).pipe(Effect.scoped, Effect.provide(TestEndpoint.layer()), Effect.provideService(Scheduler.MaxOpsBeforeYield, 8))
)
