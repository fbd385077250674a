/** Each hook with state, interrupted at every operation, and used again. */
import { Context, Effect, Exit, Layer, Metric, Option, Redacted, Stream } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Endpoint, HookChain, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointHooks, EndpointId, EndpointTransport } from "fairlead/endpoint"
import {
  circuitBreaker,
  connectionLimit,
  metrics,
  monitor,
  preAuthAcceptor,
  preAuthDialer,
  rateLimit,
  streamLimit
} from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { sweeps } from "../../kit/Sweeping.ts"
import { chainOf, echo } from "../Peers.ts"

/** A network of its own, in the scope in use. */
const network = Layer.build(TestEndpoint.layer())

const endpoint = (
  context: Context.Context<EndpointTransport.EndpointTransport>,
  ...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>
) => Effect.provide(Endpoint.make({ alpns: [echo], hooks: chainOf(hooks) }), context)

/** An endpoint with hooks, and one without. */
const two = (...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>) =>
  Effect.gen(function* () {
    const context = yield* network
    return { hooked: yield* endpoint(context, ...hooks), plain: yield* endpoint(context) }
  })

/** Whether a place is free again: a connection that is let go is noticed in a few steps. */
const soon = (attempt: Effect.Effect<boolean, unknown>): Effect.Effect<boolean, unknown> => {
  const again = (left: number): Effect.Effect<boolean, unknown> =>
    Effect.flatMap(attempt, (done) =>
      done || left === 0 ? Effect.succeed(done) : Effect.andThen(Effect.yieldNow, again(left - 1))
    )
  return again(500)
}

const connects = (from: Endpoint.Endpoint["Service"], to: Endpoint.Endpoint["Service"]) =>
  Effect.map(Effect.exit(Effect.scoped(from.connect(to.addr, echo))), Exit.isSuccess)

sweeps("endpoint connectionLimit, dialled", {
  make: two(connectionLimit({ maxConnections: 1 })),
  call: ({ hooked, plain }) => hooked.connect(plain.addr, echo),
  after: ({ hooked, plain }) => soon(connects(hooked, plain))
})

sweeps("endpoint connectionLimit, accepted", {
  make: two(connectionLimit({ maxConnections: 1, maxPending: 1, maxPerAddress: 1 })),
  call: ({ hooked, plain }) => plain.connect(hooked.addr, echo),
  after: ({ hooked, plain }) =>
    soon(
      Effect.scoped(
        Effect.gen(function* () {
          const opened = yield* Effect.exit(plain.connect(hooked.addr, echo))
          if (Exit.isFailure(opened)) return false
          return yield* soon(Effect.map(hooked.connections.list, (open) => open.length === 1))
        })
      )
    )
})

sweeps("endpoint connectionLimit, making room", {
  make: Effect.gen(function* () {
    const both = yield* two(connectionLimit({ maxConnections: 1, priority: ({ side }) => (side === "dialer" ? 1 : 0) }))
    yield* both.plain.connect(both.hooked.addr, echo)
    return both
  }),
  call: ({ hooked, plain }) => hooked.connect(plain.addr, echo),
  after: ({ hooked, plain }) => soon(connects(hooked, plain))
})

sweeps("endpoint connectionLimit, exempt and counted again", {
  make: Effect.gen(function* () {
    const exempt = new Set<EndpointId.EndpointId>()
    const both = yield* two(connectionLimit({ maxConnections: 1, exempt }))
    exempt.add(both.plain.id)
    return { ...both, exempt }
  }),
  call: ({ hooked, plain }) => Effect.all([hooked.connect(plain.addr, echo), hooked.connect(plain.addr, echo)]),
  // The exempt connections have ended, so that one that counts has its place.
  after: ({ exempt, hooked, plain }) => {
    exempt.clear()
    return soon(connects(hooked, plain))
  }
})

sweeps("endpoint streamLimit", {
  make: Effect.gen(function* () {
    const { hooked, plain } = yield* two(streamLimit({ maxStreams: 1 }))
    return yield* hooked.connect(plain.addr, echo)
  }),
  call: ({ openUni }) => openUni,
  after: ({ openUni }) => soon(Effect.map(Effect.exit(Effect.scoped(openUni)), Exit.isSuccess))
})

sweeps("endpoint streamLimit, accepted", {
  make: Effect.gen(function* () {
    const { hooked, plain } = yield* two(streamLimit({ maxStreams: 1 }))
    const here = yield* hooked.connect(plain.addr, echo)
    return { here, opener: Option.getOrThrow(yield* Stream.runHead(plain.incoming)) }
  }),
  call: ({ here, opener }) =>
    Effect.andThen(
      Effect.flatMap(opener.openUni, ({ write }) => write(Uint8Array.of(1))),
      here.acceptUni
    ),
  // The stream is counted until somebody has accepted it and is done with it.
  after: ({ here }) => {
    const opens = Effect.map(Effect.exit(Effect.scoped(here.openUni)), Exit.isSuccess)
    const accepts = Effect.scoped(Effect.timeoutOption(here.acceptUni, "1 millis"))
    return soon(Effect.flatMap(opens, (isOpen) => (isOpen ? Effect.succeed(true) : Effect.as(accepts, false))))
  }
})

/** Counts the first dial as a failure. */
const failsOnce = () => {
  let first = true
  return () => {
    if (!first) return CircuitBreaker.success
    first = false
    return CircuitBreaker.failure()
  }
}

sweeps("endpoint circuitBreaker, half open", {
  make: Effect.gen(function* () {
    const both = yield* two(
      circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(1), openDuration: "1 millis", classify: failsOnce() })
    )
    yield* Effect.ignore(Effect.scoped(both.hooked.connect(both.plain.addr, echo)))
    yield* TestClock.adjust("10 millis")
    return both
  }),
  call: ({ hooked, plain }) => hooked.connect(plain.addr, echo),
  after: ({ hooked, plain }) => connects(hooked, plain)
})

sweeps("endpoint rateLimit", {
  make: Effect.gen(function* () {
    const context = yield* network
    const limiter = yield* Layer.build(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)))
    const hooks = HookChain.make("rated").use(rateLimit({ limit: 3, window: "1 hour", maxKeys: 1 }))
    const rated = yield* Effect.provide(Endpoint.make({ alpns: [echo], hooks }), Context.merge(context, limiter))
    return { rated, plain: yield* endpoint(context) }
  }),
  call: ({ plain, rated }) => plain.connect(rated.addr, echo),
  after: ({ plain, rated }) => connects(plain, rated)
})

sweeps("endpoint preAuth", {
  make: Effect.gen(function* () {
    const context = yield* network
    const auth = preAuthAcceptor({ verify: (token) => Redacted.value(token) === "open sesame" })
    const router = ProtocolRouter.make("guarded")
      .route(auth.alpn, auth.handler)
      .route(echo, () => Effect.never)
    const built = yield* Effect.provide(
      Layer.build(ProtocolRouter.layer(router, { hooks: HookChain.make("door").use(auth.hooks), grace: 0 })),
      context
    )
    return {
      guarded: Context.get(built, Endpoint.Endpoint),
      dialer: yield* endpoint(context, preAuthDialer({ token: Redacted.make("open sesame") }))
    }
  }),
  call: ({ dialer, guarded }) => dialer.connect(guarded.addr, echo),
  after: ({ dialer, guarded }) => connects(dialer, guarded)
})

sweeps("endpoint monitor and metrics", {
  make: Effect.gen(function* () {
    const watch = yield* monitor()
    const registry = new Map()
    const measured = Effect.provideService(Metric.MetricRegistry, registry)
    const both = yield* measured(two(watch.hooks, metrics()))
    const gauges = Effect.map(measured(Metric.snapshot), (all) =>
      all.flatMap((metric) => (metric.type === "Gauge" ? [Number(metric.state.value)] : []))
    )
    return { ...both, watch, measured, gauges }
  }),
  call: ({ hooked, measured, plain }) => measured(hooked.connect(plain.addr, echo)),
  after: ({ gauges, watch }) =>
    soon(
      Effect.map(
        Effect.all([watch.open, gauges]),
        ([open, gauges]) => open.length === 0 && gauges.every((count) => count === 0)
      )
    )
})
