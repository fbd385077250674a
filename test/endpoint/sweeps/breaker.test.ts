/**
 * A circuit breaker through real endpoints over the memory network: the dial that finds out whether the peer is back is interrupted at every operation. A trial without an
 * outcome leaves the circuit as it was. One whose outcome was known before the interruption counts, and a failure opens the circuit for twice as long.
 */
import { Effect, Exit, Layer } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Endpoint, EndpointHooks } from "fairlead/endpoint"
import { circuitBreaker } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { sweeps } from "../../kit/Sweeping.ts"
import { chainOf, echo, reasonOf } from "../Peers.ts"

const tripPolicy = CircuitBreaker.consecutive(1)

const suspending = EndpointHooks.make("suspending", {
  beforeConnect: () => Effect.yieldNow,
  afterHandshake: () => Effect.yieldNow
})

/** How the peer turns dials away: before the handshake, or after it. */
type Away = "refusing" | "rejecting"

/** A dialer whose circuit is about to let one dial find out, and the peer. */
const halfOpen = (away: Away, ...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(TestEndpoint.layer())
    const door: { away: Away | undefined } = { away }
    const guard = EndpointHooks.make("guard", {
      beforeAccept: () => (door.away === "refusing" ? "refuse" : "accept"),
      afterHandshake: () =>
        door.away === "rejecting" ? Effect.fail(new EndpointHooks.Reject({ reason: "go away" })) : Effect.void
    })
    const make = (...own: ReadonlyArray<EndpointHooks.EndpointHooks>) =>
      Effect.provide(Endpoint.make({ alpns: [echo], hooks: chainOf(own) }), context)
    const [ada, bob] = [yield* make(...hooks), yield* make(guard)]
    yield* Effect.ignore(Effect.scoped(Effect.flatMap(ada.connect(bob.addr, echo), ({ closed }) => closed)))
    yield* TestClock.adjust("1 second")
    return { ada, bob, door }
  })

type Subject = Effect.Success<ReturnType<typeof halfOpen>>

/** The peer is back, and the next dial connects. */
const connects = ({ ada, bob, door }: Subject) =>
  Effect.suspend(() => {
    door.away = undefined
    return Effect.map(Effect.exit(Effect.scoped(ada.connect(bob.addr, echo))), Exit.isSuccess)
  })

const openForASecond = circuitBreaker({ tripPolicy, openDuration: "1 second", maxOpenDuration: "1 second" })

for (const [between, hooks] of [
  ["", [openForASecond]],
  [", between hooks that suspend", [suspending, openForASecond, suspending]]
] as const) {
  for (const away of ["refusing", "rejecting"] as const) {
    // The dial finds the peer: whether it ends in time or not, no other is turned away.
    sweeps(`endpoint circuitBreaker, a trial after a ${away} peer${between}`, {
      make: halfOpen(away, ...hooks),
      call: ({ ada, bob, door }) => {
        door.away = undefined
        return ada.connect(bob.addr, echo)
      },
      after: connects
    })

    // The dial is turned away: interrupted or failed, another may find out when the circuit's time is over.
    sweeps(`endpoint circuitBreaker, a trial with a ${away} peer${between}`, {
      make: halfOpen(away, ...hooks),
      call: ({ ada, bob }) => Effect.flatMap(ada.connect(bob.addr, echo), ({ closed }) => closed),
      after: (subject) => Effect.andThen(TestClock.adjust("1 second"), connects(subject))
    })
  }
}

sweeps("endpoint circuitBreaker, a trial that doubles the time", {
  make: halfOpen("refusing", circuitBreaker({ tripPolicy, openDuration: "1 second" })),
  call: ({ ada, bob }) => ada.connect(bob.addr, echo),
  after: (subject) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      if (yield* connects(subject)) return true
      // The trial had failed before it was interrupted, so the circuit is open for two seconds.
      const reason = yield* reasonOf(Effect.scoped(subject.ada.connect(subject.bob.addr, echo)))
      if (reason._tag !== "Rejected" || reason.code !== 503n) return false
      yield* TestClock.adjust("1 second")
      return yield* connects(subject)
    })
})
