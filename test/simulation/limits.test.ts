/** Twenty at once, under every order of their operations: a limit admits as many as it says, and each place is free again afterwards. */
import { Effect, Exit } from "effect"
import type { Scope } from "effect"
import { Alpn, EndpointId } from "fairlead/endpoint"
import type { EndpointConnection, EndpointHooks } from "fairlead/endpoint"
import { connectionLimit, streamLimit } from "fairlead/endpoint/hooks"

import type { HooksValue } from "../../src/endpoint/HooksValue.ts"
import { simulates } from "../kit/Sweeping.ts"

/** The instance that an endpoint would have of these hooks. */
const instanceOf = (hooks: EndpointHooks.EndpointHooks): Required<HooksValue> =>
  (hooks as unknown as HooksValue).build!({ composite: "test", name: "limit" }) as Required<HooksValue>

/** A connection, as hooks see it. */
const connectionOf = (number: number): EndpointConnection.ConnectionInfo =>
  ({
    remoteId: EndpointId.EndpointId.make(number.toString(16).padStart(64, "0")),
    alpn: Alpn.fromString("echo/1"),
    side: "acceptor",
    remoteAddress: `10.0.0.${number}:1`
  }) as unknown as EndpointConnection.ConnectionInfo

const twenty = Array.from({ length: 20 }, (_, index) => index + 1)

/** Twenty want in at once, and those who are admitted stay for a moment; then twenty more do. */
const twice = (admission: () => (number: number) => Effect.Effect<boolean, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const admit = admission()
    const visit = (number: number) => Effect.scoped(Effect.tap(admit(number), () => Effect.sleep("1 second")))
    const round = Effect.map(
      Effect.forEach(twenty, visit, { concurrency: "unbounded" }),
      (admitted) => admitted.filter(Boolean).length
    )
    return [yield* round, yield* round]
  })

const seeds = 100
const invariants = {
  "three are admitted, and three again": ({ value }: { readonly value: ReadonlyArray<number> }) =>
    value.join() === "3,3"
}

const succeeds = (effect: unknown) =>
  Effect.map(Effect.exit(effect as Effect.Effect<unknown, unknown, Scope.Scope>), Exit.isSuccess)

simulates("endpoint connectionLimit of twenty at once", {
  seeds,
  scenario: twice(() => {
    const { afterHandshake } = instanceOf(connectionLimit({ maxConnections: 3 }))
    return (number) => succeeds(afterHandshake(connectionOf(number)))
  }),
  invariants
})

simulates("endpoint connectionLimit of twenty pending at once", {
  seeds,
  scenario: twice(() => {
    const { beforeAccept } = instanceOf(connectionLimit({ maxPending: 3 }))
    return (number) =>
      Effect.map(
        beforeAccept({ address: `10.0.0.${number}:1`, validated: true }) as Effect.Effect<string, never, Scope.Scope>,
        (admission) => admission === "accept"
      )
  }),
  invariants
})

simulates("endpoint connectionLimit of twenty at once that make room", {
  seeds,
  scenario: Effect.gen(function* () {
    const priority = ({ remoteAddress }: EndpointConnection.ConnectionInfo) => Number(remoteAddress.split(/[.:]/)[3])
    const { afterHandshake } = instanceOf(connectionLimit({ maxConnections: 3, priority }))
    const open = new Set<number>()
    const visit = (number: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const close = () => Effect.sync(() => void open.delete(number))
          const admitted = succeeds(afterHandshake({ ...connectionOf(number), close }))
          open.add(number)
          if (!(yield* admitted)) open.delete(number)
          yield* Effect.sleep("1 second")
        })
      )
    const visits = yield* Effect.forkChild(Effect.forEach(twenty, visit, { concurrency: "unbounded" }))
    yield* Effect.sleep("500 millis")
    const stay = [...open].toSorted((a, b) => a - b)
    yield* Effect.ignore(Effect.sleep("1 second"))
    return { stay, ended: visits.pollUnsafe() !== undefined }
  }),
  invariants: {
    "the three that are worth most stay": ({ value }) => value.ended && value.stay.join() === "18,19,20"
  }
})

simulates("endpoint streamLimit of twenty at once", {
  seeds,
  scenario: twice(() => {
    const { onStreamOpen } = instanceOf(streamLimit({ maxStreams: 3 }))
    const connection = connectionOf(1)
    return () => succeeds(onStreamOpen({ kind: "uni", initiator: "local" }, connection))
  }),
  invariants
})
