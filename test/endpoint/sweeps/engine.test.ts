/** The endpoint's engine, interrupted at every operation: dials, streams, bytes, closing, routers. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Scheduler, Stream } from "effect"
import { Endpoint, EndpointHooks, HookChain, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointTransport } from "fairlead/endpoint"
import { connectionLimit } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { Mailbox } from "../../../src/endpoint/transport/Source.ts"
import { sweeps } from "../../kit/Sweeping.ts"
import { chainOf, echo, peer } from "../Peers.ts"

const network = Layer.build(TestEndpoint.layer({ maxStreams: 1 }))

const endpoint = (
  context: Context.Context<EndpointTransport.EndpointTransport>,
  ...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>
) => Effect.provide(Endpoint.make({ alpns: [echo], hooks: chainOf(hooks) }), context)

/** A hook that suspends. */
const slow = EndpointHooks.make("slow", {
  beforeConnect: () => Effect.yieldNow,
  afterHandshake: () => Effect.yieldNow,
  onStreamOpen: () => Effect.yieldNow
})

const connected = (...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>) =>
  Effect.gen(function* () {
    const context = yield* network
    const [ada, bob] = [yield* endpoint(context, ...hooks), yield* endpoint(context, ...hooks)]
    const here = yield* ada.connect(bob.addr, echo)
    const there = Option.getOrThrow(yield* Stream.runHead(bob.incoming))
    return { ada, bob, here, there }
  })

const soon = (holds: Effect.Effect<boolean>): Effect.Effect<boolean> => {
  const again = (left: number): Effect.Effect<boolean> =>
    Effect.flatMap(holds, (done) =>
      done || left === 0 ? Effect.succeed(done) : Effect.andThen(Effect.yieldNow, again(left - 1))
    )
  return again(500)
}

sweeps("endpoint connect", {
  make: Effect.gen(function* () {
    const context = yield* network
    return { ada: yield* endpoint(context, slow), bob: yield* endpoint(context, slow) }
  }),
  call: ({ ada, bob }) => ada.connect(bob.addr, echo),
  // Neither side has a connection left.
  after: ({ ada, bob }) =>
    soon(Effect.map(Effect.all([ada.connections.list, bob.connections.list]), (lists) => lists.flat().length === 0))
})

sweeps("endpoint open stream", {
  make: Effect.gen(function* () {
    const both = yield* connected(slow)
    // A stream that was finished is over when its end was read.
    yield* Effect.forkScoped(Effect.forever(Effect.ignore(Effect.scoped(both.there.acceptUni))))
    return both
  }),
  call: ({ here }) => here.openUni,
  // The one stream that there may be can be opened again.
  after: ({ here }) => Effect.map(Effect.exit(Effect.scoped(here.openUni)), Exit.isSuccess)
})

sweeps("endpoint accept stream", {
  make: Effect.gen(function* () {
    const both = yield* connected(slow)
    const send = yield* both.here.openUni
    yield* send.write(Uint8Array.of(7))
    yield* send.finish
    return both
  }),
  call: ({ there }) => there.acceptUni,
  // Who accepts next has it, or whoever had it has ended it, and there is room for another.
  after: ({ here, there }) =>
    Effect.gen(function* () {
      const next = yield* Effect.forkChild(Effect.scoped(there.acceptUni))
      const other = yield* Effect.forkChild(Effect.scoped(here.openUni))
      const either = yield* soon(Effect.sync(() => next.pollUnsafe() !== undefined || other.pollUnsafe() !== undefined))
      yield* Fiber.interrupt(next)
      yield* Fiber.interrupt(other)
      return either
    })
})

sweeps("endpoint read", {
  make: Effect.gen(function* () {
    const { here, there } = yield* connected()
    const send = yield* here.openUni
    yield* send.write(Uint8Array.of(1, 2, 3))
    yield* send.finish
    return yield* there.acceptUni
  }),
  call: ({ read }) => read(2),
  // Whether the read had its bytes or not, what comes after them is there, in order, and then the end.
  after: ({ read }) =>
    Effect.gen(function* () {
      const got: Array<number> = []
      for (let next = yield* read(); Option.isSome(next); next = yield* read()) got.push(...next.value)
      return got.join() === "1,2,3" || got.join() === "3"
    })
})

sweeps("endpoint write", {
  make: Effect.gen(function* () {
    const { here, there } = yield* connected()
    const send = yield* here.openUni
    yield* send.write(Uint8Array.of(1))
    return { send, recv: yield* there.acceptUni }
  }),
  call: ({ send }) => send.write(new Uint8Array(10)),
  after: ({ recv, send }) =>
    Effect.gen(function* () {
      yield* send.write(Uint8Array.of(9))
      yield* send.finish
      let last: number | undefined
      for (let next = yield* recv.read(); Option.isSome(next); next = yield* recv.read()) last = next.value.at(-1)
      return last === 9
    })
})

sweeps("endpoint close", {
  make: connected(slow),
  call: ({ ada }) => ada.close,
  after: ({ ada, here }) => Effect.andThen(ada.close, Effect.as(here.closed, true))
})

sweeps("endpoint router", {
  make: Effect.gen(function* () {
    const context = yield* network
    const router = ProtocolRouter.make("peers").route(echo, () => Effect.void)
    return { context, router, ada: yield* endpoint(context) }
  }),
  call: ({ ada, context, router }) =>
    Effect.gen(function* () {
      const built = yield* Effect.provide(Layer.build(ProtocolRouter.layer(router, { linger: 0 })), context)
      yield* ada.connect(Context.get(built, Endpoint.Endpoint).addr, echo)
    }),
  after: ({ ada }) => soon(Effect.map(ada.connections.list, (open) => open.length === 0))
})

sweeps("endpoint mailbox", {
  make: Effect.sync(() => {
    const mailbox = new Mailbox<number>()
    mailbox.put(1, 2)
    return { mailbox, got: [] as Array<number> }
  }),
  call: ({ got, mailbox }) => mailbox.source.take((value) => void got.push(value)),
  after: ({ got, mailbox }) => Effect.sync(() => [...got, ...mailbox.drain()].join() === "1,2")
})

it.effect("endpoint: 1,500 abandoned dials leave all 20 slots, also with a yield after each 8 operations", () =>
  Effect.gen(function* () {
    const bob = yield* peer(connectionLimit({ maxConnections: 20, maxPending: 2000 }))
    const ada = yield* Endpoint.make({
      alpns: [],
      hooks: HookChain.make("limited").use(connectionLimit({ maxConnections: 20 }))
    })
    for (let index = 0; index < 1500; index++) {
      const dialling = yield* Effect.forkChild(Effect.scoped(Effect.andThen(ada.connect(bob.addr, echo), Effect.never)))
      for (let yields = 0; yields < index % 30; yields++) yield* Effect.yieldNow
      yield* Fiber.interrupt(dialling)
    }
    for (let yields = 0; yields < 100; yields++) yield* Effect.yieldNow
    const dials = yield* Effect.forEach(Array(20), () => Effect.exit(ada.connect(bob.addr, echo)))
    assert.strictEqual(dials.filter(Exit.isSuccess).length, 20)
    for (let yields = 0; yields < 500; yields++) yield* Effect.yieldNow
    assert.strictEqual((yield* bob.connections.list).length, 20)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped, Effect.provideService(Scheduler.MaxOpsBeforeYield, 8))
)
