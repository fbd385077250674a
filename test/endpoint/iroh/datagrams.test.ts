/** Datagrams over iroh. */
import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Scope } from "effect"
import { Datagrams } from "fairlead/endpoint"
import type { EndpointTransport } from "fairlead/endpoint"

import { bytes, code, pair, reasonOf, text } from "../Peers.ts"
import { describeIroh, transport } from "./Iroh.ts"

const channels = Effect.gen(function* () {
  const { of } = yield* Datagrams.Datagrams
  const { here, there } = yield* pair
  return { connection: here, peer: there, here: of(here), there: of(there) }
})

const live = <A, E>(
  title: string,
  test: Effect.Effect<A, E, Scope.Scope | EndpointTransport.EndpointTransport | Datagrams.Datagrams>
) => it.live(title, () => test.pipe(Effect.scoped, Effect.provide(transport)))

describeIroh("datagrams over iroh", () => {
  live(
    "endpoint iroh: a datagram arrives, both ways, also when a waiter for it was interrupted",
    Effect.gen(function* () {
      const { connection, here, there } = yield* channels
      yield* Fiber.interrupt(yield* Effect.forkScoped(there.receive, { startImmediately: true }))
      yield* here.send(bytes("ping"))
      assert.strictEqual(text(yield* there.receive), "ping")
      yield* there.send(bytes("pong"))
      assert.strictEqual(text(yield* here.receive), "pong")
      assert.deepStrictEqual(yield* connection.stats, { bytesSent: 4, bytesReceived: 4 })
    })
  )

  live(
    "endpoint iroh: a datagram that is too large is refused, and none is sent or awaited when the connection has ended",
    Effect.gen(function* () {
      const { connection, here, peer, there } = yield* channels
      const { maxSize } = here
      assert.isAtLeast(maxSize, 1000)
      const large = { _tag: "DatagramTooLarge", size: maxSize + 500 } as const
      assert.deepInclude(yield* reasonOf(here.send(new Uint8Array(maxSize + 500))), large)
      yield* connection.close(code(3), "done")
      const local = { _tag: "ConnectionEnded", closeReason: { _tag: "LocallyClosed" } } as const
      assert.deepInclude(yield* reasonOf(here.send(bytes("x"))), local)
      const closeReason = { _tag: "ApplicationClosed", code: code(3), reason: "done" } as const
      assert.deepInclude(yield* reasonOf(there.receive), { _tag: "ConnectionEnded", closeReason } as const)
      yield* peer.closed
      assert.deepInclude(yield* reasonOf(there.send(bytes("x"))), { _tag: "ConnectionEnded", closeReason } as const)
    })
  )
})
